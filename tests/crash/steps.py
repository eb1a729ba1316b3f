"""Something happens at the n-th step: a process kills itself, or the step fails. Counted outside the code tested.

A step is a statement about to be sent, a transaction about to begin or to commit, the return of a commit, a file
about to be made durable (fsync) or to take another's place (replace).
"""

import errno
import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection, event
from sqlalchemy.exc import OperationalError

from audit.errors import StoreUnavailable
from audit.store import Store

T = TypeVar("T")
Act = Callable[[str], None]


class Steps:
    """Counts; at step `at` acts. `names` tells what was counted."""

    def __init__(self, at: int, act: Act) -> None:
        self.at = at
        self.names: list[str] = []
        self._act = act

    def __call__(self, name: str) -> None:
        self.names.append(name)
        if len(self.names) == self.at:
            self._act(name)

    @property
    def reached(self) -> bool:
        """Whether the step came at all."""
        return len(self.names) >= self.at


def die(_: str) -> None:
    """Signal 9: nothing is flushed, nobody is told."""
    os.kill(os.getpid(), signal.SIGKILL)


def fail(name: str) -> None:
    """Fail as a full disk or a lost server does; the return of a commit that was made is lost."""
    if name == "committed":
        raise StoreUnavailable("the connection was lost")
    if name in {"fsync", "replace"}:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    raise OperationalError("", {}, sqlite3.OperationalError("database or disk is full"))


class SteppedStore(Store):
    """A store whose every step is counted."""

    def __init__(self, store: Store, step: Act) -> None:
        self._store = store
        self._step = step

    @property
    def remote(self) -> bool:
        """See `Store.remote`."""
        return self._store.remote

    async def read(self, work: Callable[[Connection], T]) -> T:
        """See `Store.read`."""
        return await self._store.read(partial(self._run, work))

    async def write(self, work: Callable[[Connection], T]) -> T:
        """See `Store.write`."""

        def whole(connection: Connection) -> T:
            self._step("begin")
            result = self._run(work, connection)
            self._step("commit")
            return result

        result = await self._store.write(whole)
        self._step("committed")
        return result

    async def each(self, work: Callable[[Connection], T]) -> T:
        """See `Store.each`: what a statement did is durable when the next begins."""
        result = await self._store.each(partial(self._run, work))
        self._step("committed")
        return result

    def _run(self, work: Callable[[Connection], T], connection: Connection) -> T:
        def sent(*_: Any) -> None:
            self._step("statement")

        event.listen(connection, "before_cursor_execute", sent)
        try:
            return work(connection)
        finally:
            event.remove(connection, "before_cursor_execute", sent)


@contextmanager
def counted_files(step: Steps) -> Iterator[None]:
    """Count what makes files durable, in this process."""
    kept = os.fsync, os.replace

    def fsync(handle: Any) -> None:
        step("fsync")
        kept[0](handle)

    def replace(*names: Any, **more: Any) -> None:
        step("replace")
        kept[1](*names, **more)

    os.fsync, os.replace = fsync, replace
    try:
        yield
    finally:
        os.fsync, os.replace = kept
