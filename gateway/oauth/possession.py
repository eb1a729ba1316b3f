"""How a request shows that it comes from the one its token is bound to: a proof, or a client certificate.

Shared by the token endpoint and the API: the same address, the same memory of used proofs, the same nonces.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.oauth import dpop
from gateway.oauth.certificates import Certificates
from gateway.oauth.dpop import Proof
from gateway.oauth.errors import Fault, JwtRefused
from gateway.oauth.nonces import Nonces
from gateway.oauth.replay import UsedTokens

OF_PROOFS = "dpop:"  # no id of a partner holds a colon


@dataclass(frozen=True, slots=True, kw_only=True)
class Possession:
    """`address` is the public one, which htu must name; nonces are asked for where there are some."""

    address: str
    used: UsedTokens
    nonces: Nonces | None = None
    certificates: Certificates = field(default_factory=Certificates)

    def proof(
        self, scope: Mapping[str, Any], now: int, *, header: bytes = dpop.HEADER, token: bytes | None = None
    ) -> Proof | None:
        """The checked proof of this request, None without one; `JwtRefused`. It may still have been used."""
        sent = dpop.read(scope["headers"], header)
        if sent is None:
            return None
        # the path as it was sent; some servers give the query with it
        path = (scope.get("raw_path") or scope["path"].encode()).partition(b"?")[0].decode("latin-1")
        address = self.address + path
        return dpop.check(sent, method=scope["method"], address=address, now=now, token=token, nonces=self.nonces)

    async def use(self, proof: Proof, now: int) -> None:
        """Use the proof, once over all processes; `JwtRefused` when it was, `StoreUnavailable` when nobody knows."""
        if not await self.used.claim(partner=OF_PROOFS, jti=name(proof), expires_at=proof.expires_at, now=now):
            raise JwtRefused(Fault.REPLAYED)

    def new_nonce(self, proof: Proof | None, now: int) -> str | None:
        """A nonce to send with the answer: when the proof had none, or one that will not live long."""
        if self.nonces is None:
            return None
        age = None if proof is None else proof.nonce_age
        return self.nonces.new(now) if age is None or 2 * age > self.nonces.life else None


def name(proof: Proof) -> str:
    """Its jti with its key's thumbprint, which has one length: no two pairs look alike."""
    return f"{proof.jkt}.{proof.jti}"
