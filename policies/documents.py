"""Strict reading of the YAML files: one plain document, every value with the line it stands on.

Answers for refusing what a reader of the file could misread: duplicate keys, anchors, aliases, merge keys, tags,
several documents, and the guesses of YAML 1.1 (`no`, `1e3`, `2026-01-01` stay the words that were typed; only
`true`, `false` and whole numbers are anything else). Then the closed form of schema.json. Knows nothing of meaning.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError

from policies.errors import CatalogueInvalid, Problem

_SCHEMA_FILE: Final = Path(__file__).with_name("schema.json")
_MAX_BYTES: Final = 256 * 1024
_MAX_DEPTH: Final = 12
_INTEGER: Final = re.compile(r"0|-?[1-9][0-9]{0,15}")

Steps = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One file: what it says, and the line of each key and item."""

    file: str
    content: dict[str, Any]
    lines: Mapping[Steps, int]

    def problem(self, steps: Steps, reason: str, detail: str) -> Problem:
        """Name a problem at the closest line known."""
        known = next((steps[:cut] for cut in range(len(steps), 0, -1) if steps[:cut] in self.lines), ())
        return Problem(self.file, self.lines.get(known, 1), reason, detail)


class _Refused(Exception):  # noqa: N818
    def __init__(self, line: int, reason: str, detail: str) -> None:
        super().__init__(reason)
        self.line, self.reason, self.detail = line, reason, detail


def read(path: Path, kind: str) -> Document:
    """Read one file and hold it to its form (`exchange`, `parties`, …); raise CatalogueInvalid with every problem."""
    try:
        content, lines = _parse(_text(path))
    except _Refused as refused:
        raise CatalogueInvalid((Problem(path.name, refused.line, refused.reason, refused.detail),)) from None
    document = Document(file=path.name, content=content, lines=lines)
    problems = tuple(sorted(set(_violations(document, kind))))
    if problems:
        raise CatalogueInvalid(problems)
    return document


def fits(content: Any, kind: str) -> bool:
    """Whether content read elsewhere has the form of a kind."""
    return bool(_validator(kind).is_valid(content))


def _text(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise _Refused(1, "unreadable", f"the file cannot be read ({error.strerror})") from None
    if len(raw) > _MAX_BYTES:
        raise _Refused(1, "too_large", f"more than {_MAX_BYTES} bytes")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _Refused(raw[: error.start].count(b"\n") + 1, "not_utf8", "the file is not UTF-8") from None


def _parse(text: str) -> tuple[dict[str, Any], dict[Steps, int]]:
    try:
        _refuse_indirection(yaml.parse(text, Loader=yaml.SafeLoader))
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise _Refused(line, "not_yaml", error.problem or "not YAML") from None
    except yaml.YAMLError:
        raise _Refused(1, "not_yaml", "a character is not allowed in YAML") from None
    if not isinstance(node, yaml.MappingNode):
        raise _Refused(1, "not_a_mapping", "the file is not a list of `key: value`")
    lines: dict[Steps, int] = {}
    return _value(node, (), lines), lines


def _refuse_indirection(events: Iterable[yaml.Event]) -> None:
    depth = documents = 0
    for event in events:
        line = _line(event)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise _Refused(line, "anchor", "anchors and aliases are not allowed")
        if getattr(event, "tag", None) is not None:
            raise _Refused(line, "tag", "tags are not allowed")
        documents += isinstance(event, yaml.DocumentStartEvent)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if documents > 1:
            raise _Refused(line, "several_documents", "one file holds one document")
        if depth > _MAX_DEPTH:
            raise _Refused(line, "too_deep", f"more than {_MAX_DEPTH} levels")


def _line(place: yaml.Event | yaml.Node) -> int:
    return place.start_mark.line + 1 if place.start_mark else 1


def _value(node: yaml.Node, steps: Steps, lines: dict[Steps, int]) -> Any:
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, steps, lines)
    lines.setdefault(steps, _line(node))
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*steps, index), lines) for index, item in enumerate(node.value)]
    return _scalar(node)


def _mapping(node: yaml.MappingNode, steps: Steps, lines: dict[Steps, int]) -> dict[str, Any]:
    lines.setdefault(steps, _line(node))
    content: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = _line(key_node)
        if not isinstance(key_node, yaml.ScalarNode):
            raise _Refused(line, "key_not_text", "a key is a plain word")
        key = _words(key_node)
        if key in content:
            raise _Refused(line, "duplicate_key", f"`{key}` stands twice")
        lines[(*steps, key)] = line
        content[key] = _value(value_node, (*steps, key), lines)
    return content


def _words(node: yaml.Node) -> str:
    text: str = node.value
    if not text.isprintable():
        raise _Refused(_line(node), "control_character", "a line break or another invisible character in a value")
    return text


def _scalar(node: yaml.Node) -> str | int | bool:
    text = _words(node)
    if getattr(node, "style", None) is not None:
        return text
    if text in {"true", "false"}:
        return text == "true"
    return int(text) if _INTEGER.fullmatch(text) else text


@cache
def _validator(kind: str) -> Draft202012Validator:
    schema = json.loads(_SCHEMA_FILE.read_text("utf-8"))
    return Draft202012Validator({**schema, "$ref": f"#/$defs/{kind}"}, format_checker=FormatChecker(["date"]))


def _violations(document: Document, kind: str) -> Iterator[Problem]:
    for error in _validator(kind).iter_errors(document.content):
        steps = tuple(error.absolute_path)
        if error.validator == "additionalProperties":
            for key in _unknown_keys(error):
                yield document.problem((*steps, key), "unknown_key", f"`{key}` is not a known key here")
        elif "propertyNames" in error.absolute_schema_path:
            wild = "*" in str(error.instance)
            detail = "a wildcard stands in `deny` only" if wild else _short(error)
            yield document.problem((*steps, str(error.instance)), "wildcard" if wild else "form", detail)
        else:
            yield document.problem(steps, "form", _short(error))


def _unknown_keys(error: ValidationError) -> list[str]:
    known: Any = error.schema
    instance: Any = error.instance
    return [key for key in instance if key not in known["properties"]]


def _short(error: ValidationError) -> str:
    return error.message if len(error.message) <= 200 else f"{error.message[:197]}..."
