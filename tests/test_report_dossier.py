"""The folder of a report, by the command line: written, written again, verified, kept from harm."""

import hashlib
import io
import json
import re
import sys
import zipfile

import pytest
from conftest import process
from simulated import INDEPENDENT

from fingerprint import examine, render_report, verify_bundle, write_report

FILES = {
    "verdict.json",
    "exhibits.json",
    "report.html",
    "memo.md",
    "memo.docx",
    "memo.pdf",
    "bundle.zip",
}


@pytest.fixture(scope="module")
def folder(case, tmp_path_factory):
    folder = tmp_path_factory.mktemp("dossier")
    write_report(case, folder)
    return folder


def names(folder):
    return {path.name for path in folder.iterdir()}


def test_a_report_has_every_part(folder, case):
    assert names(folder) == FILES
    assert verify_bundle(folder / "bundle.zip").difference is None
    stored = json.loads((folder / "verdict.json").read_bytes())
    assert stored["suspect"]["name"] == case.verdict.suspect.name
    with zipfile.ZipFile(io.BytesIO((folder / "memo.docx").read_bytes())) as opened:
        assert "word/document.xml" in opened.namelist()
    assert (folder / "memo.pdf").read_bytes()[:5] == b"%PDF-"


def test_the_same_case_has_the_same_files(folder, case, tmp_path):
    write_report(case, tmp_path)
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes(), name


