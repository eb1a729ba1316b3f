"""The tables of docs/reference/journal.md, from the vocabulary. `python -m tests.docs.journal` writes them anew."""

from collections.abc import Mapping
from pathlib import Path

from audit.events import AUTHORISATION_EVENTS, EVENTS
from audit.forms import Form
from gateway.console.sentences import Names
from policies import catalogue
from tests.docs.pages import fill

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "journal.md"
SHIPPED = Path(catalogue.__file__).parent / "catalogue"
ALIKE = [f"authorisation.{event}" for event in AUTHORISATION_EVENTS]
"""Types that have the same members: said once."""


def _listed(members: Mapping[str, Form]) -> str:
    return ", ".join(f"`{name}`" for name in members) or "none"


def types() -> str:
    """Every type, by name: what it says, its members, whether it is about a person."""
    words = Names(catalogue.load(SHIPPED), "en")
    lines = ["| Type | Says | Members | May have | Person |", "|---|---|---|---|---|"]
    for name, event in sorted(EVENTS.items()):
        members = (_listed(event.required), _listed(event.optional)) if name not in ALIKE else ("see below",) * 2
        lines.append(f"| `{name}` | {words.event(name)} | {' | '.join(members)} | {event.subject} |")
    return "\n".join(lines)


def authorisations() -> str:
    """What all types about an authorisation have."""
    [members] = {id(EVENTS[name]): EVENTS[name] for name in ALIKE}.values()
    return f"Members: {_listed(members.required)}. May have: {_listed(members.optional)}."


TABLES = {"types": types, "authorisations": authorisations}


if __name__ == "__main__":
    PAGE.write_text(fill(PAGE.read_text("utf-8"), TABLES), "utf-8")
