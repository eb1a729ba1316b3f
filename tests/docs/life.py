"""The tables of docs/reference/authorisations.md, from the code. `python -m tests.docs.life` writes them anew."""

from pathlib import Path

from consent.actions import ACTIONS
from consent.states import BASES, ENDED, LIVE, NONE, REASONS, TERMINAL, TRANSITIONS, VALID, Rule
from policies import catalogue
from tests.docs.pages import fill

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "authorisations.md"
SHIPPED = Path(catalogue.__file__).parent / "catalogue"


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names))


def _bases(rule: Rule) -> str:
    return "all" if rule.bases == BASES else _listed(rule.bases)


def states() -> str:
    """Every state, what may leave in it, and whether it is ever left."""
    lines = ["| State | Data may leave | Left again | A new record may take its place |", "|---|---|---|---|"]
    for name in sorted(LIVE | TERMINAL):
        row = (f"`{name}`", *("yes" if each else "no" for each in (name in VALID, name in LIVE, name in ENDED)))
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)


def transitions() -> str:
    """Every transition, in the order of the table."""
    lines = [
        "| Transition | From | To | Bases | Who | Guard | Journal entry | Epoch |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, rule in TRANSITIONS.items():
        lines.append(
            f"| `{name}` | {_listed(rule.of).replace(NONE, '(nothing)')} | {rule.to or 'same'} | {_bases(rule)} "
            f"| {_listed(rule.kinds)} | {rule.guard} "
            f"| {f'`authorisation.{rule.event}`' if rule.event else 'that of its successor'} "
            f"| {'+ 1' if rule.bump else ''} |"
        )
    return "\n".join(lines)


def reasons() -> str:
    """The closed lists of reasons."""
    return "\n".join(f"- `{name}`: {', '.join(f'`{each}`' for each in sorted(REASONS[name]))}" for name in REASONS)


def sentences() -> str:
    """What the person reads, from the shipped catalogue."""
    shipped = catalogue.load(SHIPPED)
    lines = ["| Name | French | English |", "|---|---|---|"]
    for name, say in [(each, shipped.basis_sentence) for each in sorted(BASES)] + [
        (each, shipped.action_sentence) for each in ACTIONS
    ]:
        lines.append(f"| `{name}` | {say(name, 'fr')} | {say(name, 'en')} |")
    return "\n".join(lines)


TABLES = {"states": states, "transitions": transitions, "reasons": reasons, "sentences": sentences}


if __name__ == "__main__":
    PAGE.write_text(fill(PAGE.read_text("utf-8"), TABLES), "utf-8")
