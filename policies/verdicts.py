"""What a decision says: one verdict per field, and the views of it that the journal, the answer and the person need.

A verdict never carries a value. Its rule names the line of the catalogue that decided (`exchange@version#field`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from policies.facts import canonical
from policies.obligations import Obligation
from policies.reasons import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether one field may leave, by which rule, and under which obligation.

    `reads` is the other field of the same dataset that the obligation keeps in its place, if it needs one.
    """

    field: str
    permit: bool
    rule: str
    reason: Reason
    obligation: Obligation | None
    source: str | None
    exchange: str | None
    reads: str | None = None


@dataclass(frozen=True, eq=False)
class Ruling:
    """The verdicts on every field asked for, sorted by field, and the views of them; the same for many persons.

    Compared and hashed by identity, so that what follows from a ruling may be remembered with it.
    """

    verdicts: tuple[Verdict, ...]

    @cached_property
    def granted(self) -> tuple[Verdict, ...]:
        """The verdicts that permit."""
        return tuple(verdict for verdict in self.verdicts if verdict.permit)

    @cached_property
    def sources(self) -> Mapping[str, tuple[str, ...]]:
        """The fields to ask of each source: those permitted, and those their obligations read."""
        asked: dict[str, set[str]] = {}
        for verdict in self.granted:
            fields = asked.setdefault(str(verdict.source), set())
            fields.add(verdict.field)
            if verdict.reads is not None:
                fields.add(verdict.reads)
        return {source: tuple(sorted(fields)) for source, fields in asked.items()}

    @cached_property
    def exchanges(self) -> tuple[str, ...]:
        """The ids of the exchanges that a release uses: what a frequency counts."""
        return tuple(sorted({str(verdict.exchange).partition("@")[0] for verdict in self.granted}))

    @cached_property
    def permits(self) -> Mapping[str, list[str]]:
        """The fields permitted, per exchange and version."""
        return _grouped((str(verdict.exchange), verdict.field) for verdict in self.granted)

    @cached_property
    def denials(self) -> Mapping[str, list[str]]:
        """The fields denied, per true reason: for the journal and the person, not for the recipient."""
        return _grouped((verdict.reason.value, verdict.field) for verdict in self.verdicts if not verdict.permit)

    @cached_property
    def withheld(self) -> Mapping[str, str]:
        """Every field denied, with the reason as the recipient may hear it."""
        return {verdict.field: verdict.reason.public for verdict in self.verdicts if not verdict.permit}


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A ruling for one person at one moment: with the catalogue and the epoch it rests on."""

    ruling: Ruling
    catalogue: str
    epoch: int

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """One per field asked for, sorted by field."""
        return self.ruling.verdicts

    @property
    def granted(self) -> tuple[Verdict, ...]:
        """The verdicts that permit."""
        return self.ruling.granted

    @property
    def permitted(self) -> tuple[str, ...]:
        """The fields that may leave."""
        return tuple(verdict.field for verdict in self.granted)

    @property
    def sources(self) -> Mapping[str, tuple[str, ...]]:
        """See `Ruling`."""
        return self.ruling.sources

    @property
    def exchanges(self) -> tuple[str, ...]:
        """See `Ruling`."""
        return self.ruling.exchanges

    def permits(self) -> Mapping[str, list[str]]:
        """See `Ruling`."""
        return self.ruling.permits

    def denials(self) -> Mapping[str, list[str]]:
        """See `Ruling`."""
        return self.ruling.denials

    def told(self) -> Mapping[str, list[str]]:
        """The fields denied, per reason as the recipient may hear it."""
        return _grouped((reason, field) for field, reason in self.ruling.withheld.items())

    def to_json(self) -> bytes:
        """Write the decision to canonical bytes, the same for the same facts and catalogue."""
        return canonical(
            {
                "catalogue": self.catalogue,
                "epoch": self.epoch,
                "verdicts": [
                    {
                        "field": verdict.field,
                        "permit": verdict.permit,
                        "rule": verdict.rule,
                        "reason": verdict.reason.value,
                        "obligation": None if verdict.obligation is None else str(verdict.obligation),
                        "source": verdict.source,
                        "exchange": verdict.exchange,
                    }
                    for verdict in self.verdicts
                ],
            }
        )


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for key, field in pairs:
        groups.setdefault(key, []).append(field)
    return groups
