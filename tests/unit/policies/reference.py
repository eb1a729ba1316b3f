"""A second, slow and plain reading of the rules, from the contents of the files: what `decide` is compared with.

Shares no code with the package. One exchange is looked for per field; then every condition is asked in turn and all
must hold. Gives the obligation's text, or None for a denial; says nothing of reasons.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

Content = Mapping[str, Any]
STRENGTH = {"clear": 0, "truncate": 1, "generalise": 1, "mask": 1, "pseudonymise": 2, "predicate": 3, "never": 4}


class Reference:
    """The rules of one catalogue, read from its contents."""

    def __init__(
        self, exchanges: list[Content], *, vocabulary: Content, parties: Content, purposes: Content, denials: Content
    ):
        self.exchanges = exchanges
        self.flags = set(vocabulary["flags"])
        self.parties = parties["parties"]
        self.purposes = purposes["purposes"]
        self.denials = denials["deny"]

    def obligation(self, facts: Any, field: str) -> str | None:
        """Give the text of the obligation under which a field may leave, None when it may not."""
        serving = [
            each
            for each in self.exchanges
            if each["status"] == "active"
            and each["purpose"] == facts.purpose
            and facts.recipient in each["recipient"]
            and field in each["fields"]
        ]
        if len(serving) != 1 or facts.recipient not in self.parties or facts.purpose not in self.purposes:
            return None
        if facts.authorisation is None or facts.flags is None:
            return None
        (exchange,) = serving
        conditions = (
            not facts.switches,
            not self.purposes[facts.purpose].get("banned", False),
            self._actor(facts.actor, exchange["agents"]),
            self._time(facts.now, exchange["when"]),
            self._uses(facts.uses, exchange),
            self._authorisation(facts, exchange),
            self._flags(facts.flags, exchange),
            self._field(facts, exchange, field),
            not any(self._denies(each, facts, exchange, field) for each in (*exchange.get("deny", ()), *self.denials)),
        )
        return self._strictest(facts, exchange, field) if all(conditions) else None

    def _actor(self, actor: Any, agents: Content) -> bool:
        if actor is None:
            return False
        if actor.kind == "batch":
            return agents["batch"] == "allowed"
        if actor.kind == "person":
            return agents.get("person", "refused") == "allowed"
        levels = ["low", "substantial", "high"]
        enough = levels[levels.index(agents["auth"]) :]
        return actor.kind == "professional" and actor.role in agents["roles"] and actor.assurance in enough

    def _time(self, now: int, when: Content) -> bool:
        day = datetime.fromtimestamp(now / 1000, tz=UTC).strftime("%Y-%m-%d")
        return when["not_before"] <= day <= when.get("not_after", "9999-12-31")

    def _uses(self, uses: Mapping[str, int], exchange: Content) -> bool:
        count = uses.get(exchange["exchange"])
        return count is not None and 0 <= count < int(exchange["frequency"]["per_subject"].split("/")[0])

    def _authorisation(self, facts: Any, exchange: Content) -> bool:
        held = facts.authorisation
        if held.basis != exchange["bases"][0]["type"]:
            return False
        valid = ["given", "renewed"] if held.basis == "consent" else ["active"]
        begun = held.valid_from <= facts.now
        ended = held.valid_until is not None and held.valid_until <= facts.now
        used_up = held.max_uses is not None and not 0 <= held.uses < held.max_uses
        return held.state in valid and begun and not ended and not used_up

    def _flags(self, flags: frozenset[str], exchange: Content) -> bool:
        if flags - self.flags:
            return False
        required = exchange.get("subjects", {}).get("requires", [])
        return not flags & {"restriction", "tombstone"} and all(flag in flags for flag in required)

    def _field(self, facts: Any, exchange: Content, field: str) -> bool:
        needs = exchange["fields"][field].get("needs", {})
        explicit = needs.get("consent") != "explicit" or field in facts.authorisation.explicit
        states = all(
            state[4:] not in facts.flags if state.startswith("not_") else state in facts.flags
            for state in needs.get("state", [])
        )
        return field in facts.authorisation.fields and explicit and states

    def _denies(self, denial: Content, facts: Any, exchange: Content, field: str) -> bool:
        def touches(pattern: str | None, name: str) -> bool:
            return pattern is None or pattern in {"*", name} or (pattern[-1] == "*" and name.startswith(pattern[:-1]))

        flag = denial.get("if", {}).get("subject_flag")
        return (
            touches(denial.get("fields"), field)
            and touches(denial.get("purpose"), facts.purpose)
            and denial.get("recipient", facts.recipient) == facts.recipient
            and denial.get("source", exchange["source"]) == exchange["source"]
            and (flag is None or flag in facts.flags)
        )

    def _strictest(self, facts: Any, exchange: Content, field: str) -> str | None:
        """Compare by strength; of two equally strong, only bands that divide each other can be compared."""
        texts = {_text(exchange["fields"][field])}
        floors = self.parties[exchange["source"]].get("floors", {})
        texts |= {_text(floors[field])} if field in floors else set()
        asked = facts.authorisation.floors.get(field)
        texts |= {asked} if asked is not None else set()
        strength = max(STRENGTH[text.split(":")[0]] for text in texts)
        strongest = sorted(text for text in texts if STRENGTH[text.split(":")[0]] == strength)
        if strength == STRENGTH["never"]:
            return None
        if len(strongest) == 1:
            return strongest[0]
        if not all(text.startswith("generalise:band:") for text in strongest):
            return None
        steps = sorted(int(text.split(":")[2]) for text in strongest)
        return f"generalise:band:{steps[-1]}" if all(steps[-1] % step == 0 for step in steps) else None


def _text(release: Content) -> str:
    kind = release["release"]
    if kind == "mask":
        return f"mask:last:{release['keep']}"
    parts = [release[key] for key in ("to", "op", "step", "value") if key in release]
    return ":".join([kind, *(str(part) for part in parts)])
