"""Keys whose turn comes by the clock: published before, believed after, on every process, whatever is interrupted."""

import asyncio
import json
import os
import time
from pathlib import Path

import pytest

from audit.errors import RotationRefused
from gateway import rotation
from gateway.key_schedule import Schedule
from gateway.keys import load
from gateway.oauth import jose, jwks
from gateway.oauth.keys import AHEAD_MS, KEPT_MS
from gateway.services import open_services
from gateway.settings import Settings
from tests.bed import bed
from tests.unit.gateway.conftest import home, passerelle

__all__ = ["home", "passerelle"]

START = 1_800_000_000_000
AHEAD, KEPT = 600, 400


class Clock:
    now = START

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def schedule(folder: Path, clock: Clock) -> Schedule[str]:
    made = Schedule(
        folder / "word.txt",
        load=lambda path: path.read_text(),
        create=lambda path: path.write_text("first"),
        ahead_ms=AHEAD,
        kept_ms=KEPT,
        clock=clock,
    )
    made.make_first()
    return made


def test_each_moment_has_one_key_that_signs(tmp_path: Path, clock: Clock) -> None:
    """Before its turn published only, from its turn on alone at signing, the former believed for a while."""
    one, other = schedule(tmp_path, clock), schedule(tmp_path, clock)
    turn = START + AHEAD
    one.file(turn).write_text("second")
    for now, believed in (
        (START, ("first", "second")),
        (turn - 1, ("first", "second")),
        (turn, ("second", "first")),
        (turn + KEPT - 1, ("second", "first")),
        (turn + KEPT, ("second",)),
        (turn + 10 * KEPT, ("second",)),
    ):
        clock.now = now
        assert one.current() == other.current() == believed
        assert one.current() is one.current()


def test_a_clock_that_goes_back_signs_with_what_it_then_should(tmp_path: Path, clock: Clock) -> None:
    """Before every turn: the oldest there is."""
    one = schedule(tmp_path, clock)
    one.file(START + AHEAD).write_text("second")
    one.first.unlink()
    assert one.current() == ("second",)
    assert one.over(START + 10 * AHEAD) == []


def test_what_is_staged_or_of_another_use_is_nobodys_key(tmp_path: Path, clock: Clock) -> None:
    """Only whole names count."""
    one = schedule(tmp_path, clock)
    for name in ("word.staged.txt", "word.1.txt", "word.18000000000001.txt", "words.txt", ".word.txt.tmp", "sword.txt"):
        (tmp_path / name).write_text("no")
    assert one.current() == ("first",)


def test_a_bad_file_stops_a_start_and_not_those_who_run(tmp_path: Path, clock: Clock) -> None:
    """They go on with what they have, and look again; once it is good it counts."""
    one = schedule(tmp_path, clock)
    one.file(START - 1).mkdir()
    assert one.current() == ("first",)
    with pytest.raises(OSError, match="directory"):
        schedule(tmp_path, clock)
    one.file(START - 1).rmdir()
    one.file(START - 1).write_text("second")
    assert one.current() == ("first",)
    clock.now += 6_000
    assert one.current() == ("second",)


def test_a_key_that_goes_while_it_is_read_is_gone_at_once(tmp_path: Path, clock: Clock) -> None:
    """An exposed key is taken away between listing and reading: nobody signs with it a moment longer."""
    one = schedule(tmp_path, clock)
    plain = one.load

    def reading(path: Path) -> str:
        one.load = plain
        one.first.unlink()  # the operator's command, in between
        return plain(path)

    one.load = reading
    one.file(START).write_text("second")
    assert one.current() == ("second",)


def test_a_change_with_the_date_of_the_one_before_is_seen(tmp_path: Path, clock: Clock) -> None:
    """The clock of a file system ticks seldom; nothing else tells."""
    one = schedule(tmp_path, clock)
    one.file(START).write_text("second")
    date = time.time_ns()
    os.utime(tmp_path, ns=(date, date))
    assert one.current() == ("second", "first")
    one.first.unlink()
    os.utime(tmp_path, ns=(date, date))
    time.sleep(0.06)
    assert one.current() == ("second",)
    assert one.current() is one.current()


def turns(passerelle, use: str) -> list[dict]:
    status, out, told = passerelle("key", "list", use)
    assert status == 0, told
    return json.loads(out)["keys"]


@pytest.mark.parametrize("use", ["token", "signals"])
def test_a_rotation_is_one_command_and_one_entry(passerelle, home: Path, use: str) -> None:
    """The next key is there, published, with its time; a second one has to wait; the file is its owner's own."""
    assert passerelle("database", "migrate")[0] == 0
    status, out, told = passerelle("key", "rotate", use)
    assert status == 0, told
    first, following = turns(passerelle, use)
    assert (first["state"], following["state"]) == ("signing", "next")
    assert (first["since"], following["key"]) == (0, out.strip())
    [file] = Settings().keys_folder.glob(f"{use}.{following['since']}.*")
    assert file.stat().st_mode & 0o077 == 0
    status, _, told = passerelle("key", "rotate", use)
    assert (status, told.split(":")[0]) == (1, "rotation_refused")
    status, out, _ = passerelle("audit", "events", "--from-index", "0", "--format", "ecs")
    assert [json.loads(line)["event"]["action"] for line in out.splitlines()].count("key.scheduled") <= 1
    assert passerelle("key", "retire", use)[0] == 2


