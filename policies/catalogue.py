"""The catalogue: every exchange that may happen, loaded from a directory, checked as a whole, compiled.

Answers for what may be asked for, by whom, on which basis, how often; refuses the whole directory when one file is
wrong. Its digest depends on the content only: not on file names' order, spacing, comments or the order of keys and
lists.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from policies import checks, describe, documents, frequency, terms, vocabulary
from policies.describe import RequestFields
from policies.documents import Document
from policies.errors import CatalogueInvalid, Problem, UnknownName
from policies.facts import canonical
from policies.model import Exchange, Party, Purpose
from policies.reasons import Reason
from policies.tables import Table, compile_defaults, compile_table
from policies.verdicts import Verdict
from policies.vocabulary import Vocabulary

SHARED_FILES = ("parties", "purposes", "denials")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Catalogue:
    """A catalogue that passed every check. Compared by identity; named by its digest."""

    digest: str
    vocabulary: Vocabulary
    parties: Mapping[str, Party]
    purposes: Mapping[str, Purpose]
    notice: Mapping[str, Any]
    denials: frozenset[str]
    exchanges: Mapping[str, Exchange]
    tables: Mapping[tuple[str, str], Table]
    defaults: Mapping[str, Mapping[Reason, Verdict]]
    serving: Mapping[tuple[str, str], tuple[Exchange, ...]]
    counted: Mapping[str, Exchange]
    content: Mapping[str, Any]

    def expand(self, recipient: str, purpose: str, wanted: Iterable[str]) -> tuple[str, ...]:
        """Replace datasets by their fields: those the recipient's table lists, else all that exist.

        Raises UnknownName for what is not in the vocabulary. Says nothing of what may leave.
        """
        table = self.tables.get((recipient, purpose))
        served = table.served if table else frozenset()
        fields: set[str] = set()
        for position, name in enumerate(wanted):
            if name in self.vocabulary.fields:
                fields.add(name)
            elif name in self.vocabulary.datasets:
                own = self.vocabulary.datasets[name].fields
                fields.update(served.intersection(own) or own)
            else:
                raise UnknownName("dataset or field", position)
        return tuple(sorted(fields))

    def active(self, recipient: str, purpose: str) -> tuple[Exchange, ...]:
        """Give the active exchanges that serve a recipient for a purpose, by id."""
        return self.serving.get((recipient, purpose), ())

    def basis_of(self, recipient: str, purpose: str) -> str | None:
        """Give the one type of legal basis on which a recipient may ask for a purpose."""
        table = self.tables.get((recipient, purpose))
        return table.basis if table else None

    def sources_of(self, recipient: str, purpose: str) -> tuple[str, ...]:
        """Give the sources that serve a recipient for a purpose."""
        return tuple(sorted({exchange.source for exchange in self.active(recipient, purpose)}))

    def purposes_for(self, recipient: str) -> tuple[str, ...]:
        """Give the purposes a recipient may ask for."""
        return tuple(sorted(purpose for who, purpose in self.tables if who == recipient))

    def request_fields(self, recipient: str, purpose: str) -> RequestFields:
        """Give what an authorisation covers: per source, and which fields need explicit consent."""
        return describe.request_fields(self.tables.get((recipient, purpose)))

    def default_validity(self, recipient: str, purpose: str) -> int | None:
        """Give for how many milliseconds an authorisation holds: the shortest its exchanges declare."""
        return min((e.validity for e in self.active(recipient, purpose) if e.validity is not None), default=None)

    def max_uses(self, recipient: str, purpose: str) -> int | None:
        """Give how often an authorisation may serve: the fewest its exchanges declare."""
        return min((e.max_uses for e in self.active(recipient, purpose) if e.max_uses is not None), default=None)

    def window(self, exchange: str, now: int) -> str:
        """Give the key under which uses of an exchange are counted at this instant, e.g. `id:2026-11`."""
        return frequency.window(self._counted(exchange), now)

    def limit(self, exchange: str) -> int:
        """Give how many uses one window of an exchange allows per person."""
        return self._counted(exchange).limit

    def sentence(self, name: str, lang: str) -> str:
        """Give the plain sentence of a dataset or a purpose."""
        entry = self.vocabulary.datasets.get(name) or self.purposes.get(name)
        if entry is None or lang not in entry.sentence:
            raise UnknownName("dataset, purpose or language")
        return entry.sentence[lang]

    def basis_sentence(self, basis: str, lang: str) -> str:
        """Give what a legal basis means to the person."""
        return _spoken(self.vocabulary.bases, basis, lang)

    def action_sentence(self, action: str, lang: str) -> str:
        """Give what the person reads where they can do this."""
        return _spoken(self.vocabulary.actions, action, lang)

    def objectable(self, recipient: str, purpose: str) -> bool:
        """Tell whether the law a public task rests on leaves the right to object (GDPR 21)."""
        bases = (basis for exchange in self.active(recipient, purpose) for basis in exchange.bases)
        return any(basis.get("objection") == "allowed" for basis in bases)

    def terms(self, recipient: str, purpose: str) -> dict[str, Any]:
        """Give what every record of one (recipient, purpose) says alike, ready for canonical JSON."""
        if (recipient, purpose) not in self.tables:
            raise UnknownName("recipient or purpose")
        return terms.write(self, recipient, purpose)

    def describe(self, recipient: str) -> dict[str, Any]:
        """Describe to a recipient all it may ask for (`GET /v1/catalogue`)."""
        if recipient not in self.parties:
            raise UnknownName("recipient")
        return describe.describe(self, recipient)

    def _counted(self, exchange: str) -> Exchange:
        known = self.counted.get(exchange)
        if known is None:
            raise UnknownName("exchange")
        return known


def _spoken(sentences: Mapping[str, Mapping[str, str]], name: str, lang: str) -> str:
    if lang not in sentences.get(name, ()):
        raise UnknownName("basis, action or language")
    return sentences[name][lang]


def load(directory: Path | str, *, vocabulary_file: Path = vocabulary.PACKAGE_FILE) -> Catalogue:
    """Load every `*.yaml` of a directory; raise CatalogueInvalid with all problems of all files."""
    folder = Path(directory)
    problems: list[Problem] = []
    read: dict[str, Document] = {}
    wanted = {"vocabulary": vocabulary_file, **{name: folder / f"{name}.yaml" for name in SHARED_FILES}}
    others = [path for path in sorted(folder.glob("*")) if path.suffix.lower() in {".yaml", ".yml"}]
    others = [path for path in others if path not in wanted.values()]
    for kind, path in (*wanted.items(), *(("exchange", path) for path in others)):
        try:
            read[kind if kind in wanted else path.name] = documents.read(path, kind)
        except CatalogueInvalid as invalid:
            problems += invalid.problems
    if problems:
        raise CatalogueInvalid(tuple(sorted(problems)))
    return build(
        checks.Files(**{name: read.pop(name) for name in wanted}, exchanges=tuple(read[name] for name in sorted(read)))
    )


def restore(content: Mapping[str, Any]) -> Catalogue:
    """Build a catalogue from its `content`; raise CatalogueInvalid where this version would refuse its files."""
    named = [(kind, f"{kind}.yaml", content.get(kind)) for kind in ("vocabulary", *SHARED_FILES)]
    named += [("exchange", file, each) for file, each in sorted(content.get("exchanges", {}).items())]
    problems = [Problem(file, 1, "form", f"not of the form of {kind}")
                for kind, file, each in named if not documents.fits(each, kind)]  # fmt: skip
    if problems:
        raise CatalogueInvalid(tuple(sorted(problems)))
    read = [(kind, Document(file=file, content=dict(each or {}), lines={})) for kind, file, each in named]
    shared = {kind: document for kind, document in read if kind != "exchange"}
    return build(checks.Files(**shared, exchanges=tuple(each for kind, each in read if kind == "exchange")))


def build(files: checks.Files) -> Catalogue:
    """Check documents of the right form against each other, and compile them."""
    words = vocabulary.build(files.vocabulary.content)
    content = checks.typed(files, words)
    problems = checks.check(files, content)
    if problems:
        raise CatalogueInvalid(problems)
    active = sorted((each for _, each in content.exchanges if each.status == "active"), key=lambda each: each.id)
    serving: dict[tuple[str, str], tuple[Exchange, ...]] = {}
    for exchange in active:
        for recipient in exchange.recipients:
            asked = (recipient, exchange.purpose)
            serving[asked] = (*serving.get(asked, ()), exchange)
    return Catalogue(
        digest=_digest(files),
        vocabulary=words,
        parties=content.parties,
        purposes=content.purposes,
        notice=content.notice or {},
        denials=frozenset(
            [
                *(str(denial) for denial in content.denials),
                *(f"{each.id}: {denial}" for each in active for denial in each.denials),
            ]
        ),
        exchanges={exchange.name: exchange for _, exchange in content.exchanges},
        tables={asked: _table(group, asked[0], content) for asked, group in serving.items()},
        defaults=compile_defaults(words),
        serving=serving,
        counted={exchange.id: exchange for exchange in active},
        content=_content(files),
    )


def _table(exchanges: Iterable[Exchange], recipient: str, content: checks.Content) -> Table:
    return compile_table(
        exchanges,
        recipient=recipient,
        vocabulary=content.vocabulary,
        parties=content.parties,
        denials=content.denials,
    )


def _content(files: checks.Files) -> dict[str, Any]:
    shared = {name: getattr(files, name).content for name in ("vocabulary", *SHARED_FILES)}
    return {**shared, "exchanges": {document.file: document.content for document in files.exchanges}}


def _digest(files: checks.Files) -> str:
    content = {
        **{name: getattr(files, name).content for name in ("vocabulary", *SHARED_FILES)},
        "exchanges": [document.content for document in files.exchanges],
    }
    return hashlib.sha256(canonical(_unordered(content))).hexdigest()


def _unordered(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _unordered(value) for key, value in content.items()}
    if isinstance(content, list):
        # every list of the format is a set
        return sorted((_unordered(item) for item in content), key=canonical)
    return content
