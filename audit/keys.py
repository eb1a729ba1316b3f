"""Ed25519 keys of the log: names, public texts (vkeys), key files, and the small interface to sign.

C2SP signed-note: a key is known by `<name>+<key id>+<base64(0x01 || public key)>`, the key id being the first
four bytes of SHA-256(name || 0x0A || 0x01 || public key). Key files hold the matching private text and are
readable by their owner only. Refuses any other algorithm, and a key file others can read. The byte 0x01 is the
key's kind: witnesses have another (`audit/cosignature.py`).
"""

import base64
import binascii
import hashlib
import os
import re
import secrets
import tempfile
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol, Self, TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from audit.errors import KeyRefused

_PRIVATE = "PRIVATE+KEY+"
_NAME = re.compile(r"[a-z][a-z0-9.-]{0,99}(/[a-z0-9._-]{1,60}){0,6}")  # a URL without its scheme
_FOREIGN_NAME = re.compile(r"[^\s+\x00-\x1f\x7f]{1,255}")  # what the norm allows others


class Signer(Protocol):
    """Whatever holds a private key: a file today, a key management service behind the same three names."""

    @property
    def name(self) -> str:
        """Name of the key."""
        ...

    @property
    def vkey(self) -> "Vkey":
        """Public half."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Give the 64-byte Ed25519 signature."""
        ...

    def named(self, name: str) -> Self:
        """Give the same key under another name: that of a shard."""
        ...


class Keys(Protocol):
    """The keys of one use: one, or two while one takes over from the other (`audit/ring.py`)."""

    @property
    def name(self) -> str:
        """Name all of them bear."""
        ...

    @property
    def signing(self) -> Sequence[Signer]:
        """What signs, newest last."""
        ...

    @property
    def vkeys(self) -> Sequence["Vkey"]:
        """What may have signed: also the public halves of former keys."""
        ...


@dataclass(frozen=True, slots=True)
class Vkey:
    """The public half of a named key; `str(vkey)` is the text to publish."""

    kind: ClassVar[bytes] = b"\x01"

    name: str
    public: bytes

    @property
    def key_id(self) -> bytes:
        """Four bytes that tell keys of one name apart."""
        return hashlib.sha256(self.name.encode() + b"\n" + self.kind + self.public).digest()[:4]

    def named(self, name: str) -> Self:
        """Give the same key under another name, as a shard bears it."""
        return type(self)(name, self.public)

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(self.kind + self.public).decode()}"

    def accepts(self, signature: bytes, message: bytes) -> bool:
        """Tell whether the signature is this key's."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except InvalidSignature:
            return False
        return True


class Ed25519Signer:
    """A private key in memory."""

    def __init__(self, name: str, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self._vkey = Vkey(key_name(name), self._key.public_key().public_bytes_raw())

    @property
    def name(self) -> str:
        """See `Signer.name`."""
        return self._vkey.name

    @property
    def vkey(self) -> Vkey:
        """See `Signer.vkey`."""
        return self._vkey

    def sign(self, message: bytes) -> bytes:
        """See `Signer.sign`."""
        return self._key.sign(message)

    def named(self, name: str) -> Self:
        """See `Signer.named`."""
        twin = copy(self)
        twin._vkey = self._vkey.named(key_name(name))  # noqa: SLF001  of our own kind
        return twin

    @property
    def signing(self) -> Sequence["Ed25519Signer"]:
        """See `Keys.signing`: itself."""
        return (self,)

    @property
    def vkeys(self) -> Sequence[Vkey]:
        """See `Keys.vkeys`: its own."""
        return (self._vkey,)


def key_name(name: str) -> str:
    """Give back a name or origin that is a scheme-less URL in lower case, or refuse it."""
    if not _NAME.fullmatch(name):
        raise KeyRefused("a key name is a URL without scheme, in lower case")
    return name


AnyVkey = TypeVar("AnyVkey", bound=Vkey)


def parse_vkey(text: str, kind: type[AnyVkey] = Vkey) -> AnyVkey:  # type: ignore[assignment]  # mypy #3737
    """Read a public key text; its key id must be the right one."""
    vkey = kind(*_fields(text.strip(), kind.kind))
    if str(vkey) != text.strip():
        raise KeyRefused("the key id does not belong to this name and key")
    return vkey


def create_key(path: Path, name: str) -> Ed25519Signer:
    """Draw a new key and write its file, 0600; an existing file is never overwritten."""
    seed = secrets.token_bytes(32)
    signer = Ed25519Signer(name, seed)
    write_private(path, signer.vkey, seed)
    return signer


def load_key(path: Path) -> Ed25519Signer:
    """Read a key file that only its owner can read."""
    return Ed25519Signer(*read_private(path, Vkey.kind))


def write_private(path: Path, vkey: Vkey, seed: bytes) -> None:
    """Write the private text of a key to a new file."""
    text = f"{_PRIVATE}{vkey.name}+{vkey.key_id.hex()}+{base64.b64encode(vkey.kind + seed).decode()}\n"
    with tempfile.NamedTemporaryFile("w", dir=path.parent) as handle:  # mode 0600; whole or not there at all
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())
        try:
            os.link(handle.name, path)
        except FileExistsError:
            raise KeyRefused(f"{path} exists: a key is never overwritten") from None


def read_private(path: Path, kind: bytes) -> tuple[str, bytes]:
    """Give name and seed of a key file of this kind."""
    try:
        mode, text = path.stat().st_mode, path.read_text("ascii").strip()
    except (OSError, ValueError):
        raise KeyRefused(f"{path} cannot be read") from None
    if mode & 0o077:
        raise KeyRefused(f"{path} can be read by others: chmod 600")
    if not text.startswith(_PRIVATE):
        raise KeyRefused(f"{path} holds no private key")
    return _fields(text.removeprefix(_PRIVATE), kind)


def _fields(text: str, kind: bytes) -> tuple[str, bytes]:
    """Split `name+id+base64`; nothing of a private text may reach an exception."""
    try:
        name, _, encoded = text.split("+", 2)
        raw = base64.b64decode(encoded, validate=True)
        name.encode()
    except (ValueError, binascii.Error):
        raise KeyRefused("not a key text") from None
    if len(raw) != 33 or raw[:1] != kind:
        raise KeyRefused("not an Ed25519 key of this kind")
    if not _FOREIGN_NAME.fullmatch(name):
        raise KeyRefused("a key name holds no blank, no plus and no control character")
    return name, raw[1:]
