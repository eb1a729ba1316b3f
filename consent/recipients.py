"""Who was given something of a person: derived from the journal, so there is no second list to keep true (GDPR 19).

The entries are found by the person's tags. A recipient was given a field when a release commits to its value, or told
it that the source has nothing. Refuses to guess: what was decided and did not leave was given to nobody.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from audit.canonical import loads
from audit.person_key import PersonKey
from audit.person_list import read_entries
from audit.store import Store
from consent.models import subject as people
from consent.vault import SubjectId, Vault

Lines = tuple[tuple[int, Mapping[str, Any]], ...]
"""Position in the journal and entry, in the journal's order."""


async def entries_of(subject: SubjectId, *, store: Store, vault: Vault) -> Lines:
    """All entries about a person; raises `SubjectErased` once nothing finds them."""
    key = await vault.journal_key(subject)
    return await store.read(lambda connection: lines_of(connection, subject, key))


def lines_of(connection: Any, subject: SubjectId, key: PersonKey) -> Lines:
    """The same, inside a transaction."""
    count = connection.execute(people.select().with_only_columns(people.c.counter).where(people.c.id == subject))
    rows = read_entries(connection, key, range(count.scalar_one()))
    return tuple((row.index, loads(row.leaf)) for row in rows)  # type: ignore[misc]  # an entry is an object


def recipients_of(lines: Iterable[tuple[int, Mapping[str, Any]]], since: Mapping[str, int] | None = None) -> set[str]:
    """Who was given one of these fields after the position beside it; without `since`, anything at all."""
    return {
        entry["org"]
        for index, entry in lines
        if entry["type"] == "exchange.released"
        and (since is None or any(index > after and _given(entry, field) for field, after in since.items()))
    }


def last_corrections(lines: Iterable[tuple[int, Mapping[str, Any]]], fields: Iterable[str]) -> dict[str, int]:
    """Where the journal says that each field was last corrected; -1 where it never was."""
    found = dict.fromkeys(fields, -1)
    for index, entry in lines:
        if entry["type"] == "rights.answered" and (entry["right"], entry["outcome"]) == ("rectification", "done"):
            found |= dict.fromkeys(found.keys() & set(entry.get("fields", ())), index)
    return found


def _given(entry: Mapping[str, Any], field: str) -> bool:
    return field in entry.get("commits", ()) or entry["states"].get(field.partition(".")[0]) == "no_data"
