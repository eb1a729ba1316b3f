"""A changed catalogue ends what it serves no longer, when somebody says so."""

from pathlib import Path

import uvloop

from consent.states import By, Request
from gateway.serve import migrate_databases
from gateway.services import open_services
from gateway.settings import Settings
from tests.unit.gateway.conftest import Passerelle

AGENT = By(kind="professional", channel="system", actor="ab" * 16)


async def states(*purposes: str) -> dict[str, str]:
    """Ask for these purposes, then tell the states of all."""
    async with open_services(Settings()) as services:
        now = services.clock()
        linked = await services.people.link(
            partner="ml-brume", reference="dossier-7", identifiers={"ft_number": "12345678901"},
            accepted_kinds={"ft_number"}, now=now,
        )  # fmt: skip
        whom = await services.people.resolve(partner="ml-brume", pseudonym=linked.pseudonym)
        for purpose in purposes:
            asked = Request(
                recipient="ml-brume", purpose=purpose, basis="consent", fields=frozenset({"rsa.since"}),
                catalogue=services.catalogue.digest,
            )  # fmt: skip
            await services.authorisations.request(whom, asked, by=AGENT, now=now)
        return {each.purpose: each.state for each in await services.authorisations.authorisations_of(whom)}


def test_nothing_is_ended_before_it_is_said_twice(passerelle: Passerelle, home: Path) -> None:
    """Without --yes only told; with it ended, once; what the catalogue serves stands."""
    uvloop.run(migrate_databases(Settings()))
    uvloop.run(states("support.youth", "former.purpose"))
    line = "ml-brume former.purpose consent purpose_retired 1\n"
    assert passerelle("authorisation", "follow-catalogue") == (0, line, "Nothing was ended: add --yes.\n")
    assert uvloop.run(states())["former.purpose"] == "requested"
    assert passerelle("authorisation", "follow-catalogue", "--yes") == (0, line, "")
    assert uvloop.run(states()) == {"support.youth": "requested", "former.purpose": "invalidated"}
    told = "All authorisations are of the catalogue.\n"
    assert passerelle("authorisation", "follow-catalogue", "--yes") == (0, told, "")


def test_a_defective_notice_ends_what_was_asked_with_it(passerelle: Passerelle, home: Path) -> None:
    """By the DPO: counted first, then ended; a reason outside the list or nothing named is refused."""
    uvloop.run(migrate_databases(Settings()))
    uvloop.run(states("support.youth", "iae.eligibility"))
    for wrong in (["--reason", "mood", "--purpose", "support.youth"], ["--reason", "notice_defective"]):
        status, out, err = passerelle("authorisation", "invalidate", *wrong)
        assert (status, out) == (1, "")
        assert "notice_defective" in err
    command = ["authorisation", "invalidate", "--reason", "notice_defective", "--purpose", "support.youth"]
    assert passerelle(*command) == (0, "1 authorisations\n", "Nothing was ended: add --yes.\n")
    assert passerelle(*command, "--yes") == (0, "1 authorisations\n", "")
    assert uvloop.run(states()) == {"support.youth": "invalidated", "iae.eligibility": "requested"}
