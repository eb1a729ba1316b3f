"""The first steps of every OAuth endpoint: a POST with a small form in its body and nothing in its address.

No framework form parser: those also take multipart bodies, keep the last of several values and answer 422.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from starlette.types import Receive, Scope

from gateway.oauth.dpop import Proof
from gateway.oauth.errors import Fault, JwtRefused, refused
from gateway.oauth.partners import Partner
from gateway.oauth.replay import OneTime, one_time
from gateway.oauth.server import AuthorizationServer
from gateway.oauth.tokens import Delegation

if TYPE_CHECKING:
    from gateway.oauth.presence import Present

MAX_BODY = 65_536
MAX_PARAMETERS = 32
_FORM = b"application/x-www-form-urlencoded"
_TARGETS = frozenset({"resource", "audience"})
_CHARSETS = frozenset({b"", b"charset=utf-8", b'charset="utf-8"'})


class ClientGone(Exception):  # noqa: N818  not an error: nobody is left to answer
    """The client closed the connection before its request was complete."""


@dataclass(slots=True)
class Attempt:
    """One request on its way through the steps; each step reads what the ones before it have filled in.

    `one_time` holds the ids that must work once and are not used up yet: by `client_authentication.use_up`, or by the
    entry of the journal that says what came of the request (`ledger.py`).
    """

    server: AuthorizationServer
    scope: Scope = field(repr=False)
    receive: Receive = field(repr=False)
    now: int
    endpoint: str = "token"
    body: bytes = field(default=b"", repr=False)
    parameters: dict[str, str] = field(default_factory=dict, repr=False)
    proof: Proof | None = None
    known_client: str | None = None
    client: Partner = field(init=False)
    scopes: frozenset[str] = frozenset()
    confirmation: dict[str, str] = field(default_factory=dict)  # the cnf of the token: jkt, x5t#S256
    delegation: Delegation | None = field(default=None, repr=False)
    present: "Present | None" = field(default=None, repr=False)
    token_id: str | None = None
    one_time: list[OneTime] = field(default_factory=list, repr=False)
    answer: dict[str, Any] = field(default_factory=dict, repr=False)
    answer_headers: dict[str, str] = field(default_factory=dict, repr=False)
    signed_answer: str | None = field(default=None, repr=False)
    media_type: str = "application/json"

    @property
    def authenticated(self) -> bool:
        """Whether the client has proved who it is: `client` is filled in."""
        return hasattr(self, "client")

    def once(self, parameter: str, *, sender: str, jti: str, expires_at: int) -> None:
        """Let the id of what came in this parameter, good until then (ms), work once for whoever signed it."""
        one = one_time(partner=sender, jti=jti, expires_at=expires_at, parameter=parameter)
        if any(one.key == other.key for other in self.one_time):
            raise JwtRefused(Fault.REPLAYED)
        self.one_time.append(one)

    def headers(self, name: bytes) -> list[bytes]:
        """All values of a header: the first of several is not a choice we make."""
        return [value for key, value in self.scope["headers"] if key == name]


async def require_post(attempt: Attempt) -> None:
    """RFC 6749 §3.2: POST only."""
    if attempt.scope["method"] != "POST":
        raise refused("method")


async def require_form(attempt: Attempt) -> None:
    """One Content-Type, a form; UTF-8 is the only charset that may be named."""
    values = attempt.headers(b"content-type")
    kind, _, parameter = (values[0] if len(values) == 1 else b"").lower().partition(b";")
    if kind.strip() != _FORM or parameter.strip() not in _CHARSETS:
        raise refused("content_type")


async def read_body(attempt: Attempt) -> None:
    """Read at most 64 KiB, whatever length was announced."""
    body = bytearray()
    while True:
        message = await attempt.receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        body += message.get("body", b"")
        if len(body) > MAX_BODY:
            raise refused("body_size")
        if not message.get("more_body", False):
            break
    attempt.body = bytes(body)


async def refuse_query_string(attempt: Attempt) -> None:
    """Addresses end up in logs and histories (RFC 6749 §2.3.1): nothing is accepted there."""
    if attempt.scope["query_string"]:
        raise refused("query_string")


async def read_parameters(attempt: Attempt) -> None:
    """Each parameter once; one without a value counts as not sent (RFC 6749 §3.2)."""
    try:
        pairs = [_pair(each) for each in _fields(attempt.body.decode("ascii"))]
    except ValueError:  # from None: the message quotes the body
        raise refused("form") from None
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):  # several targets are legal, but a token of ours has one audience (RFC 8707 §2)
        repeated = {name for name in names if names.count(name) > 1}
        raise refused("target" if repeated <= _TARGETS else "duplicate")
    attempt.parameters = {name: value for name, value in pairs if value}


def _fields(text: str) -> list[str]:
    """The fields of a form, not too many; an empty one has none."""
    if text.count("&") >= MAX_PARAMETERS:
        raise ValueError
    return text.split("&") if text else []


def _pair(field: str) -> tuple[str, str]:
    name, equals, value = field.partition("=")
    if not equals:
        raise ValueError
    return _plain(name), _plain(value)


def _plain(text: str) -> str:
    """Most texts, the long ones all, are written as they are, or as they are but for colons and slashes."""
    if "+" not in text:
        simple = text.replace("%3A", ":").replace("%2F", "/") if "%" in text else text
        if "%" not in simple:
            return simple
    return unquote_plus(text, errors="strict")


STEPS = (require_post, require_form, read_body, refuse_query_string, read_parameters)
