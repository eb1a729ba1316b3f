"""`minimise`: what really leaves. Only the fields a decision permits, each under its obligation.

1. Fields not permitted are never looked at, whatever the source returned.
2. A value is of its vocabulary type, or its field does not leave.
3. The obligation is carried out, or its field does not leave: never the clear value instead.
4. No text or number that leaves contains a NIR.

A field that fails in one row is withheld from all rows: which row it was would itself tell something. Values are in
no repr and no exception.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

from policies.catalogue import Catalogue
from policies.errors import CatalogueMismatch
from policies.nir import carries_nir
from policies.obligations import NEVER
from policies.reasons import Reason
from policies.transformations import Pseudonymise, Transform, transform
from policies.values import CHECKS
from policies.verdicts import Decision, Ruling
from policies.vocabulary import FieldType

Row = Mapping[str, Any]
Records = Mapping[str, Sequence[Row]]

_ABSENT: Final = object()


class Minimised(NamedTuple):
    """What may leave: rows per dataset, the obligation each field left under, and what was withheld and why."""

    values: Mapping[str, list[dict[str, Any]]]
    transforms: Mapping[str, str]
    withheld: Mapping[str, Reason]

    def __repr__(self) -> str:
        return f"Minimised(transforms={self.transforms!r}, withheld={self.withheld!r})"


class _Step(NamedTuple):
    name: str
    conforms: Callable[[Any], bool]
    nullable: bool
    obligation: str
    transform: Transform | None
    searched: bool


class _Plan(NamedTuple):
    dataset: str
    many: bool
    steps: tuple[_Step, ...]


class _Refused(Exception):  # noqa: N818
    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


def minimise(
    decision: Decision, records: Records, catalogue: Catalogue, *, pseudonymise: Pseudonymise | None = None
) -> Minimised:
    """Keep of the records what the decision permits. Rows are keyed by full field names, in and out.

    A dataset stands in `values` when it was fetched and something of it may leave; an empty list means that the
    source answered and has no row. Raises CatalogueMismatch when the decision was taken with another catalogue.
    """
    if decision.catalogue != catalogue.digest:
        raise CatalogueMismatch("the decision was taken with another catalogue")
    values: dict[str, list[dict[str, Any]]] = {}
    transforms: dict[str, str] = {}
    withheld: dict[str, Reason] = {}
    for plan in _plans(catalogue, decision.ruling):
        rows = records.get(plan.dataset)
        if rows is None:
            continue
        if len(rows) > 1 and not plan.many:
            withheld.update((step.name, Reason.ROWS_AMBIGUOUS) for step in plan.steps)
            continue
        kept: list[dict[str, Any]] = [{} for _ in rows]
        failed = _fill(kept, rows, steps=plan.steps, pseudonymise=pseudonymise)
        withheld.update(failed)
        for step in plan.steps:
            if rows and step.name not in failed:
                transforms[step.name] = step.obligation
        if len(failed) < len(plan.steps):
            values[plan.dataset] = kept
    return Minimised(values=values, transforms=transforms, withheld=withheld)


@lru_cache(maxsize=256)
def _plans(catalogue: Catalogue, ruling: Ruling) -> tuple[_Plan, ...]:
    steps: dict[str, list[_Step]] = {}
    for verdict in ruling.granted:
        known = catalogue.vocabulary.fields[verdict.field]
        obligation = verdict.obligation or NEVER  # a permission has one
        step = _Step(
            name=known.name,
            conforms=CHECKS[known.type],
            nullable=known.nullable,
            obligation=str(obligation),
            transform=transform(obligation, known),
            # dates are held to their form, answers are booleans, pseudonyms are random: a NIR cannot hide there
            searched=known.type in {FieldType.STR, FieldType.INT}
            and obligation.kind not in {"predicate", "pseudonymise"},
        )
        steps.setdefault(known.dataset, []).append(step)
    datasets = catalogue.vocabulary.datasets
    return tuple(_Plan(dataset, datasets[dataset].many, tuple(each)) for dataset, each in sorted(steps.items()))


def _fill(
    kept: list[dict[str, Any]], rows: Sequence[Row], *, steps: tuple[_Step, ...], pseudonymise: Pseudonymise | None
) -> dict[str, Reason]:
    """Fill the rows kept, field by field; give the fields that failed, each left out of all rows."""
    failed: dict[str, Reason] = {}
    pairs = list(zip(kept, rows, strict=True))
    for step in steps:
        name, given = step.name, False
        try:
            for into, row in pairs:
                value = _leaving(step, row, pseudonymise)
                if value is not _ABSENT:
                    into[name], given = value, True
        except _Refused as refused:
            failed[name] = refused.reason
            for into in kept:
                into.pop(name, None)
            continue
        if rows and not given:
            failed[name] = Reason.NOT_SUPPLIED
    return failed


def _leaving(step: _Step, row: Row, pseudonymise: Pseudonymise | None) -> Any:
    value = row.get(step.name, _ABSENT)
    if value is _ABSENT:
        return value
    if not (step.nullable if value is None else step.conforms(value)):
        raise _Refused(Reason.TYPE_MISMATCH)
    if step.transform is not None:
        try:
            value = step.transform(value, row, pseudonymise)
        except Exception:  # noqa: BLE001  whatever went wrong, the value does not leave, nor what it raised
            raise _Refused(Reason.TRANSFORMATION_FAILED) from None
    if step.searched and carries_nir(str(value)):
        raise _Refused(Reason.NIR_DETECTED)
    return value