def test_it_is_written_again_from_the_verdict_alone(folder, tmp_path, cli):
    for name in ("verdict.json", "exhibits.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    ran = cli("report", tmp_path / "verdict.json")
    assert ran.code == 0, ran.err
    assert ran.out == ""
    for name in ("report.html", "memo.md", "memo.docx", "memo.pdf"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes(), name


def test_text_can_be_left_out_later(folder, tmp_path, cli):
    out = tmp_path / "public"
    ran = cli("report", folder / "verdict.json", "--out", out, "--no-text", "--plots", "svg")
    assert ran.code == 0, ran.err
    page = (out / "report.html").read_text("utf-8")
    assert "ev-index" not in page
    assert "on purpose" in page
    assert 'id="more"' in page  # the textless exhibits stay
    assert {p.name for p in (out / "plots").iterdir()} >= {"ranking.svg", "dendrogram.svg"}
    assert "Question 1:" not in page


def test_a_verdict_without_exhibits_has_a_report(folder, tmp_path):
    (tmp_path / "v.json").write_bytes((folder / "verdict.json").read_bytes())
    written = render_report(tmp_path / "v.json")
    assert {p.name for p in written.files} == {"report.html", "memo.md", "memo.docx", "memo.pdf"}


def test_exhibits_of_another_verdict_are_not_shown(folder, tmp_path, cli):
    (tmp_path / "exhibits.json").write_bytes((folder / "exhibits.json").read_bytes())
    raw = (folder / "verdict.json").read_bytes().replace(b'"seed": 2', b'"seed": 3')
    (tmp_path / "verdict.json").write_bytes(raw)
    assert "another verdict" in cli("report", tmp_path / "verdict.json").failed_alone()


@pytest.mark.parametrize("raw", [b"", b"[]", b'{"schema": "x"}', b"\xff", b"PK\x03\x04"])
def test_what_is_no_verdict_is_refused(raw, tmp_path, cli):
    (tmp_path / "verdict.json").write_bytes(raw)
    cli("report", tmp_path / "verdict.json").failed_alone()
    cli("report", tmp_path / "none.json").failed_alone()


def test_compare_writes_a_report(files, tmp_path, cli):
    """Standard output holds the verdict alone; the files are named on stderr."""
    out = tmp_path / "r"
    asked = ("compare", "--suspect", files["student"], "--teacher", files["teacher"],
             *files.background(*INDEPENDENT))  # fmt: skip
    ran = cli(*asked, "--format", "json", "--report", out, "--plots", "png,svg", "--no-text")
    assert ran.code == 0, ran.err
    assert (out / "verdict.json").read_text() == ran.out
    assert names(out) == FILES | {"plots"}
    for name in FILES:
        assert f"wrote {out / name}" in ran.err.replace("\n", "")
    (digest,) = re.findall(r"bundle ([0-9a-f]{64})", ran.err)
    with zipfile.ZipFile(out / "bundle.zip") as opened:
        assert hashlib.sha256(opened.read("manifest.json")).hexdigest() == digest
        run = json.loads(opened.read("run.json"))
    assert run["command"][:2] == ["fingerprint", "compare"]
    assert "--no-text" in run["command"]


def test_compare_as_markdown(files, cli):
    ran = cli("compare", "--suspect", files["student"], "--teacher", files["teacher"],
              *files.background(*INDEPENDENT), "--format", "markdown")  # fmt: skip
    assert ran.code == 0
    assert ran.out.startswith("### `sim-oak` and `sim-maple`: ")


def test_markdown_on_a_terminal_that_is_not_utf_8(tmp_path):
    done = process("compare", "--suspect", "kimi", "--teacher", "ref_claude",
                   "--format", "markdown", env={"PYTHONIOENCODING": "ascii"})  # fmt: skip
    assert done.code == 0, done.err
    assert done.out.isascii()


def test_signed_and_verified_on_the_command_line(files, tmp_path, cli):
    from test_bundle_signatures import SECRET, pem

    key = tmp_path / "key.pem"
    key.write_bytes(pem())
    out = tmp_path / "r"
    ran = cli("compare", "--suspect", files["student"], "--teacher", files["teacher"],
              *files.background(*INDEPENDENT), "--report", out, "--sign", key,
              "--include-text")  # fmt: skip
    assert ran.code == 0, ran.err
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = SECRET.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    ran = cli("verify", out / "bundle.zip", "--public-key", public)
    assert ran.code == 0, ran.err
    assert "good signature of key" in ran.out
    assert "their packs are the same" in ran.out
    assert "the same, byte for byte" in ran.out
    other = public.replace("AAAA", "AAAB", 1)
    assert "public key" in cli("verify", out / "bundle.zip", "--public-key", other).failed_alone()


def test_a_verdict_that_differs_ends_with_1(folder, tmp_path, cli):
    from test_bundle import again, members

    contents = members(folder / "bundle.zip")
    contents["verdict.json"] = contents["verdict.json"].replace(
        b'"n_prompts": 60', b'"n_prompts": 61'
    )
    ran = cli("verify", again(tmp_path / "b.zip", contents))
    assert ran.code == 1
    assert "NOT the same" in ran.out
    assert "n_prompts: the bundle says 61" in ran.err


@pytest.mark.parametrize(
    "options",
    [
        ("--no-text",),
        ("--include-text",),
        ("--plots", "svg"),
        ("--sign", "key"),
        ("--report", "r", "--plots", "gif"),
        ("--format", "html"),
    ],
)
def test_wrong_usage_ends_with_2_before_any_work(options, cli, tmp_path):
    ran = cli("compare", "--suspect", "nothing", "--teacher", "nobody", *options)
    assert ran.code == 2


def test_a_key_is_read_before_the_work_is_done(cli, tmp_path):
    ran = cli("compare", "--suspect", "nothing", "--teacher", "nobody", "--report", tmp_path / "r",
              "--sign", tmp_path / "none")  # fmt: skip
    assert "key file" in ran.failed_alone()
    assert not (tmp_path / "r").exists()


def test_a_folder_that_cannot_be_made_is_one_line(files, cli, tmp_path):
    (tmp_path / "file").write_text("x")
    ran = cli("compare", "--suspect", files["student"], "--teacher", files["teacher"],
              *files.background(*INDEPENDENT), "--report", tmp_path / "file" / "r")  # fmt: skip
    assert ran.code == 1
    assert "cannot be made" in ran.failed()


def test_without_the_extra_the_rest_is_written(case, tmp_path, monkeypatch):
    (tmp_path / "memo.pdf").write_text("of an earlier report")
    for module in ("typst", "docx", "matplotlib", "cryptography"):
        monkeypatch.setitem(sys.modules, module, None)
    written = write_report(case, tmp_path)
    assert names(tmp_path) == FILES - {"memo.pdf", "memo.docx"}
    assert [reason.split(":")[0] for reason in written.left_out] == ["memo.docx", "memo.pdf"]
    assert all("fingerprint[report]" in reason for reason in written.left_out)


def test_insufficient_data_has_a_report_too(files, tmp_path):
    case = examine(files["student"], files["teacher"], background=[files["elm"], files["fir"]])
    assert case.verdict.verdict == "insufficient_data"
    write_report(case, tmp_path)
    assert "insufficient data" in (tmp_path / "report.html").read_text("utf-8")
    assert verify_bundle(tmp_path / "bundle.zip").difference is None


def test_unpaired_has_a_report_too(files, tmp_path):
    from simulated import prompts, world, write_jsonl

    other = write_jsonl(tmp_path / "t.jsonl", world(1)["teacher"], prompts(40, "other"))
    case = examine(files["student"], other, unpaired=True,
                   background=[files[name] for name in INDEPENDENT])  # fmt: skip
    write_report(case, tmp_path / "r")
    assert verify_bundle(tmp_path / "r" / "bundle.zip").difference is None


def test_a_report_on_the_library_runs_in_a_process(tmp_path):
    done = process("compare", "--suspect", "kimi", "--teacher", "ref_claude",
                   "--report", tmp_path / "r")  # fmt: skip
    assert done.code == 0, done.err
    assert names(tmp_path / "r") == FILES
    page = (tmp_path / "r" / "report.html").read_bytes()
    assert len(page) < 3_000_000
