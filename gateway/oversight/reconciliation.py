"""What the catalogue declares against what was used: fields, purposes nobody needed, agreements near their end. Pure.

What is not used need not be declared (GDPR 5-1-c). Refuses to say why: a field may be rare and right.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from policies.catalogue import Catalogue

SOON_MS = 90 * 86_400_000

Used = Mapping[tuple[str, str, str], int]
"""Releases per recipient, purpose and field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineUse:
    """One recipient and purpose: declared fields never released, and those that were with how often."""

    recipient: str
    purpose: str
    used: Mapping[str, int]
    unused: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """An exchange that is used and ends soon, or has ended."""

    exchange: str
    recipients: tuple[str, ...]
    purpose: str
    ends: int
    releases: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """Purposes never used; fields never used; what was released and is not declared any more; what ends."""

    idle: tuple[LineUse, ...]
    partly: tuple[LineUse, ...]
    undeclared: tuple[tuple[str, str, str, int], ...]
    ending: tuple[Ending, ...]


def reconcile(catalogue: Catalogue, used: Used, *, now: int, org: str | None = None) -> Reconciliation:
    """Compare; with `org` only the lines it receives or gives on."""
    lines = [
        _line(catalogue, recipient, purpose, used)
        for recipient, purpose in sorted(catalogue.tables)
        if org is None or org == recipient or org in catalogue.sources_of(recipient, purpose)
    ]
    declared = {
        (recipient, purpose, name) for (recipient, purpose), table in catalogue.tables.items() for name in table.served
    }
    return Reconciliation(
        idle=tuple(each for each in lines if not each.used),
        partly=tuple(each for each in lines if each.used and each.unused),
        undeclared=tuple(
            (*key, count) for key, count in sorted(used.items()) if key not in declared and org in {None, key[0]}
        ),
        ending=tuple(_ending(catalogue, used, now=now, org=org)),
    )


def _line(catalogue: Catalogue, recipient: str, purpose: str, used: Used) -> LineUse:
    served = sorted(catalogue.tables[recipient, purpose].served)
    counts = {name: used[recipient, purpose, name] for name in served if used.get((recipient, purpose, name))}
    unused = tuple(name for name in served if name not in counts)
    return LineUse(recipient=recipient, purpose=purpose, used=counts, unused=unused)


def _ending(catalogue: Catalogue, used: Used, *, now: int, org: str | None) -> list[Ending]:
    found = []
    for each in catalogue.counted.values():
        if each.ends is None or each.ends > now + SOON_MS:
            continue
        if org is not None and org not in {each.controller, each.source, *each.recipients}:
            continue
        releases = max(
            (used.get((to, each.purpose, name), 0) for to in each.recipients for name in each.releases), default=0
        )
        if releases:
            found.append(
                Ending(
                    exchange=each.name, recipients=each.recipients, purpose=each.purpose, ends=each.ends,
                    releases=releases,
                )
            )  # fmt: skip
    return sorted(found, key=lambda one: (one.ends, one.exchange))
