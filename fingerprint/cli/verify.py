"""`fingerprint verify`: whether an evidence bundle is whole and gives the same verdict again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fingerprint.cli.options import KeyOption, read_key, stdout_console


def verify_command(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE.zip", help="An evidence bundle.")],
    public_key: Annotated[
        str | None,
        typer.Option(
            "--public-key", help="Key of the maker, or its file: minisign, OpenSSH or PEM."
        ),
    ] = None,
    key_file: KeyOption = None,
) -> None:
    """Check every byte of a bundle and compute its verdict again."""
    from rich.text import Text

    from fingerprint.bundle.verifying import verify
    from fingerprint.errors import BundleError
    from fingerprint.report.safe import clean

    found = verify(bundle, public_key=public_key, key=read_key(key_file))
    console = stdout_console()
    for name, value in (
        ("bundle", found.sha256),
        ("made by", found.made_by),
        ("files", f"{found.files}, all as the manifest says"),
        ("signature", found.signature),
        ("texts", found.text),
        ("verdict", "the same, byte for byte" if found.difference is None else "NOT the same"),
    ):
        console.print(Text(f"{name:<10} {clean(value, 300)}"), soft_wrap=True)
    if found.difference is not None:
        raise BundleError(f"{bundle}: the verdict is not the same: {found.difference}")
