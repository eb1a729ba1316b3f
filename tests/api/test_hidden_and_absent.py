"""A field hidden for the person's sake and one the source did not give look the same (design, section 4)."""

import shutil
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from gateway.app import build_app
from policies.catalogue import load
from tests.api.conftest import World
from tests.bed import professional

pytestmark = pytest.mark.asyncio(loop_scope="session")
YOUTH = "support.youth"


def told(catalogue, flags, rows):
    """What the recipient reads of household.address, for a person of these flags and these rows of the CAF."""
    from connectors.base import Fetched, Outcome
    from gateway import answer
    from policies.decision import Actor, Authorisation, Facts, decide
    from policies.minimisation import minimise

    fields = ("household.address", "rsa.beneficiary")
    held = Authorisation(
        id="a",
        basis="consent",
        state="given",
        fields=frozenset(fields),
        explicit=frozenset(),
        valid_from=0,
        valid_until=None,
        max_uses=None,
        uses=0,
    )
    facts = Facts(
        recipient="ml-brume",
        purpose=YOUTH,
        fields=fields,
        now=1_795_000_000_000,
        actor=Actor(kind="professional", role="conseiller", assurance="substantial"),
        flags=frozenset(flags),
        authorisation=held,
        epoch=0,
        uses={"ml-jeunes-ressources": 0},
        switches=frozenset(),
    )
    decision = decide(facts, catalogue)
    asked = {v.field.partition(".")[0] for v in decision.granted}
    all_rows = {"household": rows, "rsa": [{"rsa.beneficiary": True}]}
    fetched = {n: Fetched(dataset=n, outcome=Outcome.found, rows=tuple(all_rows[n]), collected_at=0) for n in asked}
    minimised = minimise(decision, {n: f.rows for n, f in fetched.items()}, catalogue)
    states = answer.states(decision, fetched, minimised)
    hidden = answer.withheld(decision, minimised, states)
    return answer.datasets(catalogue, decision, fetched, minimised, states=states, hidden=hidden)["household"]


async def test_a_hidden_field_and_an_absent_one_look_the_same(world: World) -> None:
    """A protected address and one the CAF did not give: the same members (design section 4)."""
    catalogue = world.bed.services.catalogue
    absent, hidden = told(catalogue, [], [{}]), told(catalogue, ["protected_address"], [])
    assert absent == hidden


async def test_who_has_no_file_looks_like_who_is_hidden(world: World) -> None:
    """The real source says 404: neither beside another dataset nor alone does the answer tell the two apart."""
    hidden = await world.ready("ml-brume", YOUTH, like="helene-aubert")
    await world.bed.flag("ml-brume", hidden, "protected_address")
    absent = await world.ready("ml-brume", YOUTH, like="ines-marchetti")
    for fields in (["household.address"], ["household"]):
        alone = [await world.ask("ml-brume", each, YOUTH, fields) for each in (hidden, absent)]
        assert [answer.status_code for answer in alone] == [403, 403]
        assert len({repr((answer.json()["code"], answer.json()["reasons"])) for answer in alone}) == 1
        beside = [await world.ask("ml-brume", each, YOUTH, ["registration", *fields]) for each in (hidden, absent)]
        one, other = (answer.json()["datasets"]["household"] for answer in beside)
        assert one == other
    assert beside[1].json()["datasets"]["registration"]["state"] == "no_data"  # nobody's situation hides that one
    undelivered = [each for each in await world.bed.journal() if each["type"] == "exchange.undelivered"]
    assert "nothing_supplied" in {each["reason"] for each in undelivered}


async def test_a_sign_in_too_weak_for_the_rest_tells_the_two_apart_no_more(world: World, tmp_path: Path) -> None:
    """Asked with what a stronger sign-in opens: who is hidden and who has no file get the same challenge."""
    folder = shutil.copytree(Path(__file__).parents[2] / "policies" / "catalogue", tmp_path / "catalogue")
    line = folder / "ml-jeunes-rendez-vous.yaml"
    kept = "rdv.place: {release: clear, needs: {state: [not_protected_address]}}"
    line.write_text(line.read_text("utf-8").replace("rdv.place: {release: clear}", kept), "utf-8")
    services = replace(world.bed.services, catalogue=load(folder))
    hidden, absent = [await world.ready("ml-brume", YOUTH, like=each) for each in ("helene-aubert", "ines-marchetti")]
    await world.bed.flag("ml-brume", hidden, "protected_address")
    weak = replace(professional("conseiller"), acr="eidas1")
    transport = httpx.ASGITransport(app=build_app(services))
    async with httpx.AsyncClient(transport=transport, base_url=services.base_url) as http:
        bed = replace(world.bed, services=services, http=http)
        token = await bed.token("ml-brume", professional=weak)
        fields = ["rdv.place", "registration.status"]
        answers = [await bed.exchange(token, each, YOUTH, fields) for each in (hidden, absent)]
    first, second = ((each.status_code, each.json()["code"], each.json()["reasons"]) for each in answers)
    assert first == second
