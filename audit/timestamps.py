"""Dates a checkpoint by an outside authority: RFC 3161 requests and tokens.

What is stamped is the checkpoint's text (origin, size, root), so that cosignatures and further signatures of the log
may join the note later; `openssl ts -verify -data` takes the same bytes. A token is the authority's whole answer
(TimeStampResp, DER), as `openssl ts` writes it. Refuses a token for another text, of another request, signed under
no given root, or by a certificate that was not valid at the moment it names. Revocation is not asked for.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cryptography import x509

from audit.errors import TimestampRefused, TimestampUnchecked

if TYPE_CHECKING:
    from rfc3161_client import TimeStampResponse

_HASHES = {
    "2.16.840.1.101.3.4.2.1": hashlib.sha256,
    "2.16.840.1.101.3.4.2.2": hashlib.sha384,
    "2.16.840.1.101.3.4.2.3": hashlib.sha512,
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent to an authority, and the number its answer must repeat."""

    der: bytes
    nonce: int


@dataclass(frozen=True, slots=True)
class Stamp:
    """Who says that the text existed, and since when (ms UTC)."""

    at: int
    authority: str


def stamped_text(note: str) -> bytes:
    """Give the bytes of a note that are stamped: its text without the signatures."""
    text, blank, _ = note.rpartition("\n\n")
    if not blank:
        raise TimestampRefused("not_a_note")
    return f"{text}\n".encode()


def request(note: str) -> Request:
    """Ask for a SHA-256 stamp of a checkpoint, with a random nonce and the authority's certificate in the answer."""
    client = _client()
    builder = client.TimestampRequestBuilder(hash_algorithm=client.HashAlgorithm.SHA256)
    built = builder.data(stamped_text(note)).build()
    return Request(built.as_bytes(), built.nonce)


def read_roots(pem: bytes) -> list[x509.Certificate]:
    """Read the certificates one trusts (PEM; intermediates may stand beside the roots)."""
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise TimestampRefused("roots_unreadable") from None


def verify(token: bytes, note: str, roots: Sequence[x509.Certificate], *, nonce: int | None = None) -> Stamp:
    """Check a token; raises `TimestampRefused`, whose `reason` says which step failed, or `TimestampUnchecked`.

    1. it is a granted answer (`malformed`, `not_granted`);
    2. about this text, under a hash that is not broken (`algorithm`, `other_text`);
    3. to this request, when its nonce is known (`nonce`);
    4. its signer's certificate is enclosed and was valid at that moment (`certificate`, `expired`);
    5. its signature holds, under one of the roots, by a certificate made for time-stamping (`untrusted`).
    """
    client = _client()
    text = stamped_text(note)
    try:
        answer = client.decode_timestamp_response(token)
        return _judge(client, answer, text, roots=roots, nonce=nonce)
    except TimestampRefused:
        raise
    except client.VerificationError:  # 5
        raise TimestampRefused("untrusted") from None
    except Exception:  # noqa: BLE001  hostile bytes make the parsers raise what they like
        raise TimestampRefused("malformed") from None


def _judge(
    client: Any, answer: "TimeStampResponse", text: bytes, *, roots: Sequence[x509.Certificate], nonce: int | None
) -> Stamp:
    if answer.status != client.PKIStatus.GRANTED:  # 1
        raise TimestampRefused("not_granted")
    info = answer.tst_info
    known = _HASHES.get(info.message_imprint.hash_algorithm.dotted_string)
    if known is None:  # 2
        raise TimestampRefused("algorithm")
    if info.message_imprint.message != known(text).digest():
        raise TimestampRefused("other_text")
    if nonce is not None and info.nonce != nonce:  # 3
        raise TimestampRefused("nonce")
    signer = _signer(answer)  # 4
    moment = info.gen_time.astimezone(UTC)
    if not signer.not_valid_before_utc <= moment <= signer.not_valid_after_utc:
        raise TimestampRefused("expired")
    client.VerifierBuilder(roots=list(roots)).build().verify_message(answer, text)  # 5
    return Stamp((moment - _EPOCH) // timedelta(milliseconds=1), signer.subject.rfc4514_string()[:256])


def _signer(answer: "TimeStampResponse") -> x509.Certificate:
    """Give the certificate that the signature itself names."""
    named = {(each.issuer, each.serial_number) for each in answer.signed_data.signer_infos}
    enclosed = [x509.load_der_x509_certificate(each) for each in answer.signed_data.certificates]
    found = [each for each in enclosed if (each.issuer, each.serial_number) in named]
    if len(named) != 1 or len(found) != 1:
        raise TimestampRefused("certificate")
    return found[0]


def _client() -> Any:
    """Import the one library that knows the format; whoever verifies without it is told so."""
    try:
        import rfc3161_client
    except ImportError:
        raise TimestampUnchecked("rfc3161-client is not installed") from None
    return rfc3161_client
