"""An erasure from the first command to the raw files: databases, write-ahead logs, backups. On both engines."""

import asyncio
import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from audit.errors import KeyRefused, StoreUnavailable
from audit.models import audit_seal
from audit.person import verify_person
from audit.trust import Trust
from connectors import sandbox
from consent import models
from consent.erasure import tombstones
from consent.errors import SubjectErased
from consent.vault import LocalKek, SubjectId, Vault
from gateway import erasures, keys
from gateway.backup import back_up
from gateway.database import open_database
from gateway.key_backups import BackupRefused, back_up_keys, restore_keys
from gateway.officers import create_officer, read_officers
from gateway.persons import FileRefused, write_proof_file
from gateway.schema import migrate
from gateway.scrub import scrub
from gateway.services import wall_clock
from gateway.settings import Settings
from tests.bed import open_bed, served, settings_of
from tests.conftest import PostgresServer

DAY = 86_400_000
REFERENCE = "file-lucas-perrin"
PURPOSE, FIELD = "support.youth", "rsa.beneficiary"


@dataclass
class Place:
    """A gateway's settings, a person with history, and every folder that could still hold something of them."""

    settings: Settings
    folders: list[Path]
    subject: str = ""
    secrets: dict[str, bytes] = None  # type: ignore[assignment]

    async def read(self, query: Any) -> Any:
        async with open_database(self.settings.main_url) as store:
            return await store.read(lambda connection: connection.execute(query).all())

    async def read_keys(self, query: Any) -> Any:
        async with open_database(self.settings.keys_url) as store:
            return await store.read(lambda connection: connection.execute(query).all())

    def found(self) -> set[str]:
        """Which secrets stand in some file, as bytes or as text."""
        return {name for name, secret in self.secrets.items() if any(secret in content for content in self._files())}

    def _files(self) -> Iterator[bytes]:
        for folder in self.folders:
            for path in folder.rglob("*"):
                if path.is_file():
                    yield path.read_bytes()


@pytest.fixture
async def place(tmp_path: Path, database_url: str, request: pytest.FixtureRequest) -> Place:
    """Somebody linked and exchanged about; two officers; keys beside the journal on PostgreSQL, apart on SQLite."""
    home = tmp_path / "home"
    home.mkdir()
    folders = [home, tmp_path]
    if database_url.startswith("postgres"):
        server: PostgresServer = request.getfixturevalue("postgres")
        folders.append(server.home / "data")
    async with served(sandbox.build()) as address:
        known = settings_of(
            home, database_url=database_url, sandbox_url=address,
            officers=tmp_path / "officers.txt", keys_backups=tmp_path / "backups" / "keys",
        )  # fmt: skip
        if database_url.startswith("postgres"):
            known = known.model_copy(update={"keys_database_url": ""})
        async with open_database(known.main_url) as store, open_database(known.keys_url) as key_store:
            await migrate(store, key_store)
        officers = [create_officer(f"officers.example/{n}", tmp_path / f"{n}.key") for n in ("lise", "yann")]
        known.officers.write_text("# who may sign\n\n" + "".join(f"{each}\n" for each in officers), "utf-8")
        async with open_bed(known, sandbox_url=address) as bed:
            await bed.partner("ml-brume")
            token = await bed.token("ml-brume")
            pseudonym = await bed.link(token, "lucas-perrin", reference=REFERENCE)
            await bed.authorise(token, "ml-brume", pseudonym, PURPOSE)
            answer = await bed.exchange(token, pseudonym, PURPOSE, [FIELD])
            assert answer.status_code == 200, answer.text
            subject = await bed.subject("ml-brume", pseudonym)
            await bed.services.publisher.publish_once(bed.services.clock())
    found = Place(known, folders, subject=subject)
    wrapped = (await found.read_keys(sa.select(models.subject_key.c.wrapped)))[0][0]
    found.secrets = {
        "wrapped key": wrapped,
        "link": (await found.read(sa.select(models.link.c.sealed).limit(1)))[0][0],
        "seal": (await found.read(sa.select(audit_seal.c.sealed)))[0][0],
    }
    return found


async def signed(place: Place, tmp_path: Path, reference: str = REFERENCE) -> str:
    asked = await erasures.request(place.settings, partner="ml-brume", reference=reference)
    for officer in ("lise", "yann"):
        asked = await erasures.sign(place.settings, asked.id, tmp_path / f"{officer}.key")
    return asked.id


def later(days: int) -> Any:
    return lambda: wall_clock() + days * DAY


