"""Embedded SQLite in trouble: a file that vanishes, a lock that stays."""

import asyncio
import sqlite3
import time

import pytest

from connectors import sandbox
from tests.bed import bed, served
from tests.factories import crowd

pytestmark = pytest.mark.asyncio(loop_scope="session")
YOUTH = "support.youth"


@pytest.mark.parametrize("what", ["renamed", "removed", "replaced"])
async def test_a_database_file_that_vanished_lets_nothing_leave(tmp_path, what: str) -> None:
    """Entries must not go to a file that nobody will find again (P2)."""
    path = tmp_path / "passerelle.db"
    people = crowd({"lucas-perrin": 3})
    async with (
        served(sandbox.build(people=people)) as url,
        bed(tmp_path, database_url=f"sqlite:///{path}", sandbox_url=url, people=people) as one,
    ):
        await one.partner("ml-brume")
        token = await one.token("ml-brume")
        pseudonym = await one.link(token, "lucas-perrin")
        await one.authorise(token, "ml-brume", pseudonym, YOUTH)
        assert (await one.exchange(token, pseudonym, YOUTH, ["rsa"])).status_code == 200
        other = tmp_path / "elsewhere.db"
        if what == "removed":
            path.unlink()
        else:
            path.rename(other)
        if what == "replaced":
            path.write_bytes(b"")
        answer = await one.exchange(token, pseudonym, YOUTH, ["rsa"])
        assert answer.status_code == 503, answer.status_code
        assert answer.json()["code"] in {"journal_unavailable", "store_unavailable"}
        assert (await one.http.get("/readyz")).status_code == 503
        if what == "renamed":
            other.rename(path)
            assert (await one.exchange(token, pseudonym, YOUTH, ["rsa"])).status_code == 200


async def test_the_patience_of_a_locked_sqlite_is_not_multiplied(tmp_path) -> None:
    """Writes that wait behind each other fail together: 20 requests at once are answered within 8 s, not 20 x 5 s."""
    people = crowd({"lucas-perrin": 25})
    async with (
        served(sandbox.build(people=people)) as url,
        bed(tmp_path, database_url=f"sqlite:///{tmp_path}/p.db", sandbox_url=url, people=people) as b,
    ):
        await b.partner("ml-brume")
        token = await b.token("ml-brume")
        pseudonym = await b.link(token, "lucas-perrin")
        locker = sqlite3.connect(tmp_path / "p.db", isolation_level=None)
        locker.execute("BEGIN EXCLUSIVE")
        started = time.monotonic()
        keys = [{"Idempotency-Key": f"locked-{n:05d}"} for n in range(3)]
        answers = await asyncio.gather(*(b.exchange(token, pseudonym, YOUTH, ["rsa"], headers=k) for k in keys))
        took = time.monotonic() - started
        locker.execute("ROLLBACK")
        locker.close()
        assert {a.status_code for a in answers} == {503}
        assert took < 8, took
