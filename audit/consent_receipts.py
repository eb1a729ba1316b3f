"""Checks the receipt of an authorisation offline: who signed it, what was given, which journal entry proves it.

For whoever holds a receipt and the journal's public keys: no database, no network, no web framework. Refuses what
speaks of two records, and a proof of another entry.
"""

import hashlib
import json
from base64 import b64decode
from collections.abc import Mapping
from typing import Any

from audit import forms, jws, proofs
from audit.canonical import dumps, loads
from audit.errors import AuditError, NotCanonical, ReceiptInvalid
from audit.keys import Vkey
from audit.merkle import leaf_hash
from audit.receipts import receipt_name
from audit.years import base_of

TYPE = "consent-receipt+jwt"
MEDIA_TYPE = f"application/{TYPE}"

_MEMBERS = frozenset({"iss", "iat", "jti", "sub", "schema_version", "record", "record_digest", "status", "journal"})
_PLACE = frozenset({"origin", "index", "leaf_hash"})


def verify(receipt: str, *vkeys: Vkey) -> dict[str, Any]:
    """Check a receipt with public halves of receipt keys; give what it says.

    1. it is a signed message of this type, by one of the keys (`audit/jws.py`);
    2. it has exactly the members of a receipt;
    3. it speaks of one record and one person throughout;
    4. the key is the one for receipts of the log it names.
    """
    claims, vkey = jws.verify(receipt.strip(), *vkeys, typ=TYPE)  # 1
    try:
        return _verify(claims, vkey)
    except (KeyError, TypeError, AttributeError):
        raise ReceiptInvalid("a member does not have the form it must have") from None


def _verify(claims: Any, vkey: Vkey) -> dict[str, Any]:
    if set(claims) != _MEMBERS or set(claims["journal"]) != _PLACE:  # 2
        raise ReceiptInvalid("not the members of a receipt")
    header = claims["record"]["header"]  # 3
    if header["subject_ref"] != claims["sub"] or claims["jti"].partition(".")[0] != header["record_id"]:
        raise ReceiptInvalid("it speaks of two records")
    if not forms.hex256(claims["record_digest"]) or type(claims["journal"]["index"]) is not int:
        raise ReceiptInvalid("a digest or an index is not one")
    origin = claims["journal"]["origin"]
    if vkey.name not in {receipt_name(origin), receipt_name(base_of(origin))}:  # 4
        raise ReceiptInvalid("signed with the receipt key of another log")
    return dict(claims)


def prove(claims: Mapping[str, Any], proof: str, *vkeys: Vkey) -> int:
    """Check a C2SP tlog-proof of the entry a verified receipt names; give the size of the tree that holds it."""
    place = claims["journal"]
    named = [vkey.named(place["origin"]) for vkey in vkeys]
    try:
        read = proofs.parse(proof)
        size = proofs.verify(read, b64decode(place["leaf_hash"]), *named).size
    except (AuditError, ValueError) as error:
        raise ReceiptInvalid(f"the proof does not hold: {error}") from None
    if read.index != place["index"]:
        raise ReceiptInvalid("the proof is of another entry")
    return size


def compare(claims: Mapping[str, Any], leaf: bytes) -> None:
    """Check that a journal entry is the one a verified receipt names, and says the same of what was given."""
    if b64decode(claims["journal"]["leaf_hash"]) != leaf_hash(leaf):
        raise ReceiptInvalid("this is another entry")
    entry: Any = loads(leaf)
    entry.setdefault("record", claims["record_digest"])  # the first entries named none
    record = claims["record"]
    said = {
        "authorisation": record["header"]["record_id"],
        "purpose": record["purpose"]["purpose_id"],
        "catalogue": record["header"]["catalogue"],
        "fields": sorted(field["field_id"] for field in record["data"]),
        "record": claims["record_digest"],
    }
    if any(entry.get(name) != value for name, value in said.items()):
        raise ReceiptInvalid("the entry says something else")


def find(claims: Mapping[str, Any], text: str) -> None:
    """Check that a person's file of authorisations has the whole record that a verified receipt is of."""
    try:
        held = [each.get("record") for each in json.loads(text)["authorisations"]]
        digests = [hashlib.sha256(dumps(each)).hexdigest() for each in held]
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError, NotCanonical):
        raise ReceiptInvalid("not a person's file of authorisations") from None
    if claims["record_digest"] not in digests:
        raise ReceiptInvalid("the file does not have this record")