async def settle(place: Place) -> None:
    """What PostgreSQL does by itself within minutes: write everything down, drop the write-ahead log."""
    if not place.settings.main_url.startswith("postgres"):
        return
    url = sa.make_url(place.settings.main_url).set(drivername="postgresql+asyncpg")
    engine = create_async_engine(url, isolation_level="AUTOCOMMIT")  # as patient as a checkpoint on a busy disk needs
    async with engine.connect() as connection:
        for statement in (
            "ALTER SYSTEM SET wal_recycle = off", "SELECT pg_reload_conf()", "SELECT pg_switch_wal()",
            "CHECKPOINT", "SELECT pg_switch_wal()", "CHECKPOINT",
        ):  # fmt: skip
            await connection.exec_driver_sql(statement)
    await engine.dispose()


async def test_nothing_of_the_key_is_left_in_any_file(place: Place, tmp_path: Path) -> None:
    """Rule (P6): neither in databases and their logs, nor in the backups of keys; backups of the rest never had it."""
    now = wall_clock()
    async with open_database(place.settings.keys_url) as key_store, open_database(place.settings.main_url) as store:
        await back_up_keys(key_store, place.settings.keys_backups, main=store, days=30, now=now)
    main = back_up(place.settings, tmp_path / "backups" / "main", now=now)
    line = json.loads(next(place.settings.keys_backups.glob("*.jsonl")).read_text("ascii").splitlines()[1])
    place.secrets["wrapped key, as text"] = line["wrapped"].encode()
    await settle(place)  # a record of PostgreSQL's log that crosses a page holds the secret in two pieces
    assert {"wrapped key", "wrapped key, as text", "seal"} <= place.found()
    assert place.secrets["wrapped key"] not in main.read_bytes()
    main.unlink()
    id_ = await signed(place, tmp_path)
    assert await erasures.execute(place.settings, clock=later(1)) == ()
    done = await erasures.execute(place.settings, clock=later(4))
    assert [(each.id, each.state) for each in done] == [(id_, "executed")]
    await settle(place)
    left = place.found()
    if place.settings.main_url.startswith("sqlite"):
        assert left == set()
    else:  # what is sealed may stand in pages not used again yet; what opened it does not
        assert not {"wrapped key", "wrapped key, as text"} & left
    async with open_database(place.settings.keys_url) as key_store:
        with pytest.raises(SubjectErased):
            await Vault(key_store, LocalKek(keys.load(place.settings).kek)).open(SubjectId(place.subject))


async def test_the_list_of_the_person_is_whole_before_and_after(place: Place, tmp_path: Path) -> None:
    """Rule: erasing hides no access; who read the list stands in it."""
    trust = Trust(tuple(keys.load(place.settings).log.vkeys))

    async def listed(name: str, days: int) -> Any:
        file = tmp_path / name
        named = {"partner": "ml-brume", "reference": REFERENCE, "out": file, "clock": later(days)}
        await write_proof_file(place.settings, **named)
        assert file.stat().st_mode & 0o077 == 0
        with pytest.raises(FileRefused):
            await write_proof_file(place.settings, **named)
        report = verify_person(file, trust)
        assert report.ok, report.lines()
        return report.facts["entries"]

    before = await listed("before.json", 0)
    assert {"exchange.decided", "exchange.released"} <= {each["entry"]["type"] for each in before}
    await signed(place, tmp_path)
    await erasures.execute(place.settings, clock=later(4))
    async with open_bed(place.settings, sandbox_url="http://127.0.0.1:1", clock=later(4)) as bed:
        await bed.services.publisher.publish_once(bed.services.clock())
    after = await listed("after.json", 4)
    assert [each["entry"] for each in after[: len(before)]] == [each["entry"] for each in before]
    assert [each["entry"]["type"] for each in after[len(before) :]] == ["log.read", "log.read", "erasure.executed"]


