"""What an answer says of a dataset of which one field may be hidden by the person's situation, and another may not."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from connectors.base import Fetched, Outcome
from gateway import answer
from policies.catalogue import Catalogue, load
from policies.decision import Actor, Authorisation, Facts, decide
from policies.minimisation import minimise

ROOT = Path(__file__).parents[3] / "policies" / "catalogue"
FIELDS = ("contact.address", "contact.phone")


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    """The catalogue with a line that gives telephone and address."""
    folder = shutil.copytree(ROOT, tmp_path_factory.mktemp("mixed") / "catalogue")
    line = folder / "ml-jeunes-rendez-vous.yaml"
    also = "".join(f"  {name}: {{release: clear}}\n" for name in FIELDS)
    line.write_text(line.read_text("utf-8") + also, "utf-8")
    return load(folder)


def told(catalogue: Catalogue, flags: set[str], came: dict[str, Any], fields: tuple[str, ...] = FIELDS) -> Any:
    """What the recipient reads of `contact`, and what the entry of the release says of withheld fields."""
    held = Authorisation(
        id="a", basis="consent", state="given", fields=frozenset(FIELDS), explicit=frozenset(), valid_from=0,
        valid_until=None, max_uses=None, uses=0,
    )  # fmt: skip
    facts = Facts(
        recipient="ml-brume", purpose="support.youth", fields=fields, now=1_795_000_000_000,
        actor=Actor(kind="professional", role="conseiller", assurance="substantial"), flags=frozenset(flags),
        authorisation=held, epoch=0, uses={"ml-jeunes-rendez-vous": 0}, switches=frozenset(),
    )  # fmt: skip
    decision = decide(facts, catalogue)
    asked = {verdict.field.partition(".")[0] for verdict in decision.granted}
    found = {name: Fetched(dataset=name, collected_at=0, **came) for name in asked}
    rules = catalogue.tables["ml-brume", "support.youth"].rules
    fetched = answer.unrevealing(decision, found, rules)
    records = {name: each.rows for name, each in fetched.items() if each.outcome is Outcome.found}
    minimised = minimise(decision, records, catalogue)
    states = answer.states(decision, fetched, minimised)
    hidden = answer.withheld(decision, minimised, states)
    told = answer.datasets(catalogue, decision, fetched, minimised, states=states, hidden=hidden)
    return told["contact"], dict(hidden)


@pytest.mark.parametrize(
    "came",
    [
        {"outcome": Outcome.no_data},
        {"outcome": Outcome.unknown_person},
        {"outcome": Outcome.ambiguous},
        {"outcome": Outcome.unavailable, "retry_after": 30},
        {"outcome": Outcome.found, "rows": ()},
        {"outcome": Outcome.found, "rows": ({},)},
        {"outcome": Outcome.found, "rows": ({"contact.phone": "+33600000000"},)},
    ],
    ids=["no data", "unknown", "ambiguous", "unavailable", "no row", "empty row", "phone alone"],
)
def test_a_hidden_address_shows_in_no_state(mixed: Catalogue, came: dict[str, Any]) -> None:
    """Rule: whatever the source answers, who is protected and who gave no address are told alike."""
    assert told(mixed, {"protected_address"}, came) == told(mixed, set(), came)


@pytest.mark.parametrize("outcome", [Outcome.no_data, Outcome.found])
def test_a_hidden_dataset_and_one_without_a_row_look_alike(mixed: Catalogue, outcome: Outcome) -> None:
    """Rule: also where the source says so by a list without a row."""
    nothing = {"outcome": outcome, "rows": ()}
    assert told(mixed, {"protected_address"}, nothing, FIELDS[:1]) == told(mixed, set(), nothing, FIELDS[:1])


def test_what_the_recipient_may_hear_is_told_in_every_state(mixed: Catalogue) -> None:
    """Rule: a reason that is not the person's stays, also where nothing came."""
    body, hidden = told(mixed, {"protected_address"}, {"outcome": Outcome.no_data}, (*FIELDS, "contact.email"))
    assert body["withheld"] == {"email": "not_in_exchange"}
    assert hidden == {"contact.email": "not_in_exchange"}
