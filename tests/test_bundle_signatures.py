"""Signatures: made with any common Ed25519 key, in the form of minisign, and never taken on faith.

The signature of minisign itself below was made by minisign 0.11 over ``{"a":1}``.
"""

import base64
import hashlib
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from test_bundle import again, members, small  # noqa: F401

from fingerprint.bundle import signatures
from fingerprint.bundle.making import make
from fingerprint.bundle.signatures import check, named_key, read_signer
from fingerprint.bundle.verifying import verify
from fingerprint.errors import BundleError, MissingExtraError

CONTENT = b'{"a":1}\n'
SEED = bytes(range(32))
SECRET = ed25519.Ed25519PrivateKey.from_private_bytes(SEED)
OTHER = ed25519.Ed25519PrivateKey.from_private_bytes(SEED[::-1])


def never(file):
    raise AssertionError("a password was asked for")


def pem(key=SECRET, password=None):
    how = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how)


def openssh(password=None):
    how = BestAvailableEncryption(password) if password else NoEncryption()
    return SECRET.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, how)


def minisign(password=None, operations=32768, memory=1 << 20):
    """Write a secret key as minisign does (its README and libsodium's scrypt parameters)."""
    number, raw = b"\x01\x02\x03\x04\x05\x06\x07\x08", SEED + SECRET.public_key().public_bytes_raw()
    body = number + raw + hashlib.blake2b(b"Ed" + number + raw, digest_size=32).digest()
    salt = bytes(32)
    if password:
        stream = hashlib.scrypt(password, salt=salt, n=1 << 10, r=8, p=1, dklen=104)
        body = bytes(a ^ b for a, b in zip(body, stream, strict=True))
    kind = b"Sc" if password else b"\x00\x00"
    sizes = operations.to_bytes(8, "little") + memory.to_bytes(8, "little")
    blob = b"Ed" + kind + b"B2" + salt + sizes + body
    return b"untrusted comment: a key\n" + base64.b64encode(blob) + b"\n"


@pytest.mark.parametrize(
    ("written", "password"),
    [
        (pem(), None),
        (pem(password=b"pw"), b"pw"),
        (openssh(), None),
        (openssh(b"pw"), b"pw"),
        (minisign(), None),
        (minisign(b"pw"), b"pw"),
    ],
)
def test_every_kind_of_key_signs(tmp_path, written, password):
    path = tmp_path / "key"
    path.write_bytes(written)
    signer = read_signer(path, never if password is None else lambda file: password)
    signature = signer.sign(CONTENT, "said")
    assert signature == signer.sign(CONTENT, "said")
    check(CONTENT, signature, signer.public, "b.zip")
    assert named_key(signature) == signer.number[::-1].hex().upper()
    # The form: independent of our own reader.
    lines = signature.decode().splitlines()
    raw = base64.b64decode(lines[1])
    assert raw[:2] == b"ED"
    SECRET.public_key().verify(raw[10:], hashlib.blake2b(CONTENT).digest())
    whole = base64.b64decode(lines[3])
    SECRET.public_key().verify(whole, raw[10:] + b"said")
    assert base64.b64decode(signer.public)[10:] == SECRET.public_key().public_bytes_raw()


def test_a_wrong_password_is_said(tmp_path):
    path = tmp_path / "key"
    for written in (pem(password=b"pw"), openssh(b"pw"), minisign(b"pw")):
        path.write_bytes(written)
        with pytest.raises(BundleError, match="expected an Ed25519 secret key"):
            read_signer(path, lambda file: b"other")


def test_every_form_of_public_key(tmp_path):
    path = tmp_path / "key"
    path.write_bytes(pem())
    signer = read_signer(path, never)
    signature = signer.sign(CONTENT, "said")
    public = SECRET.public_key()
    as_pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    as_ssh = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    as_file = f"untrusted comment: public key\n{signer.public}\n".encode()
    for i, written in enumerate((as_pem, as_ssh, as_file)):
        file = tmp_path / f"public-{i}"
        file.write_bytes(written)
        check(CONTENT, signature, str(file), "b.zip")
    check(CONTENT, signature, as_ssh.decode(), "b.zip")


