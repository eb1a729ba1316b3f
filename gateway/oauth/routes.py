"""Addresses of the authorization server, as plain Starlette routes the composition root puts into its table.

The authorization endpoint is a page
(`gateway/web/`).
"""

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.oauth import details, pkce, presence, resource
from gateway.oauth.client_authentication import METHOD
from gateway.oauth.endpoint import Endpoint
from gateway.oauth.grants import GRANTS
from gateway.oauth.introspection import STEPS as INTROSPECTION
from gateway.oauth.jose import ALGORITHMS
from gateway.oauth.keys import ALGORITHM
from gateway.oauth.pushed import STEPS as PUSHED
from gateway.oauth.revocation_endpoint import STEPS as REVOCATION
from gateway.oauth.server import AuthorizationServer
from gateway.oauth.token_endpoint import STEPS as TOKEN

_OTHERS = ("introspection", "revocation")
_CACHE = {"Cache-Control": "public, max-age=300"}  # a new signing key is published at least this long before use

_ALIASED = frozenset(
    {
        "token_endpoint",
        "revocation_endpoint",
        "introspection_endpoint",
        "pushed_authorization_request_endpoint",
    }
)
"""Endpoints that clients may reach where certificates are asked for (RFC 8705 §5)."""


def metadata(server: AuthorizationServer) -> dict[str, Any]:
    """What clients may know about this server (RFC 8414 §2)."""
    document: dict[str, Any] = {
        "issuer": server.issuer,
        "token_endpoint": server.token_endpoint,
        "introspection_endpoint": f"{server.issuer}/oauth/introspect",
        "revocation_endpoint": f"{server.issuer}/oauth/revoke",
        "jwks_uri": server.jwks_uri,
        "grant_types_supported": [name for name in GRANTS if server.presence or name != presence.GRANT],
        "response_types_supported": [],
        "token_endpoint_auth_methods_supported": [METHOD],
        "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "dpop_signing_alg_values_supported": list(ALGORITHMS),
        "tls_client_certificate_bound_access_tokens": server.possession.certificates.expected,
        "protected_resources": [server.resource],
        **{f"{name}_endpoint_auth_methods_supported": [METHOD] for name in _OTHERS},
        **{f"{name}_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS) for name in _OTHERS},
        "introspection_signing_alg_values_supported": [ALGORITHM],  # RFC 9701 §7
    }
    if server.scopes_supported:
        document["scopes_supported"] = sorted(server.scopes_supported)
    if server.presence is not None:
        document |= _person_present(server)
    if server.mtls_url:
        document["mtls_endpoint_aliases"] = {
            name: address.replace(server.issuer, server.mtls_url, 1)
            for name, address in document.items()
            if name in _ALIASED
        }
    return document


def _person_present(server: AuthorizationServer) -> dict[str, Any]:
    """RFC 9126 §5, RFC 9207 §3, RFC 9396 §10, RFC 7636 (RFC 8414 §2)."""
    return {
        "authorization_endpoint": server.authorization_endpoint,
        "pushed_authorization_request_endpoint": server.pushed_endpoint,
        "require_pushed_authorization_requests": True,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "code_challenge_methods_supported": [pkce.METHOD],
        "authorization_response_iss_parameter_supported": True,
        "authorization_details_types_supported": [details.TYPE],
    }


def routes(server: AuthorizationServer) -> list[Route]:
    """The token endpoint, the public keys and the metadata."""

    async def jwks(_request: Request) -> Response:
        published = {"keys": [*server.keys.jwks()["keys"], *server.other_keys()]}
        return Response(orjson.dumps(published), headers=_CACHE, media_type="application/jwk-set+json")

    async def discovery(_request: Request) -> Response:
        return Response(orjson.dumps(metadata(server)), headers=_CACHE, media_type="application/json")

    async def protected(_request: Request) -> Response:
        return Response(orjson.dumps(resource.metadata(server)), headers=_CACHE, media_type="application/json")

    pushed = Endpoint(server, PUSHED, name="pushed_request", status=201)
    return [
        Route("/oauth/token", Endpoint(server, TOKEN, name="token"), name="oauth_token"),
        Route("/oauth/introspect", Endpoint(server, INTROSPECTION, name="introspection"), name="oauth_introspect"),
        Route("/oauth/revoke", Endpoint(server, REVOCATION, name="revocation"), name="oauth_revoke"),
        *([Route("/oauth/par", pushed, name="oauth_par")] if server.presence else []),
        Route("/oauth/jwks", jwks, methods=["GET"], name="oauth_jwks"),
        Route(server.metadata_path, discovery, methods=["GET"], name="oauth_metadata"),
        Route(resource.metadata_path(server.resource), protected, methods=["GET"], name="oauth_resource"),
    ]
