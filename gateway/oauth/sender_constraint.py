"""Steps of the token endpoint: what the token will be bound to (RFC 9449 §5, RFC 8705 §3).

 1. a proof is checked before the client is: who must come back with a nonce has used up no assertion
 2. once the client is known, its registration says what must be there
 3. the proof is used last, so that a refused request uses up nothing of it, and by the entry about the token

Whoever sends a proof gets a bound token, whatever its registration asks for. An exchanged token is bound like any
other, and one that was bound already stays with its key (`claims.check_confirmation`).
"""

from gateway.oauth import certificates
from gateway.oauth.dpop import NONCE_HEADER
from gateway.oauth.errors import CertificateRefused, Fault, JwtRefused, refused, token_refused
from gateway.oauth.form import Attempt
from gateway.oauth.possession import OF_PROOFS, name

PARAMETER = "dpop"


async def read_proof(attempt: Attempt) -> None:
    """Step 1."""
    try:
        attempt.proof = attempt.server.possession.proof(attempt.scope, attempt.now)
    except JwtRefused as refusal:
        _offer_nonce(attempt)
        if refusal.fault is Fault.NONCE:
            raise refused("nonce") from None
        raise token_refused(PARAMETER, refusal.fault) from None


async def bind(attempt: Attempt) -> None:
    """Step 2."""
    wanted = attempt.client.binding
    if attempt.proof is not None:
        attempt.confirmation["jkt"] = attempt.proof.jkt
    elif wanted == "dpop":
        _offer_nonce(attempt)
        raise refused("proof_missing")
    if wanted == "mtls":
        attempt.confirmation["x5t#S256"] = _certificate(attempt)


async def use_proof(attempt: Attempt) -> None:
    """Step 3."""
    if attempt.proof is not None:
        _offer_nonce(attempt)
        try:
            proof = attempt.proof
            attempt.once(PARAMETER, sender=OF_PROOFS, jti=name(proof), expires_at=proof.expires_at)
        except JwtRefused as refusal:
            raise token_refused(PARAMETER, refusal.fault) from None


def _certificate(attempt: Attempt) -> str:
    try:
        shown = attempt.server.possession.certificates.shown(attempt.scope)
        if shown is None:
            raise refused("certificate_missing")
        certificates.check(shown, expected=attempt.client.certificates, now=attempt.now)
    except CertificateRefused as refusal:
        raise refused("certificate", refusal.detail) from None
    return certificates.thumbprint(shown)


def _offer_nonce(attempt: Attempt) -> None:
    nonce = attempt.server.possession.new_nonce(attempt.proof, attempt.now)
    if nonce is not None:
        attempt.answer_headers[NONCE_HEADER] = nonce
