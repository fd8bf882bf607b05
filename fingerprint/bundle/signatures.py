"""Signatures: who vouches for a bundle, by Ed25519 (RFC 8032) in the form of minisign.

The manifest is signed, and the manifest has the hash of every file. The signature is a file of its
own in the bundle, so that `minisign -V -m manifest.json -P KEY` checks it without this tool. Keys
are the user's: PEM or OpenSSH as openssl and ssh-keygen write them, or minisign's own.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fingerprint.errors import BundleError, MissingExtraError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

Ask = Callable[[str], bytes]
"""Asks a person for the password of a file."""

MAX_KEY_BYTES = 1 << 16
_HASHED = b"ED"
_TRUSTED = "trusted comment: "


@dataclass(frozen=True, slots=True)
class Signer:
    """A secret key, with the number that minisign names a key by."""

    secret: Ed25519PrivateKey
    number: bytes

    @property
    def public(self) -> str:
        """The public key as minisign writes it: ``RW...``."""
        raw = self.secret.public_key().public_bytes_raw()
        return base64.b64encode(b"Ed" + self.number + raw).decode()

    def sign(self, content: bytes, said: str) -> bytes:
        """Sign content, and with it a line that says what it is; the same content, the same bytes.

        The form is minisign's, with the content hashed first by BLAKE2b.
        """
        signature = self.secret.sign(hashlib.blake2b(content).digest())
        whole = self.secret.sign(signature + said.encode())
        lines = (
            f"untrusted comment: signature by fingerprint, public key {self.public}",
            base64.b64encode(_HASHED + self.number + signature).decode(),
            _TRUSTED + said,
            base64.b64encode(whole).decode(),
        )
        return ("\n".join(lines) + "\n").encode()


def read_signer(path: Path, ask: Ask) -> Signer:
    """Read a secret key.

    Parameters
    ----------
    path : Path
        Ed25519, as PEM (PKCS 8), OpenSSH or minisign file.
    ask : callable
        Gives the password of an encrypted file.

    Raises
    ------
    MissingExtraError
        When `cryptography` is not installed.
    BundleError
        When it is no such key, or the password is another one.
    """
    _crypto()
    raw = _read(path)
    if b"-----BEGIN" in raw:
        secret = _from_pem(raw, path, ask)
        return Signer(secret, _number(secret.public_key().public_bytes_raw()))
    return _from_minisign(raw, path, ask)


def check(content: bytes, signature: bytes, public: str, where: str) -> None:
    """Check a signature against a public key that the reader trusts.

    Parameters
    ----------
    content, signature : bytes
    public : str
        The key itself as minisign (``RW...``) or OpenSSH (``ssh-ed25519 ...``) writes it, or the
        path of a file with it, PEM too.
    where : str
        For messages.

    Raises
    ------
    MissingExtraError
        When `cryptography` is not installed.
    BundleError
        When the key cannot be read, or the signature was not made with it over this content.
    """
    _crypto()
    from cryptography.exceptions import InvalidSignature

    key = _public(public)
    try:
        signed, said, whole = _parts(signature)
        key.verify(signed, hashlib.blake2b(content).digest())
        key.verify(whole, signed + said)
    except (InvalidSignature, ValueError) as error:
        raise BundleError(
            f"{where}: the signature was not made with the key given over this manifest: do not "
            "rely on this bundle, or give the key of its maker"
        ) from error


def named_key(signature: bytes) -> str:
    """Return the number of the key that a signature says it was made with, as minisign shows it."""
    try:
        raw = base64.b64decode(signature.decode("ascii").splitlines()[1], validate=True)
    except (ValueError, IndexError):
        return "unreadable"
    return raw[2:10][::-1].hex().upper()


def _crypto() -> None:
    try:
        import cryptography  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("signing bundles", "cryptography", "report") from error


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_KEY_BYTES + 1)
    except OSError as error:
        raise BundleError(f"{path}: expected a readable key file: {error.strerror}") from error
    if len(raw) > MAX_KEY_BYTES:
        raise BundleError(
            f"{path}: expected a key file, found one of more than {MAX_KEY_BYTES} bytes"
        )
    return raw


def _number(public: bytes) -> bytes:
    """Give a number to a key that has none of minisign: the start of its hash."""
    return hashlib.sha256(public).digest()[:8]


def _from_pem(raw: bytes, path: Path, ask: Ask) -> Ed25519PrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    ssh = b"OPENSSH" in raw
    load: Any = serialization.load_ssh_private_key if ssh else serialization.load_pem_private_key
    try:
        try:
            key = load(raw, None)
        except TypeError:  # its way to say that a password is needed
            key = load(raw, ask(str(path)))
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _no_key(path, f": {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _no_key(path, ", found one of another kind")
    return key


def _from_minisign(raw: bytes, path: Path, ask: Ask) -> Signer:
    """Read minisign's secret key file: comment, then key number, key and check in base64."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    try:
        blob = base64.b64decode(raw.decode("ascii").splitlines()[1], validate=True)
    except (ValueError, IndexError) as error:
        raise _no_key(path) from error
    if len(blob) != 158 or blob[:2] != b"Ed" or blob[4:6] != b"B2":
        raise _no_key(path)
    encrypted = blob[2:4] == b"Sc"
    body = _open(blob, ask(str(path)), path) if encrypted else blob[54:]
    number, secret, mark = body[:8], body[8:72], body[72:]
    # A key without a password has no checksum.
    if encrypted and hashlib.blake2b(b"Ed" + number + secret, digest_size=32).digest() != mark:
        raise _no_key(path, ": its checksum differs; is the password right?")
    return Signer(Ed25519PrivateKey.from_private_bytes(secret[:32]), number)


