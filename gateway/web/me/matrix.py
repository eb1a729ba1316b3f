"""Who sees what, both ways round: what each organisation may see, and who may see each kind of information. Pure.

Every cell is a word: « tout », « une partie », « non ». Built from what is in force only, with the fields in force
and not kept back by the person's situation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from consent.states import VALID, Record, effective_state
from gateway.web.me.phrases import Said, field_said, party_said
from policies.catalogue import Catalogue

ALL, PART, NONE = "all", "part", "none"
_RANK = (NONE, PART, ALL)
CELLS: Mapping[str, tuple[str, str]] = {
    ALL: ("oui", "yes"),
    PART: ("une partie", "a part"),
    NONE: ("non", "no"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What one organisation may see of one dataset; `by` is the authorisation to open."""

    org: str
    name: Said
    dataset: str
    sentence: Said
    sees: str
    fields: tuple[Said, ...]
    by: str | None

    @property
    def word(self) -> tuple[str, str]:
        """The cell's text."""
        return CELLS[self.sees]


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """Organisations in columns, datasets in rows; `cells[dataset][org]`."""

    orgs: tuple[tuple[str, Said], ...]
    datasets: tuple[tuple[str, Said], ...]
    cells: Mapping[str, Mapping[str, Cell]]

    def of_org(self, org: str) -> Sequence[Cell]:
        """What it sees, without what it does not."""
        return [row[org] for row in self.cells.values() if row[org].sees != NONE]

    def of_dataset(self, dataset: str) -> Sequence[Cell]:
        """Who sees it."""
        return [each for each in self.cells[dataset].values() if each.sees != NONE]


def matrix(catalogue: Catalogue, records: Sequence[Record], *, flags: frozenset[str] = frozenset(), now: int) -> Matrix:
    """Build it from a person's records; what their situation (`flags`) keeps back nobody sees."""
    standing = [
        replace(each, fields=each.fields - _barred(catalogue, each, flags))
        for each in records
        if effective_state(each, now) in VALID
    ]
    orgs = tuple(dict.fromkeys(each.recipient for each in standing))
    known = catalogue.vocabulary
    seen = {name.partition(".")[0] for each in standing for name in each.fields}
    datasets = tuple(name for name in known.datasets if name in seen)
    cells = {
        dataset: {org: _cell(catalogue, standing, org=org, dataset=dataset) for org in orgs} for dataset in datasets
    }
    return Matrix(
        orgs=tuple((org, party_said(catalogue, org)) for org in orgs),
        datasets=tuple((name, known.datasets[name].sentence) for name in datasets),
        cells=cells,
    )


def _barred(catalogue: Catalogue, record: Record, flags: frozenset[str]) -> set[str]:
    table = catalogue.tables.get((record.recipient, record.purpose))
    return set() if table is None else {name for name, rule in table.rules.items() if rule.bars & flags}


def _cell(catalogue: Catalogue, standing: Sequence[Record], *, org: str, dataset: str) -> Cell:
    own = frozenset(catalogue.vocabulary.datasets[dataset].fields)
    best, names, by = NONE, frozenset[str](), None
    for each in standing:
        mine = each.fields & own
        if each.recipient != org or not mine:
            continue
        names |= mine
        by = by or each.id
        best = max(best, ALL if mine == own else PART, key=_RANK.index)
    if names == own:
        best = ALL
    return Cell(
        org=org,
        name=party_said(catalogue, org),
        dataset=dataset,
        sentence=catalogue.vocabulary.datasets[dataset].sentence,
        sees=best,
        fields=tuple(field_said(name) for name in sorted(names)),
        by=by,
    )
