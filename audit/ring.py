"""The keys of one use as files of one host, read anew when their folder changes: no restart for a rotation.

`<use>.key` is in force; `<use>.next.key` takes over from it, both being in force; `<use>.<key id>.vkey` are the public
halves of those before. Refuses keys of different names, and to make up a key when none is there.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from audit.errors import KeyRefused
from audit.keys import Vkey, parse_vkey


class Key(Protocol):
    """A private key, of a log or of a witness."""

    @property
    def vkey(self) -> Vkey:
        """Public half."""
        ...


K = TypeVar("K", bound=Key)


class Ring(Generic[K]):
    """The keys of one use; `load` reads a private file."""

    def __init__(self, folder: Path, use: str, load: Callable[[Path], K]) -> None:
        self.use = use
        self.folder = folder
        self._load = load
        self._seen: int | None = None
        self._signing: tuple[K, ...] = ()
        self._former: tuple[Vkey, ...] = ()

    @property
    def file(self) -> Path:
        """The key in force."""
        return self.folder / f"{self.use}.key"

    @property
    def next_file(self) -> Path:
        """The key that takes over."""
        return self.folder / f"{self.use}.next.key"

    @property
    def staged_file(self) -> Path:
        """The key that will take over once the journal says so; nobody signs with it yet."""
        return self.folder / f"{self.use}.staged.key"

    def former_file(self, vkey: Vkey) -> Path:
        """The public half of a key that has been retired."""
        return self.folder / f"{self.use}.{vkey.key_id.hex()}.vkey"

    def read(self, path: Path) -> K | None:
        """Read a private file, None when it is not there."""
        return self._load(path) if path.exists() else None

    @property
    def signing(self) -> tuple[K, ...]:
        """What signs, newest last."""
        changed = self.folder.stat().st_mtime_ns
        if changed != self._seen:
            self._refresh()
            self._seen = changed
        return self._signing

    @property
    def newest(self) -> K:
        """What signs alone where one signature is enough."""
        return self.signing[-1]

    @property
    def vkey(self) -> Vkey:
        """Public half of the newest."""
        return self.newest.vkey

    @property
    def name(self) -> str:
        """Name all of them bear."""
        return self.vkey.name

    @property
    def vkeys(self) -> tuple[Vkey, ...]:
        """What may have signed: also the public halves of former keys."""
        return (*(key.vkey for key in self.signing), *self._former)

    def _refresh(self) -> None:
        found = [self.read(path) for path in (self.file, self.next_file)]
        signing = tuple(key for key in found if key is not None)
        if not signing:
            raise KeyRefused(f"{self.file} is missing: restore it from its backup")
        kind = type(signing[0].vkey)
        in_force = [key.vkey for key in signing]
        texts = [path.read_text("ascii") for path in sorted(self.folder.glob(f"{self.use}.*.vkey"))]
        former = tuple(vkey for vkey in (parse_vkey(text, kind) for text in texts) if vkey not in in_force)
        if len({vkey.name for vkey in (*in_force, *former)}) > 1:
            raise KeyRefused(f"the keys beside {self.file} have different names")
        self._signing, self._former = signing, former
