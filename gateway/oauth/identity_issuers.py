"""The providers whose word about professionals is taken: a list of the operator's, read from a file at start.

Refuses an entry with a member it does not know, and an address without TLS.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from gateway.oauth.errors import OAuthMisconfigured
from gateway.oauth.published_keys import PublishedKeys

_MAX_NAME = 24
_MEMBERS = ("issuer", "jwks_uri", "acr", "amr", "clients")


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityIssuer:
    """One provider whose word about professionals is taken: `clients` gives each partner its client ids there."""

    name: str
    issuer: str
    jwks_uri: str
    acr: frozenset[str]
    amr: frozenset[str] = frozenset()
    clients: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class IdentityIssuers:
    """Those of the operator's list, by their `iss`."""

    by_issuer: Mapping[str, IdentityIssuer] = field(default_factory=dict)
    published: PublishedKeys | None = None

    def names(self, professional: str) -> bool:
        """Whether an id of a professional looks like one given by a provider."""
        return any(professional.startswith(f"{each.name}:") for each in self.by_issuer.values())


def read_issuers(name: str, published: PublishedKeys) -> IdentityIssuers:
    """The list of a file (docs/reference/oauth.md); `OAuthMisconfigured` says which entry cannot be used."""
    if not name:
        return IdentityIssuers()
    path = Path(name)
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
        entries = dict(content.items())
    except (OSError, UnicodeDecodeError, yaml.YAMLError, AttributeError):
        raise OAuthMisconfigured(f"{path} cannot be read as YAML with an entry per provider") from None
    issuers = [_issuer(name, entry) for name, entry in entries.items()]
    return IdentityIssuers({each.issuer: each for each in issuers}, published)


def _issuer(name: object, entry: Any) -> IdentityIssuer:
    try:
        known = IdentityIssuer(
            name=str(name),
            issuer=entry["issuer"],
            jwks_uri=entry["jwks_uri"],
            acr=frozenset(entry["acr"]),
            amr=frozenset(entry.get("amr", ())),
            clients={partner: frozenset(ids) for partner, ids in entry["clients"].items()},
        )
    except (KeyError, TypeError, AttributeError):
        raise OAuthMisconfigured(f"provider {name}: issuer, jwks_uri, acr and clients are needed") from None
    if not known.name.isidentifier() or len(known.name) > _MAX_NAME or set(entry) - set(_MEMBERS):
        raise OAuthMisconfigured(f"provider {name}: the name is not a short word, or a member is unknown")
    if not (known.issuer.startswith("https://") and known.jwks_uri.startswith("https://") and known.acr):
        raise OAuthMisconfigured(f"provider {name}: addresses must be https, and acr must name a level")
    return known
