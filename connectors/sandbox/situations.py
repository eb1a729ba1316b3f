"""The ways a server can misbehave that are the same whoever simulates it, and drifted answers.

Answers for: lateness, silence, a cut connection, and answers that are not the published JSON. Refuses to do:
errors that a partner publishes (each partner's module writes its own).
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from connectors.sandbox.asgi import HTML, NEVER, Answer, encode, redirect, reply
from connectors.sandbox.people import Standing

DEPTH = 100_000
OVERSIZED = 10 * 1024 * 1024
FIREWALL = (
    "<!doctype html><html lang=fr><title>Accès filtré</title>"
    "<h1>Accès filtré</h1><p>Cette page tient lieu de pare-feu dans le bac à sable.</p></html>"
).encode()


def _html(_: Standing) -> Answer:
    return reply(200, FIREWALL, content_type=HTML)


def _redirect(_: Standing) -> Answer:
    return redirect("https://ailleurs.example/connexion")


def _oversized(_: Standing) -> Answer:
    return reply(200, b'{"data":"' + b"x" * OVERSIZED + b'"}')


def _bad_utf8(_: Standing) -> Answer:
    return reply(200, b'{"data":{"nom":"Andr\xe9"},"links":{},"meta":{}}')


def _truncated(_: Standing) -> Answer:
    return reply(200, b'{"data":{"est_beneficiaire":tr')


def _nested(_: Standing) -> Answer:
    return reply(200, b"[" * DEPTH + b"]" * DEPTH)


def _hangs(_: Standing) -> Answer:
    return replace(reply(504, FIREWALL, content_type=HTML), wait=NEVER)


def _hangs_up(_: Standing) -> Answer:
    body = b'{"data":'
    headers = ((b"content-type", b"application/json"), (b"content-length", b"4096"))
    return Answer(status=200, headers=headers, body=body, manner="cut")


_MISBEHAVIOURS: Mapping[str, Callable[[Standing], Answer]] = {
    "html": _html,
    "redirect": _redirect,
    "oversized": _oversized,
    "bad_utf8": _bad_utf8,
    "truncated": _truncated,
    "nested": _nested,
    "hangs": _hangs,
    "hangs_up": _hangs_up,
}


def misbehaviour(standing: Standing, call: str) -> Answer | None:
    """The answer of a server that does not answer properly, if that is the person's situation."""
    make = _MISBEHAVIOURS.get(standing.at(call))
    return make(standing) if make else None


def late(answer: Answer, standing: Standing, call: str) -> Answer:
    """The same answer, after the person's delay when the situation is `slow`."""
    return replace(answer, wait=standing.seconds) if standing.at(call) == "slow" else answer


def drifted(document: Any, changes: Sequence[Mapping[str, Any]]) -> Any:
    """The document after an institution changed its contract without telling."""
    if not changes:
        return document
    document = json.loads(encode(document))
    for change in changes:
        *path, last = change["at"].split(".")
        parent = document
        for part in path:
            parent = parent[_key(parent, part)]
        key = _key(parent, last)
        if "rename" in change:
            parent[change["rename"]] = parent.pop(key)
        elif "remove" in change:
            del parent[key]
        else:
            parent[key] = change["set"]
    return document


def _key(parent: Any, part: str) -> Any:
    return int(part) if isinstance(parent, list) else part
