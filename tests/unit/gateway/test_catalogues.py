"""One catalogue takes over from another: who may sign, what is refused, that nothing leaves under the former one."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connectors import sandbox
from consent.errors import OfficerRefused
from gateway.catalogues import bundles
from gateway.catalogues.activation import Activations, CatalogueRefused
from gateway.catalogues.models import bundle
from gateway.catalogues.past import replay_last
from gateway.officers import create_officer, read_officers
from gateway.services import open_services
from gateway.settings import PACKAGED_CATALOGUE
from policies.catalogue import Catalogue, load
from tests.bed import Bed, bed, professional, served, settings_of

Draft = Callable[..., Catalogue]


@pytest.fixture
def draft(tmp_path: Path) -> Draft:
    """The packaged catalogue with words of one file replaced."""

    def change(*replacements: tuple[str, str], file: str = "iae-eligibilite-ft.yaml") -> Catalogue:
        folder = tmp_path / f"draft-{len(list(tmp_path.glob('draft-*')))}"
        shutil.copytree(PACKAGED_CATALOGUE, folder)
        text = (folder / file).read_text("utf-8")
        for old, new in replacements:
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        (folder / file).write_text(text, "utf-8")
        return load(folder)

    return change


NARROWER = ("per_subject: 10/month", "per_subject: 9/month")
WIDER = ("per_subject: 10/month", "per_subject: 11/month")
REDUCED = ("registration.status: {release: clear}", "registration.status: {release: mask, keep: 2}")
CLOSED = ("  registration.category_code: {release: clear}\n", "")


@contextlib.asynccontextmanager
async def opened(home: Path, url: str, **settings: Any) -> AsyncIterator[Bed]:
    async with (
        served(sandbox.build()) as address,
        bed(home, database_url=url, sandbox_url=address, officers=home / "officers.txt", **settings) as gateway,
    ):
        await gateway.services.activations.first(gateway.services.catalogue, now=gateway.services.clock())
        yield gateway


@pytest.fixture
async def gateway(tmp_path: Path, database_url: str) -> AsyncIterator[Bed]:
    officers = [create_officer(f"officers.example/{name}", tmp_path / f"{name}.key") for name in ("one", "two")]
    again = create_officer("officers.example/one", tmp_path / "one-again.key")
    (tmp_path / "officers.txt").write_text("".join(f"{each}\n" for each in (*officers, again)), "utf-8")
    async with opened(tmp_path, database_url) as found:
        yield found


async def entries(gateway: Bed, kind: str) -> list[dict[str, Any]]:
    return [each for each in await gateway.journal() if each["type"] == kind]


async def test_the_first_catalogue_is_the_folders_and_stands_in_the_journal_once(gateway: Bed) -> None:
    """However many processes start."""
    services = gateway.services
    for _ in range(2):
        await services.activations.first(services.catalogue, now=services.clock())
    (entry,) = await entries(gateway, "catalogue.activated")
    assert (entry["catalogue"], entry["by"], entry["widening"]) == (services.catalogue.digest, "operator", False)
    assert "previous" not in entry
    assert len(entry["exchanges"]) == len(services.catalogue.counted)
    (version,) = await services.activations.versions()
    assert (version.digest, version.previous) == (services.catalogue.digest, None)


async def test_a_stored_catalogue_is_the_one_that_was_loaded(gateway: Bed) -> None:
    """Same digest, same tables; altered, it is refused."""
    store, known = gateway.services.store, gateway.services.catalogue
    found = await bundles.read(store, known.digest)
    assert found.digest == known.digest
    assert found.tables == known.tables
    altered = sa.update(bundle).values(content=sa.func.replace(bundle.c.content, "P24M", "P25M"))
    await store.write(lambda connection: connection.execute(altered) and None)
    with pytest.raises(CatalogueRefused, match="altered"):
        await bundles.read(store, known.digest)
    with pytest.raises(CatalogueRefused, match="no catalogue"):
        await bundles.read(store, "0" * 64)


async def test_what_only_narrows_needs_no_second_signature(
    gateway: Bed, draft: Draft, tmp_path: Path, database_url: str
) -> None:
    """The operator's command is enough; whoever starts afterwards decides with it, whatever the folder holds."""
    services, after = gateway.services, draft(NARROWER)
    await services.activations.register(after, now=services.clock())
    assert [digest for digest, _ in await services.activations.drafts()] == [after.digest]
    step = await services.activations.activate(after.digest, now=services.clock())
    assert not step.widening
    entry = (await entries(gateway, "catalogue.activated"))[-1]
    assert (entry["previous"], entry["widening"]) == (services.catalogue.digest, False)
    same = settings_of(tmp_path, database_url=database_url, sandbox_url=gateway.sandbox)
    async with open_services(same) as later:
        assert later.catalogue.digest == after.digest
        assert [each.digest for each in await later.activations.versions()] == [after.digest, step.before.digest]
        assert await later.activations.drafts() == []
        with pytest.raises(CatalogueRefused, match="in force"):
            await later.activations.activate(after.digest, now=later.clock())


