"""The browser's two steps: it brings a pushed request, and goes back with an answer (RFC 6749 §4.1.1 and §4.1.2).

GET /oauth/authorize takes `client_id` and `request_uri`, each once, and nothing else counts (RFC 9126 §4, RFC 9101
§6.3). What goes back is a code, or `access_denied`, with the partner's state and our name (`iss`, RFC 9207 §2), to the
address of the pushed request only. Whatever is wrong before that is a page of ours: nobody is ever sent to an address
that was not registered (RFC 6749 §4.1.2.1, RFC 9700 §4.11).
"""

from collections.abc import Sequence
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from gateway.oauth.flows import Flow
from gateway.oauth.partners import is_partner_id
from gateway.oauth.server import AuthorizationServer

DENIED = "access_denied"

_LONGEST = 512


async def open_request(server: AuthorizationServer, query: Sequence[tuple[str, str]], *, now: int) -> str | None:
    """Use a pushed request up; gives the flow's id, None for one that cannot be used (any more)."""
    sent = dict(query)
    repeated = len({name for name, _ in query}) != len(query)
    client, request_uri = sent.get("client_id"), sent.get("request_uri", "")
    if server.presence is None or repeated or not is_partner_id(client) or not 0 < len(request_uri) <= _LONGEST:
        return None
    partner = await server.partners.get(client, now)
    if partner is None or not partner.active:
        return None
    return await server.presence.flows.open(request_uri, partner=client, now=now)


def answer_address(flow: Flow, issuer: str, **answer: str) -> str:
    """Where the browser goes: the registered address, its own query kept (RFC 6749 §3.1.2), ours after it."""
    parts = urlsplit(flow.redirect_uri)
    said = [*answer.items(), *([("state", flow.state)] if flow.state is not None else []), ("iss", issuer)]
    query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), *said])
    return urlunsplit(parts._replace(query=query))
