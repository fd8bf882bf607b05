"""SPECs: what a user types after ``--suspect``, ``--teacher`` and ``--background``.

A name in the library, a path to outputs, a path to a pack, or a folder of these.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fingerprint.errors import OutputsError, UnknownNameError
from fingerprint.library import Entry, Library, library
from fingerprint.models import model_info
from fingerprint.outputs import read_outputs, sniff
from fingerprint.packs import PACK_SUFFIX, Pack, build, read, with_info
from fingerprint.records import Problem, Source
from fingerprint.tokens import Hasher


@dataclass(frozen=True, slots=True)
class Loaded:
    """The packs that a SPEC stands for, one a model and suite.

    ``name`` is what the party is called in a verdict: the SPEC itself for a library name (several
    versions of one line may stand behind it), None for files, which name their models.
    """

    spec: str
    name: str | None
    packs: tuple[Pack, ...]
    entries: tuple[Entry, ...]
    problems: tuple[Problem, ...]
    sources: tuple[Source, ...]
    pack_files: tuple[Path, ...] = ()
    """Where the first packs were read from; the packs after them were built from outputs."""


@dataclass(slots=True)
class Loader:
    """Reads SPECs; remembers what it has read, so that one file named twice is read once.

    Parameters
    ----------
    stated : mapping of model to (lineage, vendor)
        From ``--lineages``: goes before what files and the table of known models say.
    key : bytes or None
        HMAC key of the packs of this run.
    strict : bool
        Stop at the first bad line.
    shelf : Library
        Where names are looked up; the shipped library, or that of an evidence bundle.
    prompts : tuple of str
        Suites or files with the prompts that live models are asked.
    """

    stated: Mapping[str, tuple[str, str | None]]
    key: bytes | None = None
    strict: bool = False
    shelf: Library = field(default_factory=library)
    prompts: tuple[str, ...] = ()
    _hasher: Hasher = field(init=False)
    _read: dict[str, Loaded] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._hasher = Hasher(self.key)

    def load(self, spec: str) -> Loaded:
        """Read a SPEC.

        Raises
        ------
        UnknownNameError
            When it is neither a path nor a name of the library.
        OutputsError, PackError
            When its files cannot be used.
        CollectError
            When it is a live model that cannot be asked.
        """
        if spec not in self._read:
            path = Path(spec)
            if not spec.strip():
                raise UnknownNameError(
                    "expected a path or a name of the library, found an empty word; is a shell "
                    "variable unset?"
                )
            if _exists(path):
                self._read[spec] = self._load_path(spec, path)
            elif (answers := self._ask_live(spec)) is not None:
                self._read[spec] = self._load_path(spec, answers)
            elif _looks_like_path(spec):
                raise UnknownNameError(
                    f"{spec[:200]}: no such file or folder; expected outputs, a pack, a folder of "
                    "these, or a name of the library (`fingerprint library list`)"
                )
            else:
                self._read[spec] = self._load_name(spec)
        return self._read[spec]

    def entry(self, entry: Entry) -> Pack:
        """Read a pack of the library, under what the user states of its model."""
        return self.informed(self.shelf.load(entry))

    def remember(self, loaded: Loaded) -> None:
        """Take this for what its SPEC stands for: a bundle has the packs, not the files."""
        self._read[loaded.spec] = loaded

    def _ask_live(self, spec: str) -> Path | None:
        """Ask the model, if it is a live one, and return the file of its answers."""
        if ":" not in spec:
            return None
        from fingerprint.collect.live import is_live, resolve_live  # slow, and seldom needed

        suites = {e.suite.lower() for e in (*self.shelf.entries, *self.shelf.canaries)}
        return resolve_live(spec, prompts=self.prompts) if is_live(spec, suites) else None

    def _load_name(self, spec: str) -> Loaded:
        entries = self.shelf.find(spec)
        packs = tuple(self.entry(e) for e in entries)
        sources = tuple(Source(f"library:{e.file}", e.sha256) for e in entries)
        return Loaded(spec, spec.partition(":")[0], packs, entries, (), sources)

    def _load_path(self, spec: str, path: Path) -> Loaded:
        files = sorted(path.rglob(f"*{PACK_SUFFIX}")) if path.is_dir() else []
        if path.is_file() and path.suffix == PACK_SUFFIX:
            files = [path]
        packs = [self.informed(read(file, key=self.key)) for file in files]
        sources = [
            Source(str(file), pack.content_sha256) for file, pack in zip(files, packs, strict=True)
        ]
        problems: list[Problem] = []
        if not files or (path.is_dir() and _holds_outputs(path)):
            for outputs in read_outputs(path, strict=self.strict):
                info = model_info(
                    outputs.model,
                    lineage=outputs.lineage,
                    vendor=outputs.vendor,
                    released=outputs.released,
                    stated=self.stated,
                )
                packs.append(build(outputs, info, key=self.key, hasher=self._hasher))
                problems += outputs.problems
                sources += outputs.sources
        if not packs:
            raise OutputsError(f"{spec}: expected outputs or packs, found none in it")
        unique = tuple(dict.fromkeys(problems))
        return Loaded(
            spec, None, tuple(packs), (), unique, tuple(dict.fromkeys(sources)), tuple(files)
        )

    def informed(self, pack: Pack) -> Pack:
        """Return the pack under what the user states of its model."""
        said = self.stated.get(pack.info.name)
        if said is None:
            return pack
        info = pack.info
        return with_info(
            pack,
            model_info(
                info.name, vendor=info.vendor, released=info.released, stated={info.name: said}
            ),
        )


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # too long for the file system, or with a NUL
        return False


def _looks_like_path(spec: str) -> bool:
    return "/" in spec or spec.endswith(
        (".jsonl", ".gz", ".json", ".parquet", ".eval", PACK_SUFFIX)
    )


def _holds_outputs(folder: Path) -> bool:
    return any(
        file.is_file() and not file.name.startswith(".") and sniff(file) is not None
        for file in folder.rglob("*")
    )