def test_a_signature_of_minisign_itself():
    public = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"
    signature = (
        b"untrusted comment: signature from minisign secret key\n"
        b"RUQf6LRCGA9i559r3g7V1qNyJDApGip8MfqcadIgT9CuhV3EMhHoN1mGTkUidF/"
        b"z7SrlQgXdy8ofjb7bNJJylDOocrCo8KLzZwo=\n"
        b"trusted comment: timestamp:1556193335\tfile:test\n"
        b"y/rUw2y8/hOUYjZU71eHp/Wo1KZ40fGy2VJEDl34XMJM+TX48Ss/17u3IvIfbVR1FkZZSNCisQbuQY+bHwhEBg==\n"
    )
    check(b"test", signature, public, "x")
    assert named_key(signature) == "E7620F1842B4E81F"
    with pytest.raises(BundleError):
        check(b"Test", signature, public, "x")


@pytest.fixture
def signature(tmp_path):
    path = tmp_path / "key"
    path.write_bytes(pem())
    signer = read_signer(path, never)
    return signer.sign(CONTENT, "said"), signer.public


def test_any_change_breaks_it(signature):
    signed, public = signature
    other = base64.b64encode(b"Ed" + bytes(8) + OTHER.public_key().public_bytes_raw()).decode()
    lines = signed.split(b"\n")
    for content, given, key in (
        (CONTENT + b" ", signed, public),
        (CONTENT, signed, other),
        (CONTENT, signed.replace(b"trusted comment: said", b"trusted comment: sajd"), public),
        (CONTENT, b"\n".join([lines[0], lines[3], lines[2], lines[1], b""]), public),
        (CONTENT, b"\n".join(lines[:3]), public),
        (CONTENT, b"", public),
        (CONTENT, b"\xff\xff", public),
        (CONTENT, signed.replace(lines[1], b"not base64"), public),
    ):
        with pytest.raises(BundleError, match="do not rely on this bundle"):
            check(content, given, key, "b.zip")


def test_keys_that_are_none(tmp_path, signature):
    path = tmp_path / "key"
    strong = rsa.generate_private_key(65537, 2048)
    for written in (b"", b"hello", b"a\nb\n", b"\xff" * 100, b"-----BEGIN X-----", pem(strong),
                    minisign(b"pw", memory=1 << 40)):  # fmt: skip
        path.write_bytes(written)
        with pytest.raises(BundleError, match="openssl genpkey"):
            read_signer(path, lambda file: b"pw")
        with pytest.raises(BundleError, match="expected an Ed25519 public key"):
            check(CONTENT, signature[0], str(path), "b.zip")
    path.write_bytes(bytes(signatures.MAX_KEY_BYTES + 1))
    with pytest.raises(BundleError, match="more than"):
        read_signer(path, never)
    with pytest.raises(BundleError, match="readable key file"):
        read_signer(tmp_path / "none", never)


def test_a_signed_bundle(small, tmp_path):  # noqa: F811
    key = tmp_path / "key"
    key.write_bytes(pem())
    signer = read_signer(key, never)
    path = tmp_path / "b.zip"
    make(small, path, signer=signer)
    assert verify(path, public_key=signer.public).signature.startswith("good signature of key")
    assert "not checked" in verify(path).signature
    other = base64.b64encode(b"Ed" + bytes(8) + OTHER.public_key().public_bytes_raw()).decode()
    with pytest.raises(BundleError, match="was not made with the key given"):
        verify(path, public_key=other)
    # Altered with a manifest that fits: only the signature tells.
    files = members(path)
    files["README.txt"] += b"!"
    altered = again(tmp_path / "c.zip", files)
    assert verify(altered).difference is None
    with pytest.raises(BundleError, match="without a signature"):
        verify(altered, public_key=signer.public)
    head = json.loads(members(path)["manifest.json"])
    assert "manifest.json.minisig" not in [f["path"] for f in head["files"]]


def test_without_the_extra_the_message_says_what_to_install(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(MissingExtraError, match=r"fingerprint\[report\]"):
        read_signer(tmp_path / "key", never)
