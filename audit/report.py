"""What a verification tells: numbered checks, each held, failed or not made, with the reason in words."""

from dataclasses import dataclass, field
from typing import Any

_WORDS = {True: "ok", False: "FAILED", None: "not checked"}


@dataclass(frozen=True, slots=True)
class Check:
    """The outcome of one check; None when there was nothing to check it with, or an earlier one failed."""

    number: int
    name: str
    ok: bool | None
    detail: str

    def __str__(self) -> str:
        return f"{self.number:>2}. {self.name:<15} {_WORDS[self.ok]:<11} {self.detail}".rstrip()


@dataclass(frozen=True, slots=True)
class Report:
    """All checks of one thing, in order, and what it was about."""

    about: str
    checks: tuple[Check, ...]
    key_given: bool = True
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether no check failed."""
        return all(check.ok is not False for check in self.checks)

    def failed(self) -> list[str]:
        """Name the checks that failed."""
        return [check.name for check in self.checks if check.ok is False]

    def lines(self) -> list[str]:
        """Write it for people, the verdict last."""
        whose = "" if self.key_given else " (with the key found beside it: compare it with one you hold)"
        verdict = f"{self.about}: {'intact, every check made held' if self.ok else 'NOT INTACT'}{whose}"
        return [*map(seen, map(str, self.checks)), seen(verdict)]

    def as_json(self) -> dict[str, Any]:
        """Write it for machines."""
        checks = [{"number": c.number, "name": c.name, "ok": c.ok, "detail": c.detail} for c in self.checks]
        return {"about": self.about, "ok": self.ok, "key_given": self.key_given, "checks": checks, **self.facts}


def seen(text: str) -> str:
    """One line of characters that are seen: names of files come from anywhere, and a terminal obeys some."""
    return "".join(character if character.isprintable() else "?" for character in text)


def report(
    about: str,
    names: tuple[str, ...],
    found: dict[str, tuple[bool | None, str]],
    *,
    key_given: bool = True,
    **facts: Any,
) -> Report:
    """Number the checks of a closed list; one that was not reached is told as not made."""
    checks = (Check(number, name, *found.get(name, (None, ""))) for number, name in enumerate(names, 1))
    return Report(about, tuple(checks), key_given, facts)
