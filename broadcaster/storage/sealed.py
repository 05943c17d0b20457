"""Personal data at rest: encrypted values, and keyed blind indexes that find equal values without showing them.

One secret key (32 random bytes, file mode 0600) gives two derived keys: one encrypts (AES-256-GCM), one makes blind indexes
(HMAC-SHA256, cut to 16 bytes). `purpose` is part of both, so a sealed name never opens as an address, and equal texts of two
purposes have different indexes. A stolen database without the key shows neither names, numbers nor texts.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from functools import cached_property
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from broadcaster.errors import Blocked, BroadcasterError

_VERSION = b"\x01"  # first byte of a sealed value: which key and format; a later rotation adds numbers
_NONCE = 12
BLIND_BYTES = 16


class Unsealable(BroadcasterError):
    """A sealed value that does not open: another key, another purpose, or damage."""

    code = "unsealable"


class Sealer:
    """Seals and opens texts; makes blind indexes. Thread-safe; never logs what it sees."""

    def __init__(self, key: bytes) -> None:
        if len(key) != 32:
            raise Blocked("Kunci rahasia harus 32 byte; buat dengan `broadcaster init`.", code="bad_key")
        self._key = key

    @cached_property
    def _cipher(self) -> AESGCM:
        return AESGCM(self._derive(b"seal"))

    @cached_property
    def _index_key(self) -> bytes:
        return self._derive(b"blind index")

    def _derive(self, info: bytes) -> bytes:
        return HKDF(SHA256(), 32, salt=b"broadcaster", info=info).derive(self._key)

    def seal(self, purpose: str, text: str) -> bytes:
        """Encrypt `text`; two calls give two different values."""
        nonce = os.urandom(_NONCE)
        return _VERSION + nonce + self._cipher.encrypt(nonce, text.encode(), purpose.encode())

    def open(self, purpose: str, sealed: bytes) -> str:
        """The text that was sealed for `purpose`; raises `Unsealable`."""
        if not sealed.startswith(_VERSION):
            raise Unsealable("a sealed value has an unknown version")
        body = bytes(sealed[1:])
        try:
            return self._cipher.decrypt(body[:_NONCE], body[_NONCE:], purpose.encode()).decode()
        except (InvalidTag, ValueError) as error:
            raise Unsealable("a sealed value does not open with this installation's key") from error

    def blind(self, purpose: str, text: str) -> bytes:
        """Keyed index of `text`, 16 bytes: equal texts give equal indexes; nothing leads back."""
        return hmac.digest(self._index_key, purpose.encode() + b"\0" + text.encode(), hashlib.sha256)[:BLIND_BYTES]


def fresh_salt() -> str:
    """32 hex digits from the system's randomness: the salt of a new lot."""
    return secrets.token_hex(16)


def create_key(path: Path) -> bool:
    """Write a new key readable by its owner only; False when one is already there (it is never replaced)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(handle, "w") as file:
        file.write(secrets.token_hex(32) + "\n")
        file.flush()
        os.fsync(file.fileno())
    return True


def load_key(path: Path) -> Sealer:
    """Read the key file; raises `Blocked` with the fix when it is missing, open to others or damaged."""
    try:
        text = path.read_text().strip()
        mode = path.stat().st_mode & 0o077
    except FileNotFoundError as error:
        raise Blocked(
            f"Belum ada kunci rahasia di {path}; jalankan `broadcaster init` dahulu.", code="no_key"
        ) from error
    if mode:
        raise Blocked(f"Kunci rahasia {path} dapat dibaca akun lain; jalankan `chmod 600 {path}`.", code="open_key")
    try:
        return Sealer(bytes.fromhex(text))
    except ValueError as error:
        raise Blocked(f"Kunci rahasia {path} rusak; ambil kembali dari salinan yang aman.", code="bad_key") from error
