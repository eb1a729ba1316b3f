"""What a DPO, a controller or an authority does, and the end of a mandate, as it is typed; each is an entry."""

from pathlib import Path
from typing import Any

import pytest
import uvloop

from consent.representatives import SEEN, Checked
from consent.states import By, Request
from gateway.actors import actor_tag
from gateway.serve import migrate_databases
from gateway.services import Services, open_services
from gateway.settings import Settings
from tests.unit.gateway.conftest import Passerelle

NAMED = ("--partner", "ml-brume", "--reference", "dossier-7")
AGENT = By(kind="professional", channel="system", actor="ab" * 16)
PERSON = By(kind="subject", channel="page", method="franceconnect")
YEAR = 365 * 86_400_000


def ask(work: Any) -> Any:
    """Something of an opened gateway."""

    async def opened() -> Any:
        async with open_services(Settings()) as services:
            return await work(services)

    return uvloop.run(opened())


async def somebody(services: Services) -> Any:
    return await services.people.resolve(partner="ml-brume", reference="dossier-7")


@pytest.fixture
def given(home: Path) -> str:
    """Somebody with a consent in force, given under a guardian's mandate; gives the authorisation's id."""

    async def fill(services: Services) -> str:
        now, catalogue = services.clock(), services.catalogue
        await services.people.link(
            partner="ml-brume", reference="dossier-7", identifiers={"ft_number": "12345678901"},
            accepted_kinds={"ft_number"}, now=now,
        )  # fmt: skip
        subject, line = await somebody(services), catalogue.request_fields("ml-brume", "support.youth")
        asked = Request(
            recipient="ml-brume", purpose="support.youth", basis="consent", fields=line.fields,
            catalogue=catalogue.digest,
        )  # fmt: skip
        record = (await services.authorisations.request(subject, asked, by=AGENT, now=now)).record
        seen = Checked(holder=SEEN, capacity="guardian", digest="e" * 64, until=now + YEAR)
        guardian = await services.channels.mandates.record(subject, seen, by=AGENT, now=now)
        by = By(kind="representative", channel="page", representative=guardian)
        await services.authorisations.give(record.id, subject=subject, fields=line.fields, by=by, now=now)
        return record.id

    uvloop.run(migrate_databases(Settings()))
    return str(ask(fill))


def newest(id_: str) -> dict[str, Any]:
    """The last event of its history."""

    async def read(services: Services) -> Any:
        record = await services.authorisations.get(id_, subject=await somebody(services))
        return {"state": record.state, "held": record.held_at is not None, **record.record["events"][-1]}

    return dict(ask(read))


def tag(who: str) -> str:
    async def made(services: Services) -> str:
        return actor_tag(services.keys.actors, "ml-brume", who)

    return str(ask(made))


def test_the_dpo_pauses_with_a_reason_and_alone_resumes(passerelle: Passerelle, given: str) -> None:
    """Who, and why, stand in the entry; the person's own pause is not the DPO's to lift."""
    pause = ("authorisation", "pause", given, "--dpo", "camille")
    assert passerelle(*pause, "--reason", "mood")[0] == 2
    assert passerelle(*pause, "--reason", "complaint") == (0, f"{given} paused\n", "")
    told = newest(given)
    assert (told["event"], told["by"], told["reason"], told["actor"]) == ("paused", "dpo", "complaint", tag("camille"))
    assert passerelle(*pause, "--reason", "complaint")[0] == 1
    resume = ("authorisation", "resume", given, "--dpo", "camille")
    assert passerelle(*resume) == (0, f"{given} given\n", "")

    async def own_pause(services: Services) -> None:
        subject = await somebody(services)
        await services.authorisations.pause(given, subject=subject, by=PERSON, now=services.clock())

    ask(own_pause)
    status, out, err = passerelle(*resume)
    assert (status, out) == (1, "")
    assert err.startswith("not_entitled")
    assert newest(given)["state"] == "paused"


@pytest.mark.parametrize(("option", "kind"), [("--controller", "controller"), ("--authority", "authority")])
def test_a_decision_or_an_order_ends_it_and_a_dispute_keeps_it(
    passerelle: Passerelle, given: str, option: str, kind: str
) -> None:
    """One of the two, a reference, and --yes; then kept for a dispute, and no longer."""
    revoke = ("authorisation", "revoke", given, "--reference", "SAN-2026-012")
    assert passerelle(*revoke, "--yes")[0] == 2
    assert passerelle(*revoke, "--controller", "a", "--authority", "b", "--yes")[0] == 2
    assert passerelle(*revoke, option, "x")[0] == 1
    assert passerelle("authorisation", "hold", given, "--dpo", "camille")[0] == 1
    assert passerelle(*revoke, option, "x", "--yes") == (0, f"{given} revoked\n", "")
    told = newest(given)
    assert (told["by"], told["reference"], told["actor"]) == (kind, "SAN-2026-012", tag("x"))
    for command, event, held in (("hold", "held", True), ("free", "freed", False)):
        assert passerelle("authorisation", command, given, "--dpo", "camille") == (0, f"{given} revoked\n", "")
        told = newest(given)
        assert (told["event"], told["held"], told["by"]) == (event, held, "dpo")
    status, _, err = passerelle("authorisation", "free", "0" * 32, "--dpo", "camille")
    assert (status, err) == (1, "authorisation_unknown: no such authorisation\n")


def test_a_guardians_mandate_is_ended_with_what_it_gave(passerelle: Passerelle, given: str) -> None:
    """Listed with its first day without force; over once; what was given under it is invalid, and why."""
    status, out, _ = passerelle("person", "mandate", "list", *NAMED)
    id_, capacity, _day = out.split()
    assert (status, capacity) == (0, "guardian")
    end = ("person", "mandate", "end", id_, *NAMED, "--by", "lise")
    assert passerelle(*end) == (0, "", f"{id_} is over.\n")
    told = newest(given)
    assert (told["state"], told["reason"]) == ("invalidated", "capacity_lost")
    assert passerelle("person", "mandate", "list", *NAMED) == (0, "", "")
    status, _, err = passerelle(*end)
    assert (status, err.partition(":")[0]) == (1, "mandate_refused")
