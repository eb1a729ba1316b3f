"""What a provider publishes of itself (OpenID Connect Discovery 1.0, RFC 8414) and its keys (RFC 7517).

Answers for: both are read when first needed, kept an hour, and six hours more while the provider cannot be reached. An
unknown `kid` makes the keys be read again, once a minute at most, so that forged tokens cannot make us knock at the
provider's door. What could not be read is not asked for again for five seconds: who waits behind it need not wait too.
Refuses metadata of another issuer, addresses without TLS, an algorithm that is not offered; skips keys that the
algorithm chosen at registration cannot use, and a `kid` given twice.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.oauth import jwks
from gateway.oauth.errors import PartnerInvalid
from gateway.oauth.jose import VerificationKey
from gateway.signin.errors import Fault, SigninRefused
from gateway.signin.outbound import Outbound
from gateway.signin.providers import Provider, secure

FRESH_MS = 3_600_000
STALE_MS = 7 * 3_600_000
COOL_DOWN_MS = 60_000
RETRY_MS = 5_000
_MOST_KEYS = 64
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri")
_METHODS = {True: "private_key_jwt", False: "client_secret_post"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """The members that are used."""

    authorization: str
    token: str
    userinfo: str
    keys: str
    end_session: str | None
    returns_issuer: bool


class Publications:
    """What one provider publishes, as this process last read it."""

    def __init__(self, provider: Provider, outbound: Outbound, clock: Callable[[], int]) -> None:
        self._provider = provider
        self._outbound = outbound
        self._clock = clock
        self._lock = asyncio.Lock()
        self._metadata: Metadata | None = None
        self._metadata_at = 0
        self._keys: Mapping[str, VerificationKey] = {}
        self._keys_at = 0
        self._tried_at = 0
        self._failed_at = -RETRY_MS

    async def metadata(self) -> Metadata:
        """Raises `SigninRefused`: `unreachable`, `metadata_invalid`."""
        async with self._lock:
            return await self._current()

    async def key(self, kid: str) -> VerificationKey:
        """The key of this id; raises `SigninRefused`: `key_unknown`, `keys_invalid`, `unreachable`."""
        async with self._lock:
            now = self._clock()
            fresh = now < self._keys_at + FRESH_MS
            if not (fresh and kid in self._keys) and now >= self._tried_at + COOL_DOWN_MS:
                await self._read_keys(now)
            found = self._keys.get(kid) if now < self._keys_at + STALE_MS else None
            if found is None:
                raise SigninRefused(Fault.KEY_UNKNOWN)
            return found

    async def _current(self) -> Metadata:
        now = self._clock()
        if self._metadata is None or now >= self._metadata_at + FRESH_MS:
            try:
                if now < self._failed_at + RETRY_MS:
                    raise SigninRefused(Fault.UNREACHABLE)  # noqa: TRY301  as if it had been asked
                self._failed_at = now
                address = f"{self._provider.issuer.rstrip('/')}/.well-known/openid-configuration"
                document = (await self._outbound.get(address)).json(Fault.METADATA_INVALID)
                self._metadata, self._metadata_at = read_metadata(document, self._provider), now
                self._failed_at = -RETRY_MS
            except SigninRefused as refused:
                stale = refused.fault is Fault.UNREACHABLE and now < self._metadata_at + STALE_MS
                if self._metadata is None or not stale:
                    raise
        return self._metadata

    async def _read_keys(self, now: int) -> None:
        self._tried_at = now
        try:
            address = (await self._current()).keys
            document = (await self._outbound.get(address)).json(Fault.KEYS_INVALID)
            self._keys, self._keys_at = read_keys(document, self._provider.signature), now
        except SigninRefused:
            if not self._keys or now >= self._keys_at + STALE_MS:
                self._tried_at = now - COOL_DOWN_MS + RETRY_MS  # nothing to go on with: asked again soon
                raise


def read_metadata(document: Mapping[str, Any], provider: Provider) -> Metadata:
    """Check a discovery document; raises `SigninRefused`."""
    if document.get("issuer") != provider.issuer:
        raise SigninRefused(Fault.METADATA_INVALID)
    addresses = [document.get(name) for name in _ENDPOINTS]
    end = document.get("end_session_endpoint")
    for address in [*addresses, *([] if end is None else [end])]:
        if not isinstance(address, str) or not secure(address, like=provider.issuer):
            raise SigninRefused(Fault.METADATA_INVALID)
    _offers(document, "response_types_supported", "code")
    _offers(document, "id_token_signing_alg_values_supported", provider.signature)
    _offers(document, "userinfo_signing_alg_values_supported", provider.signature)
    _offers(document, "token_endpoint_auth_methods_supported", _METHODS[provider.key is not None])
    returned = document.get("authorization_response_iss_parameter_supported") is True
    authorization, token, userinfo, keys = (str(address) for address in addresses)
    return Metadata(
        authorization=authorization,
        token=token,
        userinfo=userinfo,
        keys=keys,
        end_session=end,
        returns_issuer=returned or provider.profile.issuer_returned,
    )


def _offers(document: Mapping[str, Any], member: str, word: str) -> None:
    """A list that is not there promises nothing and denies nothing."""
    words = document.get(member)
    if words is not None and (not isinstance(words, list) or word not in words):
        raise SigninRefused(Fault.METADATA_INVALID)


def read_keys(document: Mapping[str, Any], algorithm: str) -> Mapping[str, VerificationKey]:
    """The keys that this algorithm can use, by kid."""
    keys = document.get("keys")
    if not isinstance(keys, list) or len(keys) > _MOST_KEYS:
        raise SigninRefused(Fault.KEYS_INVALID)
    found: dict[str, VerificationKey] = {}
    twice: set[str] = set()
    for key in keys:
        try:
            loaded = jwks.load(jwks.check({"keys": [key]}))
        except PartnerInvalid:  # of another use or kind: not ours to judge
            continue
        for kid, each in loaded.items():
            if each.algorithm == algorithm:
                twice |= {kid} & found.keys()
                found[kid] = each
    return {kid: key for kid, key in found.items() if kid not in twice}