async def test_what_permits_more_needs_two_humans(gateway: Bed, draft: Draft, tmp_path: Path) -> None:
    """None, one, one twice, one under two keys: refused. Two: it decides, and both signatures are in the journal."""
    services, after = gateway.services, draft(WIDER)
    activations, now = services.activations, services.clock()
    await activations.register(after, now=now)
    with pytest.raises(CatalogueRefused, match="two must sign"):
        await activations.activate(after.digest, now=now)
    step = await activations.sign_by_officer(after.digest, tmp_path / "one.key", now=now)
    assert (step.officers, step.needed, step.signed) == (1, 2, False)
    for same in ("one.key", "one-again.key"):
        with pytest.raises(CatalogueRefused, match="another one"):
            await activations.sign_by_officer(after.digest, tmp_path / same, now=now)
    with pytest.raises(CatalogueRefused, match="two must sign"):
        await activations.activate(after.digest, now=now)
    create_officer("officers.example/stranger", tmp_path / "stranger.key")
    with pytest.raises(OfficerRefused):
        await activations.sign_by_officer(after.digest, tmp_path / "stranger.key", now=now)
    assert (await activations.sign_by_officer(after.digest, tmp_path / "two.key", now=now)).signed
    await activations.activate(after.digest, now=now)
    approved = await entries(gateway, "catalogue.approved")
    assert {(each["catalogue"], each["previous"]) for each in approved} == {(after.digest, services.catalogue.digest)}
    assert len({each["key"] for each in approved}) == 2
    assert (await entries(gateway, "catalogue.activated"))[-1]["widening"] is True


async def test_two_dpos_signed_in_are_two_humans(gateway: Bed, draft: Draft, tmp_path: Path) -> None:
    """One human under two institutions counts once; a key and a session may be one human: they do not add up."""
    services, after = gateway.services, draft(WIDER)
    activations, now = services.activations, services.clock()
    await activations.register(after, now=now)

    async def sign(actor: str, name: str, organisation: str) -> Any:
        return await activations.sign_by_session(
            after.digest, actor=actor * 32, name=name, organisation=organisation, now=now
        )

    await activations.sign_by_officer(after.digest, tmp_path / "one.key", now=now)
    step = await sign("a", "Odile Marchais", "caf-brume")
    assert (step.officers, step.sessions, step.signed) == (1, 1, False)
    with pytest.raises(CatalogueRefused, match="two must sign"):
        await activations.activate(after.digest, now=now, actor="a" * 32, org="caf-brume")
    for actor, name in (("a", "Somebody Else"), ("b", "  odile   MARCHAIS ")):
        with pytest.raises(CatalogueRefused, match="another one"):
            await sign(actor, name, "ml-brume")
    assert (await sign("b", "Karim Belkacem", "ml-brume")).signed
    await activations.activate(after.digest, now=now, actor="b" * 32, org="ml-brume")
    entry = (await entries(gateway, "catalogue.activated"))[-1]
    assert (entry["by"], entry["org"], entry["actor"]) == ("dpo", "ml-brume", "b" * 32)


async def test_a_dpo_activates_nothing_unsigned(gateway: Bed, draft: Draft) -> None:
    """Even what narrows has one signature when it comes from a page."""
    services, after = gateway.services, draft(NARROWER)
    activations, now = services.activations, services.clock()
    await activations.register(after, now=now)
    with pytest.raises(CatalogueRefused, match="not signed"):
        await activations.activate(after.digest, now=now, actor="a" * 32, org="caf-brume")


async def test_a_signature_holds_for_one_step(gateway: Bed, draft: Draft, tmp_path: Path) -> None:
    """What was compared with another catalogue has to be looked at, and signed, again."""
    services, wider, other = gateway.services, draft(WIDER), draft(NARROWER)
    activations, now = services.activations, services.clock()
    for each in (wider, other):
        await activations.register(each, now=now)
    for name in ("one", "two"):
        await activations.sign_by_officer(wider.digest, tmp_path / f"{name}.key", now=now)
    await activations.activate(other.digest, now=now)
    with pytest.raises(CatalogueRefused, match="two must sign"):
        await activations.activate(wider.digest, now=now)
    assert (await activations.step(wider.digest)).officers == 0