async def test_running_processes_drop_the_key(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: within half a minute of another process's erasure; a database that is away does not end the looking."""
    monkeypatch.setattr(erasures, "_PAUSE", 0.5)
    await signed(place, tmp_path)
    async with open_bed(place.settings, sandbox_url="http://127.0.0.1:1", clock=later(4)) as bed:
        services = bed.services
        subject = SubjectId(place.subject)
        await services.vault.open(subject)
        dropping = asyncio.create_task(erasures.drop_keys(services))
        await erasures.execute(place.settings, clock=later(4))
        async with asyncio.timeout(20):
            while subject in services.vault._opened:  # noqa: ASYNC110  nothing tells
                await asyncio.sleep(0.01)

        async def away(*_: object, **__: object) -> None:
            raise StoreUnavailable("away")

        monkeypatch.setattr(erasures, "tombstones", away)
        await asyncio.sleep(0.6)
        assert not dropping.done()
        dropping.cancel()


async def test_one_that_fails_stops_no_other_and_is_tried_again(
    place: Place, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Rule: a person whose key was lost waits, told by a code; who was due after them is erased."""
    ids = [await signed(place, tmp_path)]
    async with open_bed(place.settings, sandbox_url="http://127.0.0.1:1") as bed:
        linked = await bed.services.people.link(
            partner="ml-brume", reference="file-other", identifiers={"ft_number": "98765432109"},
            accepted_kinds={"ft_number"}, now=bed.services.clock(),
        )  # fmt: skip
        other = await bed.subject("ml-brume", linked.pseudonym)
    ids.append(await signed(place, tmp_path, "file-other"))
    mine = models.subject_key.c.subject == place.subject
    async with open_database(place.settings.keys_url) as key_store:
        row = dict(
            await key_store.read(lambda c: c.execute(sa.select(models.subject_key).where(mine)).mappings().one())
        )
        await key_store.write(lambda c: c.execute(sa.delete(models.subject_key).where(mine)) and None)
    done = await erasures.execute(place.settings, clock=later(4))
    assert [(each.id, each.state) for each in done] == list(zip(ids, ["waiting", "executed"], strict=True))
    assert [each.late(later(4)()) for each in done] == [True, False]
    assert [each.late(later(400)()) for each in done] == [True, True]
    assert [each.getMessage() for each in caplog.records if each.name == "gateway.erasures"] == [
        f"erasure {ids[0]} is tried again at the next run: subject_erased"
    ]
    assert not {place.subject, other} & set(caplog.text.split())
    async with open_database(place.settings.keys_url) as key_store:
        await key_store.write(lambda c: c.execute(sa.insert(models.subject_key), row) and None)
    again = await erasures.execute(place.settings, clock=later(4))
    assert [(each.id, each.state) for each in again] == [(ids[0], "executed")]


async def test_a_cancelled_one_is_not_listed_any_more(place: Place) -> None:
    """Rule: the commands tell what stands."""
    asked = await erasures.request(place.settings, partner="ml-brume", reference=REFERENCE)
    assert [each.id for each in await erasures.pending(place.settings)] == [asked.id]
    await erasures.cancel(place.settings, asked.id)
    assert await erasures.pending(place.settings) == ()


async def test_a_restored_backup_does_not_bring_an_erased_person_back(place: Place, tmp_path: Path) -> None:
    """Rule: not by our command, and not by a copy from elsewhere: the next start finds it."""
    elsewhere = tmp_path / "elsewhere"
    async with open_database(place.settings.keys_url) as key_store, open_database(place.settings.main_url) as store:
        copy = await back_up_keys(key_store, elsewhere, main=store, days=30, now=wall_clock())
    await signed(place, tmp_path)
    await erasures.execute(place.settings, clock=later(4))
    async with open_database(place.settings.main_url) as store, open_database(place.settings.keys_url) as key_store:
        await key_store.write(lambda connection: connection.execute(sa.delete(models.subject_key)) and None)
        assert await restore_keys(key_store, copy, await tombstones(store)) == 0
        assert await restore_keys(key_store, copy, await tombstones(store, since=2**62)) == 1
        assert await restore_keys(key_store, copy, await tombstones(store, since=2**62)) == 0
    async with open_bed(place.settings, sandbox_url="http://127.0.0.1:1", clock=later(4)) as bed:
        with pytest.raises(SubjectErased):
            await bed.services.vault.open(SubjectId(place.subject))
    for days in (4, 400):
        await erasures.execute(place.settings, clock=later(days))
    assert await place.read_keys(sa.select(models.subject_key.c.subject)) == []


async def test_backups_of_keys_expire(place: Place, tmp_path: Path) -> None:
    """Rule: a backup older than its time is deleted at the next run; other files stay."""
    folder = place.settings.keys_backups
    async with open_database(place.settings.keys_url) as key_store, open_database(place.settings.main_url) as store:
        old = await back_up_keys(key_store, folder, main=store, days=30, now=wall_clock() - 31 * DAY)
        (folder / "keys-other.jsonl").write_text("{}\n", "ascii")
        new = await back_up_keys(key_store, folder, main=store, days=30, now=wall_clock())
    assert not old.exists()
    assert sorted(folder.iterdir()) == sorted([new, folder / "keys-other.jsonl"])
    assert new.stat().st_mode & 0o077 == 0
    with pytest.raises(BackupRefused):
        await restore_keys(key_store, folder / "keys-other.jsonl", await _none(place))
    with pytest.raises(BackupRefused):
        await restore_keys(key_store, folder / "nothing", await _none(place))


async def test_an_erasure_while_keys_are_backed_up_reaches_the_new_file(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule: wherever the erasure falls between reading the keys and the finished file."""
    await signed(place, tmp_path)
    loop, opening = asyncio.get_running_loop(), os.open
    folder, erased = place.settings.keys_backups, []

    def erase_first(path: Any, *more: Any) -> int:
        if str(path).endswith(".unfinished"):  # the rows are read
            erasing = asyncio.run_coroutine_threadsafe(erasures.execute(place.settings, clock=later(4)), loop)
            erased.append(erasing.result(120))
        return opening(path, *more)

    def made() -> Path:
        async def run() -> Path:
            async with (
                open_database(place.settings.keys_url) as keys_of,
                open_database(place.settings.main_url) as store,
            ):
                return await back_up_keys(keys_of, folder, main=store, days=30, now=wall_clock())

        return asyncio.run(run())

    monkeypatch.setattr("gateway.key_backups.os.open", erase_first)
    new = await asyncio.to_thread(made)
    assert [each.state for (each,) in erased] == ["executed"]
    assert place.subject not in new.read_text("ascii")


async def test_what_a_killed_backup_leaves_is_reached_and_goes(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule: an erasure overwrites the person's line there too; the next run deletes it."""
    folder, now = place.settings.keys_backups, wall_clock()
    async with open_database(place.settings.keys_url) as key_store, open_database(place.settings.main_url) as store:
        monkeypatch.setattr(Path, "rename", _killed)
        monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)
        with pytest.raises(KeyboardInterrupt):
            await back_up_keys(key_store, folder, main=store, days=30, now=now)
        monkeypatch.undo()
    (left,) = folder.iterdir()
    assert place.subject in left.read_text("ascii")
    await signed(place, tmp_path)
    await erasures.execute(place.settings, clock=later(4))
    assert place.subject not in left.read_text("ascii")
    async with open_database(place.settings.keys_url) as key_store, open_database(place.settings.main_url) as store:
        new = await back_up_keys(key_store, folder, main=store, days=30, now=now + 7_200_000)
    assert list(folder.iterdir()) == [new]


def _killed(*_: object) -> None:
    raise KeyboardInterrupt


async def _none(place: Place) -> Any:
    async with open_database(place.settings.main_url) as store:
        return await tombstones(store)


async def test_the_copy_of_the_main_database_is_whole_and_without_keys(
    place: Place, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Rule: every table but the keys', as many entries as there are."""
    copy = back_up(place.settings, tmp_path / "copies", now=wall_clock())
    assert copy.stat().st_mode & 0o077 == 0
    if copy.suffix == ".db":
        url = f"sqlite:///{copy}"
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        url = server.create_database()
        name = url.removeprefix("postgresql://postgres@/").partition("?")[0]
        restore = ["pg_restore", "--no-owner", "-h", str(server.home), "-U", "postgres", "-d", name, str(copy)]
        subprocess.run(restore, check=True, capture_output=True)  # noqa: ASYNC221  nothing else runs
    async with open_database(url) as restored:
        tables = await restored.read(lambda connection: set(sa.inspect(connection).get_table_names()))
    assert {"audit_entry", "audit_head", "consent_subject", "passerelle_schema_main"} <= tables
    assert not {"subject_key", "passerelle_schema_keys"} & tables


def test_a_copy_that_cannot_be_made_leaves_nothing(tmp_path: Path) -> None:
    """Rule: a sentence, and no half file."""
    for url in ("postgresql://nobody@127.0.0.1:1/none", f"sqlite:///{tmp_path}/no/such.db"):
        with pytest.raises(BackupRefused):
            back_up(Settings(home=tmp_path, database_url=url), tmp_path / "out", now=wall_clock())
    assert list((tmp_path / "out").iterdir()) == []


def test_officers_are_read_or_refused(tmp_path: Path) -> None:
    """Rule: no file means no officer; a line that is no key stops everything."""
    assert read_officers(tmp_path / "nothing") == ()
    (tmp_path / "bad").write_text("lise\n", "utf-8")
    for path in (tmp_path / "bad", tmp_path):
        with pytest.raises(KeyRefused):
            read_officers(path)


async def test_a_log_that_stays_busy_is_told(tmp_path: Path) -> None:
    """Rule: an erasure that could not clean behind itself says so; running it again does."""

    class Busy:
        async def read(self, _work: Any) -> bool:
            return False

    with pytest.raises(StoreUnavailable):
        await scrub(Busy(), Busy())  # type: ignore[arg-type]
