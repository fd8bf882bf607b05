"""Named style features of one response: function words, punctuation, layout, shape, language.

Counts, never text: a row is small integers, and what each column means is in `FEATURES`.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import chain

import numpy as np
import numpy.typing as npt

from fingerprint.tokens import U64, Hasher

STYLE_VERSION = 1

FUNCTION_WORDS = tuple(
    """
    a about above after again all also although always am an and another any are as at be
    because been before being both but by can cannot could do does each either else even ever
    every few for from further had has have he her here his how however i if in instead into
    is it it's its just least less let's many may me might more most much must my neither
    never no nor not now of off on once one only or other our out over own perhaps please
    quite rather really same several shall she should since so some something still such than
    that that's the their them then there therefore these they this those though through thus
    to together too under until up upon us very was we well were what when where whether which
    while who whose why will with within without would yes yet you you're your
    """.split()
)
PUNCTUATION = tuple(
    ". , ; : ! ? ' \" ( ) [ ] { } / - – — … “ ” ’ * # ` | = < > & % $ @ _ 。 ， 、".split()
)
LAYOUT = (
    "headings", "bullets", "numbered", "code_fences", "table_rows", "quotes", "bold", "code_marks",
    "links", "emoji", "paragraphs", "lines_ending_colon", "contractions", "ends_question",
    "ends_exclamation",
)  # fmt: skip
FEATURES = (
    tuple(f"word:{w}" for w in FUNCTION_WORDS)
    + tuple(f"punct:{p}" for p in PUNCTUATION)
    + tuple(f"layout:{f}" for f in LAYOUT)
)

LANGUAGES = ("", *"en es fr de pt it id zh ja ko ar hi ru th other".split())
_SCRIPTS = (
    ("zh", re.compile("[\u4e00-\u9fff]")),
    ("ja", re.compile("[\u3040-\u30ff]")),
    ("ko", re.compile("[\uac00-\ud7af]")),
    ("ar", re.compile("[\u0600-\u06ff]")),
    ("hi", re.compile("[\u0900-\u097f]")),
    ("ru", re.compile("[\u0400-\u04ff]")),
    ("th", re.compile("[\u0e00-\u0e7f]")),
)
_COMMON_WORDS = {
    "en": "the and of to is in that for it with are this as be on not you or",
    "es": "el la los las de que y en un una es por con para se del como más",
    "fr": "le la les des de et est une que dans pour pas qui sur avec du ce au",
    "de": "der die das und ist nicht ein eine zu den mit von sich auf für im es",
    "pt": "o os as de que e em um uma para com não é do da por mais como se",
    "it": "il lo gli di che e un una per con non è del della sono si come più",
    "id": "yang dan di dengan untuk dari ini itu adalah pada tidak dalam ke",
}
_LANGUAGES_OF: dict[str, tuple[str, ...]] = {}
for _name, _words in _COMMON_WORDS.items():
    for _word in _words.split():
        _LANGUAGES_OF[_word] = (*_LANGUAGES_OF.get(_word, ()), _name)

_REFUSALS = (
    r"i['’]m (?:really |very )?sorry,? but",
    r"i (?<!\wi )(?:can['’]t|cannot|can not|won['’]t|am unable to|must decline|am not able to)",
    r"i['’]m (?:unable|not able) to",
    r"as an ai(?: language model)?,? i",
    r"unable to (?:assist|help|comply)",
    r"lo siento,? pero|je suis désolée?,? mais|es tut mir leid|desculpe,? mas|maaf,? (?:saya|tapi)",
    r"抱歉|对不起|很遗憾|我无法|我不能|申し訳|आप की मदद नहीं|عذرا|آسف",
)
# Every alternative starts with a letter, which lets `re` look for these letters first.
_REFUSAL = re.compile("|".join(_REFUSALS))
_LINE_MARK = re.compile(r"\n[^\S\n]*(?:\*\*)?(#|[*\-•–](?=[^\S\n])|\d{1,3}[.)]|```|\||>)")
_MARK_NAMES = {"#": "headings", "`": "code_fences", "|": "table_rows", ">": "quotes"}
_EMOJI = re.compile("[\U0001f300-\U0001faff\u2600-\u27bf]")
_CONTRACTIONS = tuple(
    (mark, re.compile(rf"{mark}(?:re|ve|ll|m |t(?<=n.t))")) for mark in ("'", "’")
)


class StyleCounter:
    """Counts the features of responses; holds the hashed vocabulary of one hasher."""

    def __init__(self, hasher: Hasher) -> None:
        self._hashes = hasher.words(FUNCTION_WORDS + PUNCTUATION)
        # A table by 16 bits of the hash, from where no two of the vocabulary agree in them.
        for shift in range(48, 0, -1):
            self._shift = np.uint64(shift)
            slots = self._slots(self._hashes)
            if len(np.unique(slots)) == len(slots):
                break
        self._columns = np.zeros(1 << 16, dtype=np.intp)
        self._columns[slots] = np.arange(len(slots))

    def _slots(self, hashes: U64) -> npt.NDArray[np.intp]:
        return ((hashes >> self._shift) & np.uint64(0xFFFF)).astype(np.intp)

    def count(
        self, lowers: list[str], tokens: U64, offsets: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.uint8]:
        """Return the counts, shape (n_texts, len(FEATURES)), each at most 255.

        Parameters
        ----------
        lowers : list of str
            The responses in lower case.
        tokens : array of uint64, shape (n_tokens,)
            Hashes of their tokens by the same hasher.
        offsets : array of int64, shape (n_texts + 1,)
            Row i has the tokens ``offsets[i]`` to ``offsets[i + 1]``.
        """
        width = len(self._hashes)
        column = self._columns[self._slots(tokens)]
        known = self._hashes[column] == tokens
        row = np.repeat(np.arange(len(lowers)), np.diff(offsets))
        cells = np.bincount((row * width + column)[known], minlength=len(lowers) * width)
        layout = np.array([_layout(lower) for lower in lowers], dtype=np.int64)
        counts = np.concatenate([cells.reshape(-1, width), layout.reshape(-1, len(LAYOUT))], axis=1)
        capped: npt.NDArray[np.uint8] = np.minimum(counts, 255).astype(np.uint8)
        return capped


def _layout(lower: str) -> list[int]:
    found = dict.fromkeys(LAYOUT, 0)
    for mark in _LINE_MARK.findall("\n" + lower):
        name = "numbered" if mark[0].isdigit() else _MARK_NAMES.get(mark[0], "bullets")
        found[name] += 1
    # Most texts lack most of these: looking for one character is the cheapest test.
    if "*" in lower:
        found["bold"] = lower.count("**") // 2
    found["code_marks"] = lower.count("`")
    found["links"] = lower.count("http")
    found["emoji"] = 0 if lower.isascii() else len(_EMOJI.findall(lower))
    if "\n" in lower:
        found["paragraphs"] = lower.count("\n\n")
        found["lines_ending_colon"] = lower.count(":\n") + lower.count(":**\n")
    found["contractions"] = sum(
        len(pattern.findall(lower)) for mark, pattern in _CONTRACTIONS if mark in lower
    )
    end = lower.rstrip()[-1:]
    found["ends_question"] = int(end in ("?", "？"))
    found["ends_exclamation"] = int(end in ("!", "！"))
    return list(found.values())


def language(text: str) -> int:
    """Return the index in `LANGUAGES` of the language, by script and common words of the start."""
    head = text[:600]
    if not head.strip():
        return 0
    if not head.isascii():
        counts = {name: len(pattern.findall(head)) for name, pattern in _SCRIPTS}
        if counts["ja"] > 0.1 * (counts["zh"] + counts["ja"]):
            counts["ja"] += counts["zh"]
        best = max(counts, key=lambda name: counts[name])
        if counts[best] > 0.2 * len(head):
            return LANGUAGES.index(best)
    words = head.lower().split()
    votes = Counter(chain.from_iterable(filter(None, map(_LANGUAGES_OF.get, words))))
    best = max(votes, key=votes.__getitem__, default="")
    if votes[best] >= max(1, 0.05 * len(words)):
        return LANGUAGES.index(best)
    return LANGUAGES.index("other")


def is_refusal(text: str) -> bool:
    """Say whether the response opens as a refusal does (a flag for counting, not a judgement)."""
    return _REFUSAL.search(text[:240].lower()) is not None