def test_an_exposed_key_is_believed_no_longer(passerelle, home: Path) -> None:
    """Gone at once, its file too."""
    assert passerelle("database", "migrate")[0] == 0
    [former] = turns(passerelle, "token")
    assert passerelle("key", "rotate", "token", "--exposed")[0] == 0
    [now] = turns(passerelle, "token")
    assert now["state"] == "signing"
    assert now["key"] != former["key"]
    assert passerelle("key", "rotate", "log", "--exposed")[0] == 2


@pytest.mark.parametrize("step", ["after staging", "after the entry", "after naming"])
def test_killed_in_between_it_goes_on(passerelle, home: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """Run again: the staged key is the next one, and only one; nothing is left over."""
    assert passerelle("database", "migrate")[0] == 0
    calls = {"after staging": 1, "after the entry": 2, "after naming": 2}[step]
    real = rotation.sync_directory

    def killed(folder: Path) -> None:
        nonlocal calls
        calls -= 1
        real(folder)
        if not calls:
            raise SystemExit(9)

    if step == "after the entry":
        monkeypatch.setattr(Path, "rename", lambda *_: (_ for _ in ()).throw(SystemExit(9)))
    monkeypatch.setattr(rotation, "sync_directory", killed)
    assert passerelle("key", "rotate", "token")[0] == 9
    monkeypatch.undo()
    monkeypatch.setenv("PASSERELLE_HOME", str(home))
    monkeypatch.setenv("PASSERELLE_SOURCES", str(home.parent / "sources.yaml"))
    schedule = load(Settings()).tokens
    assert schedule.signing.kid
    if step != "after naming":
        staged = schedule.load(schedule.staged).kid
        assert len(turns(passerelle, "token")) == 1
        assert passerelle("key", "rotate", "token")[1].strip() == staged
    assert [turn["state"] for turn in turns(passerelle, "token")] == ["signing", "next"]
    assert not schedule.staged.exists()


def test_one_command_at_a_time(passerelle, home: Path) -> None:
    """A second one is told so."""
    from audit.rotation import alone

    assert passerelle("database", "migrate")[0] == 0
    load(Settings())
    with alone(Settings().keys_folder):
        status, _, told = passerelle("key", "rotate", "token")
    assert (status, told.split(":")[0]) == (1, RotationRefused.code)


def test_what_is_over_is_removed_by_the_next_rotation(passerelle, home: Path) -> None:
    """No private key lies about that nobody needs."""
    settings = Settings()
    assert passerelle("database", "migrate")[0] == 0
    schedule = load(settings).tokens
    schedule.create(schedule.file(START - 400 * 86_400_000))
    assert [turn["state"] for turn in turns(passerelle, "token")] == ["over", "signing"]
    assert passerelle("key", "rotate", "token")[0] == 0
    assert [turn["state"] for turn in turns(passerelle, "token")] == ["signing", "next"]
    assert not schedule.first.exists()
    assert load(settings).tokens.signing  # no first key is made up beside it
    assert not schedule.first.exists()


async def test_a_running_gateway_follows_without_a_restart(tmp_path: Path, database_url: str, clock: Clock) -> None:
    """Published at once, signing from its turn on, the former's tokens good to their end; the journal says when."""
    async with bed(tmp_path, database_url=database_url, sandbox_url="http://127.0.0.1:1", clock=clock) as town:
        settings = Settings(
            home=tmp_path, database_url=database_url, keys_database_url=f"sqlite:///{tmp_path}/keys.db",
            sources=tmp_path / "sources.yaml",
        )  # fmt: skip

        async def token() -> str:
            return await town.token("ml-brume", professional=None, scopes=["data:rsa"])

        async def accepted(signed: str) -> bool:
            answer = await town.http.get("/v1/catalogue", headers={"Authorization": f"Bearer {signed}"})
            return answer.status_code == 200

        def kid(signed: str) -> str:
            return jose.parse(signed, types=frozenset({"at+jwt"})).kid

        await town.partner("ml-brume")
        before = await token()
        former = kid(before)

        def wall() -> int:
            return clock.now

        original, rotation.open_services = rotation.open_services, lambda known: open_services(known, clock=wall)
        try:
            turn = await rotation.schedule_key(settings, "token")
        finally:
            rotation.open_services = original
        published = (await town.http.get("/oauth/jwks")).json()["keys"]
        assert [each["kid"] for each in published][:2] == [former, turn.key]
        assert kid(await token()) == former
        clock.now = START + AHEAD_MS - 1
        last = await token()
        assert kid(last) == former
        clock.now += 1
        assert kid(await token()) == turn.key
        assert await accepted(last)
        clock.now += KEPT_MS
        published = (await town.http.get("/oauth/jwks")).json()["keys"]
        assert former not in [each["kid"] for each in published]
        assert not await accepted(last)
        [entry] = [each for each in await town.journal() if each["type"] == "key.scheduled"]
        assert (entry["key"], entry["from"]) == (turn.key, START + AHEAD_MS)
        assert jwks.thumbprint(town.services.server.keys.signing.jwk) == entry["key"]


def test_two_processes_at_once_make_one_first_key(tmp_path: Path) -> None:
    """Whoever is second reads the first one's."""
    settings = Settings(home=tmp_path)

    async def both() -> set[str]:
        found = await asyncio.gather(*(asyncio.to_thread(load, settings) for _ in range(4)))
        return {each.tokens.signing.kid for each in found}

    assert len(asyncio.run(both())) == 1
