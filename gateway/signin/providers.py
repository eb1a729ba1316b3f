"""Who may tell us who somebody is: the file of identity providers, and what FranceConnect and ProConnect differ in.

Answers for: one entry per provider, checked at start, each mistake in a sentence that names the entry and the key. The
file holds no secret: it names a file (readable by its owner only) or an environment variable. Refuses unknown keys, an
issuer without TLS but on this machine, a signature algorithm other than the one chosen at registration.
Form: docs/reference/identity-providers.md. Sources: partner documentation of FranceConnect v2 and of ProConnect.
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import yaml
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc.jwk import ECKey, RSAKey

from gateway.oauth import jwks
from gateway.oauth.client import ClientKey
from gateway.signin.errors import ProvidersInvalid

Public = Literal["people", "professionals"]

_SLUG = re.compile(r"(?!.*[0-9]{5})[a-z](?:-?[a-z0-9]){1,40}")  # as the journal writes it
_LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})
_SIGNATURES = ("ES256", "PS256", "EdDSA")
_KEYS = frozenset(
    {
        "profile", "name", "issuer", "client_id", "client_secret_file", "client_secret_env", "signing_key_file",
        "decryption_key_files", "signature", "scope", "least", "levels", "pkce", "hint",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One value of `acr`; `word` is how the journal writes it."""

    acr: str
    word: str
    second_factor: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What the providers of one kind have in common. `levels`: weakest first."""

    public: Public
    scope: str
    levels: tuple[Level, ...]
    by_parameter: bool
    """Levels are asked for by `acr_values`; else by `claims`."""
    methods: bool
    """Ask for `amr`."""
    issuer_returned: bool
    """RFC 9207: `iss` always comes back, whatever the metadata says."""
    signed_out: bool = True
    parameters: frozenset[str] = frozenset(
        {"client_id", "redirect_uri", "response_type", "scope", "state", "nonce", "prompt"}
    )


def _level(acr: str, *, second_factor: bool = False) -> Level:
    return Level(acr=acr, word=acr, second_factor=second_factor)


PROFILES: Mapping[str, Profile] = {
    "franceconnect": Profile(
        public="people",
        scope="openid identite_pivot",
        levels=(
            _level("eidas1"),
            _level("eidas2", second_factor=True),
            _level("eidas3", second_factor=True),
        ),
        by_parameter=True,
        methods=False,
        issuer_returned=True,
    ),
    "proconnect": Profile(
        public="professionals",
        scope="openid given_name usual_name email siret",
        levels=(
            _level("eidas1"),
            _level("eidas1-mfa", second_factor=True),
            _level("eidas2", second_factor=True),
            _level("eidas3", second_factor=True),
        ),
        by_parameter=False,
        methods=True,
        issuer_returned=False,
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """One entry of the file, ready to use."""

    id: str
    profile: Profile
    name: str
    issuer: str
    client_id: str
    secret: str | None = field(default=None, repr=False)
    key: ClientKey | None = field(default=None, repr=False)
    decryption: tuple[ECKey | RSAKey, ...] = field(default=(), repr=False)
    signature: str = "ES256"
    scope: str = ""
    levels: tuple[Level, ...] = ()
    least: int = 0
    pkce: bool = False

    @property
    def public(self) -> Public:
        """Whom it signs in."""
        return self.profile.public

    def rank(self, acr: object) -> int | None:
        """The place of an `acr` among the levels, None when it is none of them."""
        return next((place for place, level in enumerate(self.levels) if level.acr == acr), None)

    def strong(self) -> tuple[Level, ...]:
        """The levels that need a second factor, at or above the least one."""
        return tuple(level for level in self.levels[self.least :] if level.second_factor)


def read_providers(path: Path) -> dict[str, Provider]:
    """The providers of `PASSERELLE_IDENTITY_PROVIDERS`; raises `ProvidersInvalid`."""
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ProvidersInvalid(f"{path} does not exist: see docs/reference/identity-providers.md") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        raise ProvidersInvalid(f"{path} cannot be read as YAML") from None
    if not isinstance(content, dict) or not content or not all(isinstance(each, dict) for each in content.values()):
        raise ProvidersInvalid(f"{path} must hold one entry per identity provider")
    providers = {str(name): _provider(str(name), entry, path.parent) for name, entry in content.items()}
    if len({each.issuer for each in providers.values()}) != len(providers):
        raise ProvidersInvalid(f"{path}: two entries have the same issuer")
    return providers


def _provider(name: str, entry: Mapping[str, Any], folder: Path) -> Provider:
    if _SLUG.fullmatch(name) is None or name in {"back", "mandate", "choice"}:
        raise ProvidersInvalid(f"{name}: an entry is named by small letters, digits and hyphens")
    if unknown := sorted(set(map(str, entry)) - _KEYS):
        raise ProvidersInvalid(f"{name}: unknown keys: {', '.join(unknown)}")
    profile = PROFILES.get(str(entry.get("profile")))
    if profile is None:
        raise ProvidersInvalid(f"{name}: profile must be one of {', '.join(sorted(PROFILES))}")
    levels = _levels(name, entry["levels"]) if "levels" in entry else profile.levels
    least = str(entry.get("least", levels[0].acr))
    if least not in {level.acr for level in levels}:
        raise ProvidersInvalid(f"{name}: least is not one of its levels")
    signature = str(entry.get("signature", "ES256"))
    if signature not in _SIGNATURES:
        raise ProvidersInvalid(f"{name}: signature must be one of {', '.join(_SIGNATURES)}")
    secret, key = _secret(name, entry, folder), None
    if "signing_key_file" in entry:
        key = _signing_key(name, folder / str(entry["signing_key_file"]))
    if (secret is None) == (key is None):
        raise ProvidersInvalid(f"{name}: give one of client_secret_file, client_secret_env, signing_key_file")
    return Provider(
        id=name,
        profile=profile,
        name=_text(name, entry, "name"),
        issuer=_issuer(name, entry),
        client_id=_text(name, entry, "client_id"),
        secret=secret,
        key=key,
        decryption=tuple(
            _decryption_key(name, folder / str(file)) for file in _list(name, entry, "decryption_key_files")
        ),
        signature=signature,
        scope=str(entry.get("scope", profile.scope)),
        levels=levels,
        least=next(place for place, level in enumerate(levels) if level.acr == least),
        pkce=_flag(name, entry, "pkce"),
    )


def secure(address: str, *, like: str = "") -> bool:
    """Whether an address may be called: TLS, or this machine when the issuer (`like`) is this machine too."""
    try:
        parts, model = urlsplit(address), urlsplit(like or address)
        port = parts.port
    except ValueError:
        return False
    if not parts.hostname or port == 0 or parts.username is not None or parts.fragment or not address.isprintable():
        return False
    local = parts.hostname in _LOCAL and model.hostname in _LOCAL and model.scheme == "http"
    return parts.scheme == "https" or (parts.scheme == "http" and local)


def _issuer(name: str, entry: Mapping[str, Any]) -> str:
    issuer = _text(name, entry, "issuer")
    if not secure(issuer) or urlsplit(issuer).query:
        raise ProvidersInvalid(f"{name}: issuer must be an https:// address (http:// only on this machine)")
    return issuer


def _text(name: str, entry: Mapping[str, Any], key: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise ProvidersInvalid(f"{name}: {key} must be a text")
    return value.strip()


def _flag(name: str, entry: Mapping[str, Any], key: str) -> bool:
    value = entry.get(key, False)
    if not isinstance(value, bool):
        raise ProvidersInvalid(f"{name}: {key} must be true or false")
    return value


def _list(name: str, entry: Mapping[str, Any], key: str) -> Sequence[Any]:
    value = entry.get(key, [])
    if not isinstance(value, list):
        raise ProvidersInvalid(f"{name}: {key} must be a list")
    return value


def _levels(name: str, value: object) -> tuple[Level, ...]:
    sentence = f"{name}: levels must be a list of {{acr, word, second_factor}}, weakest first"
    if not isinstance(value, list) or not value:
        raise ProvidersInvalid(sentence)
    levels = []
    for each in value:
        if not isinstance(each, dict) or not set(each) <= {"acr", "word", "second_factor"}:
            raise ProvidersInvalid(sentence)
        acr = _text(name, each, "acr")
        word = str(each.get("word", acr))
        if _SLUG.fullmatch(word) is None:
            raise ProvidersInvalid(f"{name}: a level whose acr is no simple word needs a word for the journal")
        levels.append(Level(acr=acr, word=word, second_factor=_flag(name, each, "second_factor")))
    return tuple(levels)


def _secret(name: str, entry: Mapping[str, Any], folder: Path) -> str | None:
    if "client_secret_env" in entry:
        secret = os.environ.get(str(entry["client_secret_env"]), "")
        if "client_secret_file" in entry or not secret.strip():
            raise ProvidersInvalid(f"{name}: the environment variable of client_secret_env is empty, or not alone")
        return secret.strip()
    if "client_secret_file" in entry:
        secret = _private(name, folder / str(entry["client_secret_file"])).decode("utf-8", "replace").strip()
        if not secret:
            raise ProvidersInvalid(f"{name}: the file of client_secret_file is empty")
        return secret
    return None


def _private(name: str, file: Path) -> bytes:
    """What a file holds that nobody else may read."""
    try:
        if file.stat().st_mode & 0o077:
            raise ProvidersInvalid(f"{name}: {file} can be read by others: chmod 600 {file}")
        return file.read_bytes()
    except OSError:
        raise ProvidersInvalid(f"{name}: {file} cannot be read") from None


def _signing_key(name: str, file: Path) -> ClientKey:
    private = _pem(name, file)
    if not isinstance(private, EllipticCurvePrivateKey) or not isinstance(private.curve, SECP256R1):
        raise ProvidersInvalid(f"{name}: signing_key_file must hold a P-256 key (ES256)")
    return ClientKey(private=private, kid=jwks.thumbprint(jwks.of_public_key(private.public_key(), kid="")))


def _decryption_key(name: str, file: Path) -> ECKey | RSAKey:
    private = _pem(name, file)
    pem = file.read_bytes()
    if isinstance(private, EllipticCurvePrivateKey) and isinstance(private.curve, SECP256R1):
        return ECKey.import_key(pem, {"use": "enc"})
    if isinstance(private, RSAPrivateKey) and private.key_size >= 2048:
        return RSAKey.import_key(pem, {"use": "enc"})
    raise ProvidersInvalid(f"{name}: decryption_key_files must hold P-256 or RSA keys (2048 bits or more)")


def _pem(name: str, file: Path) -> Any:
    try:
        return load_pem_private_key(_private(name, file), None)
    except (ValueError, TypeError):
        raise ProvidersInvalid(f"{name}: {file} is not a private key (PEM, without password)") from None
