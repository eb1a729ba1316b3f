"""The closed vocabulary: datasets, their fields and types, flags, roles. Nothing outside it can be decided or sent.

Answers for what each field is: its type, whether it may be null, whether it is a special category (GDPR art. 9),
whether it may never leave. Refuses to know who may have it: that is the catalogue's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any

PACKAGE_FILE = Path(__file__).with_name("vocabulary.yaml")

RESTRICTION = "restriction"
TOMBSTONE = "tombstone"
INCIDENT_FREEZE = "incident_freeze"

BASES = ("consent", "public_task", "legal_obligation")
ASSURANCES = ("low", "substantial", "high")
LANGUAGES = ("fr", "en")


class FieldType(StrEnum):
    """JSON types a source may give, after the connector has read it."""

    BOOL = "bool"
    INT = "int"
    STR = "str"
    DATE = "date"
    DATETIME = "datetime"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field. `commune` names the field of the same dataset that stands for it once cut to the commune.

    `category` is its term of the Data Privacy Vocabulary (`pd:…`).
    """

    name: str
    dataset: str
    type: FieldType
    nullable: bool
    special: str | None
    never: bool
    commune: str | None
    category: str | None = None
    sensitive: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """One dataset: a row (or several when `many`) of fields that a source gives together."""

    name: str
    many: bool
    sentence: Mapping[str, str]
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """Every name that may appear in a catalogue, a decision or an answer."""

    datasets: Mapping[str, Dataset]
    fields: Mapping[str, Field]
    flags: frozenset[str]
    roles: frozenset[str]
    bases: Mapping[str, Mapping[str, str]]
    actions: Mapping[str, Mapping[str, str]]


def build(content: Mapping[str, Any]) -> Vocabulary:
    """Make the vocabulary from checked content (see `vocabulary` in schema.json)."""
    datasets: dict[str, Dataset] = {}
    fields: dict[str, Field] = {}
    for name, entry in content["datasets"].items():
        own = {f"{name}.{key}": _field(name, key, entry, each) for key, each in entry["fields"].items()}
        fields.update(own)
        datasets[name] = Dataset(
            name=name,
            many=entry.get("many", False),
            sentence=MappingProxyType(dict(entry["sentence"])),
            fields=tuple(sorted(own)),
        )
    return Vocabulary(
        datasets=MappingProxyType(datasets),
        fields=MappingProxyType(fields),
        flags=frozenset(content["flags"]),
        roles=frozenset(content["roles"]),
        bases=MappingProxyType(dict(content.get("bases", {}))),
        actions=MappingProxyType(dict(content.get("actions", {}))),
    )


def _field(dataset: str, key: str, entry: Mapping[str, Any], content: Mapping[str, Any]) -> Field:
    commune = content.get("commune")
    return Field(
        name=f"{dataset}.{key}",
        dataset=dataset,
        type=FieldType(content["type"]),
        nullable=content.get("nullable", True),
        special=entry.get("special"),
        never=content.get("release") == "never",
        commune=f"{dataset}.{commune}" if commune else None,
        category=content.get("category", entry.get("category")),
        sensitive=entry.get("sensitive", False),
    )