async def test_of_two_activations_at_once_one_wins(gateway: Bed, draft: Draft) -> None:
    """The other is told that the ground has moved."""
    services, drafts = gateway.services, [draft(NARROWER), draft(CLOSED), draft(REDUCED)]
    for each in drafts:
        await services.activations.register(each, now=services.clock())
    done = await asyncio.gather(
        *(services.activations.activate(each.digest, now=services.clock()) for each in drafts), return_exceptions=True
    )
    assert sorted(type(each).__name__ for each in done) == ["CatalogueRefused", "CatalogueRefused", "Step"]
    assert len(await entries(gateway, "catalogue.activated")) == 2


async def test_nothing_is_released_under_a_catalogue_that_is_not_in_force(gateway: Bed, draft: Draft) -> None:
    """Rule: after the entry of an activation no release names another catalogue, even of a process that lags."""
    services = gateway.services
    await gateway.partner("siae-brume")
    token = await gateway.token("siae-brume", professional=professional("conseiller"))
    pseudonym = await gateway.link(token, "lucas-perrin")
    await gateway.authorise(token, "siae-brume", pseudonym, "iae.eligibility")
    fields = ["registration.status", "registration.category_code"]
    assert (await gateway.exchange(token, pseudonym, "iae.eligibility", fields)).status_code == 200
    after = draft(CLOSED)
    await services.activations.register(after, now=services.clock())
    await services.activations.activate(after.digest, now=services.clock())
    lagging = await gateway.exchange(token, pseudonym, "iae.eligibility", fields)
    assert (lagging.status_code, lagging.json()["code"]) == (503, "catalogue_superseded")
    assert "retry-after" in lagging.headers
    (released,) = await entries(gateway, "exchange.released")
    assert released["catalogue"] == services.catalogue.digest


async def test_a_draft_is_replayed_over_the_journal(gateway: Bed, draft: Draft) -> None:
    """Fields closed and reduced, persons touched, institutions that see their own only; nothing personal comes back."""
    services = gateway.services
    await gateway.partner("siae-brume")
    token = await gateway.token("siae-brume", professional=professional("conseiller"))
    fields = ["registration.status", "registration.category_code"]
    for person in ("lucas-perrin", "lucas-perrin", "ines-marchetti"):
        pseudonym = await gateway.link(token, person)
        if person == "ines-marchetti" or not await entries(gateway, "authorisation.given"):
            await gateway.authorise(token, "siae-brume", pseudonym, "iae.eligibility")
        await gateway.exchange(token, pseudonym, "iae.eligibility", fields)
    unasked = await gateway.link(token, "zoe-figurant")
    await gateway.exchange(token, unasked, "iae.eligibility", fields)
    found = await replay_last(services.store, draft(CLOSED, REDUCED), count=100)
    tally = found.tally
    assert (tally.decisions, tally.changed, tally.uncertain, tally.unreplayed) == (4, 3, 0, 0)
    assert len(tally.persons) == 2
    assert [(row[2], row[3].value, row[4]) for row in tally.rows()] == [
        ("registration.category_code", "closed", 3), ("registration.status", "stricter", 3),
    ]  # fmt: skip
    assert (await replay_last(services.store, services.catalogue, count=100)).tally.changed == 0
    assert (await replay_last(services.store, draft(CLOSED), count=2)).tally.decisions == 2
    assert found.last is not None
    own = [found.last, found.first]
    assert (await replay_last(services.store, draft(CLOSED), count=9, positions=own)).tally.decisions == 2
    assert (await replay_last(services.store, draft(CLOSED), count=1, positions=own)).first == found.last
    assert (await replay_last(services.store, draft(CLOSED), count=9, positions=[])).tally.decisions == 0
    await services.store.write(lambda connection: connection.execute(sa.delete(bundle)) and None)
    bundles._restore.cache_clear()
    assert (await replay_last(services.store, draft(CLOSED), count=9)).tally.unreplayed == 4


def test_the_officers_file_is_read_when_somebody_signs(tmp_path: Path) -> None:
    """A missing file means nobody may sign: the start does not depend on it."""
    made = Activations(store=None, journal=None, officers=lambda: read_officers(tmp_path / "none"), secret=b"k")  # type: ignore[arg-type]
    assert made._officers() == ()