def _open(blob: bytes, password: bytes, path: Path) -> bytes:
    """Decrypt a minisign key: a key stream from scrypt (RFC 7914) with libsodium's parameters."""
    operations, memory = (int.from_bytes(blob[i : i + 8], "little") for i in (38, 46))
    operations = max(operations, 32768)
    if memory > 1 << 31 or operations > 1 << 31:
        raise _no_key(path, ", found one that asks for more than 2 GiB to be opened")
    rows, lanes, cost = 8, 1, 1
    ample = operations < memory // 32
    most = operations // (rows * 4) if ample else memory // (rows * 128)
    while cost <= 62 and 1 << cost <= most // 2:
        cost += 1
    if not ample:
        lanes = max(min(operations // 4 // (1 << cost), 0x3FFFFFFF) // rows, 1)
    stream = hashlib.scrypt(
        password, salt=blob[6:38], n=1 << cost, r=rows, p=lanes, maxmem=(1 << 31) - 1, dklen=104
    )
    return bytes(a ^ b for a, b in zip(blob[54:], stream, strict=True))


def _public(given: str) -> Ed25519PublicKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    text = given.strip()
    if not text.startswith(("RW", "ssh-ed25519 ")):
        text = _read(Path(given)).decode("utf-8", "replace").strip()
    try:
        if text.startswith("ssh-ed25519 "):
            key: Any = serialization.load_ssh_public_key(text.encode())
        elif text.startswith("-----BEGIN"):
            key = serialization.load_pem_public_key(text.encode())
        else:
            raw = base64.b64decode(text.splitlines()[-1], validate=True)
            if len(raw) != 42 or raw[:2] != b"Ed":
                raise ValueError("no minisign key")
            key = Ed25519PublicKey.from_public_bytes(raw[10:])
    except (ValueError, IndexError, UnsupportedAlgorithm) as error:
        raise BundleError(
            f"{given[:80]}: expected an Ed25519 public key of minisign (RW...), OpenSSH or PEM"
        ) from error
    if not isinstance(key, Ed25519PublicKey):
        raise BundleError(
            f"{given[:80]}: expected an Ed25519 public key, found one of another kind"
        )
    return key


def _parts(signature: bytes) -> tuple[bytes, bytes, bytes]:
    """Return the signature, the trusted comment, and the signature over both."""
    lines = signature.decode("utf-8").split("\n")
    if len(lines) != 5 or lines[4] or not lines[2].startswith(_TRUSTED):
        raise ValueError("not in the form of minisign")
    try:
        signed = base64.b64decode(lines[1], validate=True)
        whole = base64.b64decode(lines[3], validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
    if len(signed) != 74 or signed[:2] != _HASHED or len(whole) != 64:
        raise ValueError("not of minisign's lengths")
    return signed[10:], lines[2].removeprefix(_TRUSTED).encode(), whole


def _no_key(path: Path, detail: str = "") -> BundleError:
    return BundleError(
        f"{path}: expected an Ed25519 secret key (PEM, OpenSSH or minisign){detail}; for one, run: "
        "openssl genpkey -algorithm ed25519 -out KEY"
    )
