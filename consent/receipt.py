"""Issues the receipt of an authorisation: a signed copy to keep outside, for the person and for the recipient.

It says what the record says, but for sentences (the notice's digest binds them) and for what concerns the person alone;
the person is the recipient's pseudonym. It names the journal entry that proves it was given. Checked by
`audit/consent_receipts.py`. Refuses a receipt of what was never given.
"""

from base64 import b64encode

from audit import jws
from audit.canonical import Json
from audit.consent_receipts import TYPE
from audit.keys import Signer
from consent import history
from consent.errors import NothingGiven
from consent.record_27560 import FREE_TEXT, SCHEMA, Whole, for_recipient
from consent.states import Record


def issue(record: Record, whole: Whole, *, issuer: str, signer: Signer, now: int) -> str:
    """Sign; raises `NothingGiven`. The same record in the same state gives the same text."""
    if whole.digest is None or whole.place is None:
        raise NothingGiven("nothing was given under this authorisation")
    status = history.public(record, now)
    claims: dict[str, Json] = {
        "iss": issuer,
        "iat": status["events"][-1]["time"] // 1000,
        "jti": f"{record.id}.{len(status['events'])}",
        "sub": whole.subject_ref,
        "schema_version": SCHEMA,
        "record": for_recipient(whole.content, also=FREE_TEXT),
        "record_digest": whole.digest,
        "status": status,
        "journal": {
            "origin": whole.place.origin,
            "index": whole.place.index,
            "leaf_hash": b64encode(whole.place.leaf_hash).decode(),
        },
    }
    return jws.sign(claims, typ=TYPE, signer=signer)
