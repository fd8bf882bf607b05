"""Write docs/cli.md from the commands' own help: python tools/write_cli_docs.py [--check]."""

from __future__ import annotations

import sys
from pathlib import Path

OUT = Path(__file__).resolve().parent.parent / "docs" / "cli.md"
HEAD = "# Commands\n\nWritten from `--help` by `tools/write_cli_docs.py`; do not edit.\n"


def render() -> str:
    """Return the text of docs/cli.md."""
    import typer
    from typer.testing import CliRunner

    from fingerprint.cli.main import app

    runner = CliRunner(env={"TERMINAL_WIDTH": "96", "COLUMNS": "96", "NO_COLOR": "1"})
    parts = [HEAD]

    def walk(command: object, path: list[str]) -> None:
        shown = runner.invoke(app, [*path, "--help"], prog_name="fingerprint", color=False)
        text = "\n".join(line.rstrip() for line in shown.stdout.strip().splitlines())
        parts.append(f"\n## {' '.join(['fingerprint', *path])}\n\n```\n{text}\n```\n")
        for name, child in sorted(getattr(command, "commands", {}).items()):
            walk(child, [*path, name])

    walk(typer.main.get_command(app), [])
    return "".join(parts)


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(0 if OUT.read_text("utf-8") == render() else f"{OUT}: stale; run make docs")
    OUT.write_text(render(), "utf-8")
