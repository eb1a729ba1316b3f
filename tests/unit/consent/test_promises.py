"""The promises kept together: withdrawal against release over two processes (P3, P8), no value in clear (P5)."""

import asyncio
from pathlib import Path

import pytest
import sqlalchemy as sa

from audit.errors import AuditError
from consent.errors import GuardRefused
from consent.guards import EpochGuard
from consent.pivot import plain

from .conftest import AGENT, ALL_KINDS, LEA, NOW, PERSON, asked


async def given(side, subject):
    made = await side.authorisations.request(subject, asked(), by=AGENT, now=NOW)
    await side.authorisations.give(made.record.id, subject=subject, fields=asked().fields, by=PERSON, now=NOW)
    return made.record.id


async def exchanges(side, name, stop):
    """One process: look, decide on what was seen, release; until the authorisation is seen withdrawn."""
    released = refused = 0
    while not stop.is_set():
        seen = await side.snapshots.get(partner="ml-brume", purpose="support.youth", pseudonym=name)
        if seen.authorisation is None or seen.authorisation.state != "given":
            await asyncio.sleep(0)
            continue
        try:
            await side.release(seen.subject, EpochGuard(epoch=seen.epoch))
            released += 1
        except GuardRefused:
            refused += 1
    return released, refused


async def test_no_release_is_ordered_after_a_withdrawal(side):
    """Rule P3: two processes, many withdrawals: the journal alone shows no release after one, before a new yes."""
    subject, other = await side.lea(), await side.another()
    linked = await side.people.link(
        partner="ml-brume", reference="dossier-7", identifiers={}, accepted_kinds=ALL_KINDS, now=NOW
    )
    stop = asyncio.Event()
    running = [asyncio.create_task(exchanges(each, linked.pseudonym, stop)) for each in (side, other) for _ in range(4)]
    for turn in range(8):
        id_ = await given((side, other)[turn % 2], subject)
        await asyncio.sleep(0.02)
        await (other, side)[turn % 2].authorisations.withdraw(id_, subject=subject, by=PERSON, now=NOW)
    stop.set()
    counts = await asyncio.gather(*running)
    valid, releases, epoch = False, 0, 0
    for entry in await side.entries():
        kind = entry["type"]
        if kind == "exchange.released":
            assert valid, "a release ordered after the withdrawal"
            releases += 1
        elif kind.startswith("authorisation."):
            assert entry["epoch"] >= epoch
            valid, epoch = kind == "authorisation.given", entry["epoch"]
    assert releases == sum(released for released, _ in counts) > 8
    await side.tags_are_gap_free(subject)
    await other.journal.close()


async def test_no_identifier_reaches_the_database_in_clear(side, database_url, request):
    """Rule P5: names, numbers and references pushed everywhere appear in no database file, nor in any error."""
    pivot = {**LEA["pivot"], "family_name": "Zyxwvutaire", "given_names": ["Quintilienne"], "usual_name": "Dupondtel"}
    numbers = {"nir": LEA["nir"], "ft_number": "98765432109", "caf_number": "7654321/demandeur"}
    values = {**numbers, "ft_login": "quintilienne.z", "rdvi_user": "918273645", "pivot": pivot}
    subject = await side.lea("ml-brume", "dossier-canari", **values)
    await side.lea("caf-brume", "autre-canari", **{**values, "ft_number": "98765432108"})
    id_ = await given(side, subject)
    seen = await side.snapshots.get(partner="ml-brume", purpose="support.youth", reference="dossier-canari")
    assert seen.identifiers()["nir"].startswith(LEA["nir"])
    await side.release(subject, EpochGuard(epoch=seen.epoch))
    await side.authorisations.withdraw(id_, subject=subject, by=PERSON, now=NOW)
    with pytest.raises(GuardRefused) as caught:
        await side.release(subject, EpochGuard(epoch=seen.epoch))
    names = [form(name) for name in ("Zyxwvutaire", "Quintilienne", "Dupondtel") for form in (str, plain)]
    canaries = [LEA["nir"], "98765432109", "98765432108", "quintilienne.z", "7654321", "918273645", "canari", *names]
    assert not any(each in repr(caught.value) + repr(seen) for each in canaries)
    if database_url.startswith("sqlite"):
        stored = read_all(request.getfixturevalue("tmp_path"))
    else:
        server = request.getfixturevalue("postgres")
        data = server.home / "data"
        files = [data / each for each in await side.store.read(relations)]
        stored = read_all(data / "pg_wal", *files, server.home / "log")
    assert b"psn_" in stored  # the search does reach what is stored
    assert [each for each in canaries if each.encode() in stored] == []


def relations(connection):
    """The files in which PostgreSQL keeps our tables, their indexes and their long values."""
    kinds = sa.text("SELECT pg_relation_filepath(oid) FROM pg_class WHERE relkind IN ('r', 'i', 't') AND oid >= 16384")
    return sorted(connection.execute(kinds).scalars())


def read_all(*paths: Path) -> bytes:
    """Every byte of these files, and of the files of these directories."""
    files = [file for path in paths for file in (path.iterdir() if path.is_dir() else [path]) if file.is_file()]
    return b"".join(file.read_bytes() for file in files)


def test_refusals_and_failures_are_told_apart():
    """Rule: what the gate refuses is this package's; what the journal cannot do is the journal's."""
    assert not issubclass(GuardRefused, AuditError)
