"""What clients may know about the API as a protected resource (RFC 9728): who gives its tokens, how to send them."""

from typing import Any
from urllib.parse import urlsplit

from gateway.oauth.jose import ALGORITHMS
from gateway.oauth.server import AuthorizationServer

_WELL_KNOWN = "/.well-known/oauth-protected-resource"


def metadata_path(resource: str) -> str:
    """Path of the document: a path of the resource comes after the well-known part (§3.1)."""
    return f"{_WELL_KNOWN}{urlsplit(resource).path}"


def metadata_url(resource: str) -> str:
    """Address of the document, which every challenge names (§5.1)."""
    parts = urlsplit(resource)
    return f"{parts.scheme}://{parts.netloc}{_WELL_KNOWN}{parts.path}"


def metadata(server: AuthorizationServer) -> dict[str, Any]:
    """The document (§2). Neither binding is required of everybody: a registration tells what its tokens need."""
    document: dict[str, Any] = {
        "resource": server.resource,
        "resource_name": "Passerelle",
        "resource_documentation": f"{server.resource}/openapi.yaml",
        "authorization_servers": [server.issuer],
        "bearer_methods_supported": ["header"],
        "dpop_signing_alg_values_supported": list(ALGORITHMS),
        "dpop_bound_access_tokens_required": False,
        "tls_client_certificate_bound_access_tokens": server.possession.certificates.expected,
    }
    if server.scopes_supported:
        document["scopes_supported"] = sorted(server.scopes_supported)
    return document
