"""An extract for people's tools: its entries as JSON lines and as a table (CSV, RFC 4180), made from their bytes alone.

Whoever verifies an extract makes both again and compares: a changed line or cell fails. A cell never begins with what
a spreadsheet takes for a formula: forms of the journal begin with a letter or a digit, hashes are hex. Pure.
"""

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from audit.canonical import loads
from audit.errors import NotCanonical
from audit.merkle import leaf_hash

COLUMNS = (
    "index", "time_utc", "type", "org", "actor", "purpose", "decision", "sources", "fields", "reasons",
    "authorisation", "catalogue", "ref", "leaf_hash",
)  # fmt: skip

Numbered = tuple[int, bytes]
"""An entry's index in its log, and its bytes."""


def json_lines(entries: Iterable[Numbered]) -> bytes:
    """Write one object per line: the index, and the entry as it was hashed."""
    return b"".join(b'{"index":%d,"entry":%b}\n' % entry for entry in entries)


def table(entries: Iterable[Numbered]) -> bytes:
    """Write the table, its heading first."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\r\n")
    rows.writerow(COLUMNS)
    for index, leaf in entries:
        rows.writerow(_row(index, leaf))
    return text.getvalue().encode()


def _row(index: int, leaf: bytes) -> list[str]:
    try:
        found = loads(leaf)
    except NotCanonical:
        found = None
    entry: Mapping[str, Any] = found if isinstance(found, dict) else {}
    told = {
        "index": str(index),
        "time_utc": _instant(entry.get("time")),
        "sources": _words(entry.get("sources")),
        "fields": _words(_fields(entry)),
        "reasons": _words(
            {*_names(entry, "denials"), *_names(entry, "withheld"), *filter(None, [entry.get("reason")])}
        ),
        "leaf_hash": leaf_hash(leaf).hex(),
    }
    return [told.get(name) or _text(entry.get(name)) for name in COLUMNS]


def _fields(entry: Mapping[str, Any]) -> set[str]:
    found = {*_listed(entry.get("fields")), *_names(entry, "commits")}
    for name in ("permits", "denials", "withheld"):
        for each in (entry.get(name) or {}).values() if isinstance(entry.get(name), dict) else ():
            found |= set(_listed(each))
    return found


def _names(entry: Mapping[str, Any], name: str) -> Iterable[str]:
    value = entry.get(name)
    return value if isinstance(value, dict) else ()


def _listed(value: Any) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else []


def _words(value: Any) -> str:
    return " ".join(sorted(map(str, value))) if isinstance(value, list | set) else ""


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _instant(value: Any) -> str:
    if type(value) is not int:
        return ""
    try:
        moment = datetime.fromtimestamp(value / 1000, UTC)
    except (OverflowError, OSError, ValueError):  # a year no calendar here has
        return ""
    return f"{moment.isoformat(timespec='milliseconds').removesuffix('+00:00')}Z"
