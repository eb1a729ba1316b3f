"""From stacks to stages of the exchange: which part of the walk a sample was in.

The innermost frame that a rule names decides. Rules are (file, function or "", stage); a journal entry's own part
(check, canonical bytes) is told apart by the line of the walk it was called from.
"""

import inspect
from collections import Counter
from collections.abc import Sequence

from gateway import exchange as walk

Frame = tuple[str, str, int]

ORDER = (
    "http server",
    "route",
    "token",
    "parse",
    "expand",
    "snapshot",
    "decide",
    "append decided",
    "journal batch",
    "fetch",
    "minimise",
    "commitments",
    "append released",
    "receipt",
    "answer",
    "serialise",
    "log line",
    "publisher",
    "event loop",
)

_RULES: tuple[tuple[str, str, str], ...] = (
    ("audit/publisher.py", "", "publisher"),
    ("audit/signer_state.py", "", "publisher"),
    ("audit/sequencing.py", "write_batch", "journal batch"),
    ("audit/journal.py", "Journal._commit", "journal batch"),
    ("audit/journal.py", "Journal._run", "journal batch"),
    ("gateway/database.py", "SqliteDatabase._transact", "journal batch"),
    ("consent/queries.py", "Snapshot.identifiers", "fetch"),
    ("consent/queries.py", "", "snapshot"),
    ("gateway/oauth/verification.py", "", "token"),
    ("gateway/api/requests.py", "", "parse"),
    ("gateway/api/exchanges.py", "scopes", "parse"),
    ("policies/catalogue.py", "Catalogue.expand", "expand"),
    ("policies/minimisation.py", "", "minimise"),
    ("policies/decision.py", "", "decide"),
    ("gateway/exchange.py", "_decide", "decide"),
    ("gateway/exchange.py", "_uses", "decide"),
    ("gateway/actors.py", "", "token"),
    ("gateway/exchange.py", "_identify", "snapshot"),
    ("gateway/exchange.py", "_decided", "append decided"),
    ("gateway/exchange.py", "_fetch", "fetch"),
    ("gateway/exchange.py", "_proofs", "commitments"),
    ("gateway/exchange.py", "_reasons", "append released"),
    ("gateway/exchange.py", "_sealed", "append released"),
    ("gateway/exchange.py", "_guard", "append released"),
    ("consent/vault.py", "SubjectKey.seal", "append released"),
    ("gateway/answer.py", "", "answer"),
    ("audit/receipts.py", "", "receipt"),
    ("gateway/services.py", "Services.receipt", "receipt"),
    ("gateway/exchange.py", "exchange", ""),  # by its line
    ("gateway/logging.py", "", "log line"),
    ("structlog/", "", "log line"),
    ("gateway/edge.py", "", "log line"),
    ("gateway/api/exchanges.py", "post_exchange", "serialise"),
    ("starlette/", "", "route"),
    ("connectors/", "", "fetch"),
    ("aiohttp/", "", "fetch"),
    ("uvicorn/", "", "http server"),
)


def _line_of(text: str) -> int:
    lines, first = inspect.getsourcelines(walk.exchange)
    return first + next(number for number, line in enumerate(lines) if text in line)


_FETCH, _RELEASED = _line_of("await fetch("), _line_of("minimise(")


def stage(stack: Sequence[Frame]) -> str:
    """The stage of one stack, innermost frame first."""
    for file, function, line in stack:
        for where, name, found in _RULES:
            if where in file and (not name or function == name):
                return found or _in_walk(line)
    return "event loop"


def _in_walk(line: int) -> str:
    if line < _FETCH:
        return "append decided"
    return "fetch" if line < _RELEASED else "append released"


def split(stacks: Sequence[tuple[int, Sequence[Frame]]]) -> dict[str, float]:
    """Share of each stage, in the order of the walk."""
    spent: Counter[str] = Counter()
    for nanoseconds, stack in stacks:
        spent[stage(stack)] += nanoseconds
    total = sum(spent.values()) or 1
    return {name: spent[name] / total for name in ORDER if spent[name]}
