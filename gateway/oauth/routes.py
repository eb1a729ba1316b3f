"""Addresses of the authorization server, as plain Starlette routes the composition root puts into its table.

Introspection, revocation and pushed authorization requests will be added to `routes` and to `metadata`.
"""

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.oauth import resource
from gateway.oauth.client_authentication import METHOD
from gateway.oauth.grants import GRANTS
from gateway.oauth.jose import ALGORITHMS
from gateway.oauth.server import AuthorizationServer
from gateway.oauth.token_endpoint import TokenEndpoint

_CACHE = {"Cache-Control": "public, max-age=300"}  # a new signing key is published at least this long before use


def metadata(server: AuthorizationServer) -> dict[str, Any]:
    """What clients may know about this server (RFC 8414 §2); there is no authorization endpoint yet."""
    document: dict[str, Any] = {
        "issuer": server.issuer,
        "token_endpoint": server.token_endpoint,
        "jwks_uri": server.jwks_uri,
        "grant_types_supported": list(GRANTS),
        "response_types_supported": [],
        "token_endpoint_auth_methods_supported": [METHOD],
        "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "dpop_signing_alg_values_supported": list(ALGORITHMS),
        "tls_client_certificate_bound_access_tokens": server.possession.certificates.expected,
        "protected_resources": [server.resource],
    }
    if server.scopes_supported:
        document["scopes_supported"] = sorted(server.scopes_supported)
    return document


def routes(server: AuthorizationServer) -> list[Route]:
    """The token endpoint, the public keys and the metadata."""

    async def jwks(_request: Request) -> Response:
        published = {"keys": [*server.keys.jwks()["keys"], *server.other_keys()]}
        return Response(orjson.dumps(published), headers=_CACHE, media_type="application/jwk-set+json")

    async def discovery(_request: Request) -> Response:
        return Response(orjson.dumps(metadata(server)), headers=_CACHE, media_type="application/json")

    async def protected(_request: Request) -> Response:
        return Response(orjson.dumps(resource.metadata(server)), headers=_CACHE, media_type="application/json")

    return [
        Route("/oauth/token", TokenEndpoint(server), name="oauth_token"),
        Route("/oauth/jwks", jwks, methods=["GET"], name="oauth_jwks"),
        Route(server.metadata_path, discovery, methods=["GET"], name="oauth_metadata"),
        Route(resource.metadata_path(server.resource), protected, methods=["GET"], name="oauth_resource"),
    ]
