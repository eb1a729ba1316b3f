"""Keys of one use whose turn stands in their file's name: a rotation is one file, no restart, no second command.

    token.pem                  the first key
    token.1795000000000.pem    signs from that time on (milliseconds UTC)
    token.staged.pem           not yet in the journal: nobody signs with it

A key is published before its turn, so that nobody meets a signature of a key they could not know; when the next one's
turn has come it is believed for `kept_ms` more, so that what it signed last can still be checked; then it is nobody's.
Every process reads the folder again when it changes, and all go by the same clock. The keys of the journal take over
in another way, because there both must sign at once (`audit/ring.py`). Refuses to make up a key when one was there.
"""

import os
import re
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Generic, TypeVar

import structlog

K = TypeVar("K")

_RETRY_MS = 5_000
_TICK_NS = 50_000_000  # two changes of a folder within the file system's clock may have one date
_TRIES = 20
_log = structlog.get_logger("gateway.keys")


class Schedule(Generic[K]):
    """The keys of one use; `load` reads a private file, `create` draws one. Times in milliseconds UTC."""

    def __init__(
        self,
        first: Path,
        *,
        load: Callable[[Path], K],
        create: Callable[[Path], object],
        ahead_ms: int,
        kept_ms: int,
        clock: Callable[[], int],
    ) -> None:
        self.first = first
        self.use = first.stem
        self._place = str(first.parent)
        self.create = create
        self.load = load
        self.ahead_ms = ahead_ms
        self._kept = kept_ms
        self._clock = clock
        self._name = re.compile(rf"{re.escape(first.stem)}(?:\.([0-9]{{13}}))?{re.escape(first.suffix)}")
        self._seen = -1
        self._look_again = 0
        self._read_again = 0
        self._until = 0
        self._keys: dict[int, K] = {}
        self._current: tuple[K, ...] = ()

    @property
    def folder(self) -> Path:
        """Where the files are."""
        return self.first.parent

    @property
    def staged(self) -> Path:
        """The key that is about to enter the journal."""
        return self.first.with_suffix(f".staged{self.first.suffix}")

    def file(self, start: int) -> Path:
        """Of the key whose turn comes at `start`; the first key's is 0."""
        return self.first.with_suffix(f".{start}{self.first.suffix}") if start else self.first

    def make_first(self) -> None:
        """Draw the first key when there never was one; read them all, so that a bad file stops the start."""
        if not self._files():
            self.create(self.first)
        self.current()

    def current(self) -> tuple[K, ...]:
        """The key that signs now, then those believed and published beside it; the same object until it changes."""
        changed, now = os.stat(self._place).st_mtime_ns, self._clock()  # noqa: PTH116  a token is signed after each
        unsettled = self._look_again and time.time_ns() >= self._look_again
        if (changed != self._seen or unsettled) and now >= self._read_again:
            self._refresh(changed, now)
        if now >= self._until:
            self._current, self._until = self._choose(now)
        return self._current

    @property
    def signing(self) -> K:
        """The key whose turn it is."""
        return self.current()[0]

    def turns(self) -> dict[int, K]:
        """Every key there is, by the time from which it signs, oldest first."""
        self.current()
        return self._keys

    def over(self, now: int) -> list[int]:
        """The turns of keys that nobody has to believe any more."""
        return _over(list(self.turns()), now - self._kept)

    def _files(self) -> dict[int, Path]:
        names = ((self._name.fullmatch(path.name), path) for path in self.folder.iterdir())
        return {int(name.group(1) or 0): path for name, path in names if name}

    def _refresh(self, changed: int, now: int) -> None:
        """Read the folder; when a file in it is bad, those who already run go on with what they have.

        Once more when its date has settled: what changed after it was read, at the same date, would be seen by nobody.
        """
        young = 0 <= time.time_ns() - changed < _TICK_NS
        try:
            keys = self._read()
        except Exception as error:
            if not self._keys:
                raise
            _log.error("keys_unreadable", use=self.use, code=getattr(error, "code", type(error).__name__))
            self._read_again = now + _RETRY_MS
            return
        self._seen, self._read_again, self._look_again = changed, 0, changed + _TICK_NS if young else 0
        if keys != self._keys:
            self._keys, self._until = keys, 0

    def _read(self) -> dict[int, K]:
        """Every key; when a file went between listing and reading, the folder as it is then."""
        for _ in range(_TRIES):
            found = self._files()
            try:
                return {start: self.load(found[start]) for start in sorted(found)}
            except Exception:
                if self._files() == found:
                    raise
        raise FileNotFoundError(self.folder)

    def _choose(self, now: int) -> tuple[tuple[K, ...], int]:
        """What is believed now, and until when."""
        starts = list(self._keys)
        current = max((start for start in starts if start <= now), default=starts[0])
        gone = _over(starts, now - self._kept)
        others = (start for start in starts if start != current and start not in gone)
        moments = [*starts, *(start + self._kept for start in starts)]
        until = min((moment for moment in moments if moment > now), default=2**62)
        return tuple(self._keys[start] for start in (current, *others)), until


def _over(starts: list[int], before: int) -> list[int]:
    return [start for start, following in pairwise(starts) if following <= before]
