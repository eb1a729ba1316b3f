"""Every error a partner can see: one table, one shape (RFC 9457), one page each (`/errors/{code}`).

An error of any package carries a stable `code`; this table gives it a status, a title and the words of its page.
What is not in the table is `internal_error`: its class and place go to the log, nothing of it to the client.
OAuth endpoints keep RFC 6749's form (`gateway/oauth/errors.py`).
"""

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response

from consent.errors import IdentifierInvalid
from gateway.oauth.challenges import BearerRefused
from gateway.oauth.resource import metadata_url
from gateway.problem_rows import Problem
from gateway.problem_table import PROBLEMS
from policies.errors import UnknownName

__all__ = ["PROBLEMS", "Problem", "Refusal", "code_of", "page", "problem"]


class Refusal(Exception):  # noqa: N818  a refusal is an answer, not a fault
    """Stops a request with one row of the table.

    `members` are the extension members of the answer (`reasons`, `retry_after`, `errors`, `entry`, `fields`, `missing`,
    `request`): codes, numbers, names of the catalogue, JSON pointers and the caller's own ids, never a value of the
    request or of a person.
    """

    def __init__(self, code: str, *, headers: Mapping[str, str] | None = None, **members: Any) -> None:
        super().__init__(code)
        self.code = code
        self.members = members
        self.headers = dict(headers or {})


def code_of(error: BaseException) -> str:
    """The stable code of an error of ours, `internal_error` for anything else."""
    code = getattr(error, "code", None)
    return code if isinstance(code, str) and code in PROBLEMS else "internal_error"


def problem(error: BaseException, *, instance: str, base_url: str) -> Response:
    """The RFC 9457 answer for an error."""
    code = code_of(error)
    row = PROBLEMS[code]
    members = getattr(error, "members", None) or _members(error)
    body = {
        "type": f"{base_url}/errors/{code}",
        "title": row.title,
        "status": row.status,
        "detail": row.meaning,
        "instance": instance,
        "code": code,
        **members,
    }
    headers = {"Cache-Control": "no-store", **getattr(error, "headers", {})}
    if isinstance(members.get("retry_after"), int):
        headers["Retry-After"] = str(members["retry_after"])
    elif row.status == 503:
        headers["Retry-After"] = "2"
    answer = Response(orjson.dumps(body), row.status, headers, media_type="application/problem+json")
    if isinstance(error, BearerRefused):
        for challenge in error.challenges(metadata_url(base_url)):
            answer.headers.append("WWW-Authenticate", challenge)
    return answer


def _members(error: BaseException) -> dict[str, Any]:
    """Extension members of the other packages' errors: pointers and codes."""
    if isinstance(error, UnknownName):
        return {"errors": [{"pointer": f"/fields/{error.position}", "reason": "unknown"}]}
    if isinstance(error, IdentifierInvalid):
        return {"errors": [{"pointer": error.pointer, "reason": error.reason}]}
    return {}


def page(code: str) -> str:
    """The page of a code, as Markdown; `docs/reference/errors.md` is all of them."""
    row = PROBLEMS[code]
    return f"## `{code}`\n\n**{row.status} {row.title}.** {row.meaning}\n\n*What to do:* {row.remedy}\n"
