"""The closed vocabulary of the journal: which entries exist, which members they have, of which form.

Every member of every entry is checked before it is written, so that nothing of a person can enter by accident.
Readers skip a `type` or a `v` they do not know: a newer log stays readable, and no proof depends on it.
Refuses to quote: an error names the type and, when it is one of ours, the member, never the value.
"""

from collections.abc import Mapping

from audit import forms
from audit.access_events import ACCESS_EVENTS
from audit.errors import EntryInvalid
from audit.event import Event
from audit.forms import Form, list_of, map_of, one_of

VERSION = 1
MAX_BYTES = 4_096
MAX_SKEW_MS = 300_000  # between an entry's time and the journal's clock

_COMMON: Mapping[str, Form] = {"v": forms.count, "type": forms.text, "id": forms.hex128, "time": forms.time}

_FIELDS = list_of(forms.field)
_BY_REASON = map_of(forms.code, _FIELDS)
_STATES = map_of(
    forms.dataset,
    one_of("released", "withheld", "found", "no_data", "unavailable", "ambiguous", "unknown_person", "refused",
           "rate_limited", "drift"),
)  # fmt: skip
_BASIS = one_of("consent", "explicit_consent", "public_task", "legal_obligation")


_USE = one_of("log", "receipt", "witness")

_BY = one_of(
    "subject", "representative", "professional", "controller", "dpo", "authority", "operator", "clock", "policy"
)
_CHANNEL = one_of("page", "link", "counter", "paper", "sms", "letter", "phone", "library", "system")

_AUTHORISATION = Event(
    {"authorisation": forms.hex128, "org": forms.slug, "purpose": forms.purpose, "basis": _BASIS, "epoch": forms.count},
    {
        "siret": forms.siret,
        "fields": _FIELDS,
        "explicit": _FIELDS,
        "sources": list_of(forms.slug),
        "actor": forms.actor,
        "by": _BY,
        "channel": _CHANNEL,
        "lang": one_of("fr", "en"),
        "notice": forms.hex256,
        "catalogue": forms.hex256,
        "valid_from": forms.time,
        "valid_until": forms.time,
        "max_uses": forms.count,
        "replaces": forms.hex128,
        "reason": forms.code,
        "reference": forms.reference,  # of the order that revokes it
        "grounds": forms.hex256,  # of the text that overrides an objection
        "cosigner": forms.actor,
        "witness": forms.actor,
        "evidence": forms.hex256,  # of the signed paper
        "confirmed": forms.time,  # by a second act of the person
        "record": forms.hex256,  # of the record it freezes
        "mandate": forms.hex128,
        "capacity": forms.code,
        "due": forms.time,
    },
    subject="required",
)

_RIGHT: Mapping[str, Form] = {
    "request": forms.hex128,
    "right": one_of("access", "portability", "rectification", "restriction", "objection", "erasure"),
}

AUTHORISATION_EVENTS = (
    "requested", "activated", "deferred", "reminded", "refused", "lapsed", "given", "renewed", "narrowed", "paused",
    "resumed", "withdrawn", "expired", "invalidated", "revoked", "objection_lodged", "upheld", "overridden", "held",
    "freed", "tombstoned",
)  # fmt: skip

_EXCHANGE: Mapping[str, Form] = {"ref": forms.hex128, "org": forms.slug, "purpose": forms.purpose}

EVENTS: Mapping[str, Event] = {
    "log.created": Event(
        {"origin": forms.origin},
        {"previous": forms.origin, "previous_size": forms.count, "previous_root": forms.root},
    ),
    "log.pruned": Event(
        {"origin": forms.origin, "minimum": forms.count, "months": forms.count},
        {"whole": forms.flag, "justification": one_of("internal_control")},
    ),
    "key.rotated": Event(
        {
            "use": _USE,
            "name": forms.origin,
            "key": forms.public_key,
            "former": forms.public_key,
            "by_former": forms.signature,
            "by_key": forms.signature,
        }
    ),
    "key.retired": Event({"use": _USE, "name": forms.origin, "key": forms.public_key}),
    "log.read": Event(
        {"what": one_of("bundles", "extract", "person_proof", "archive")},
        {
            "log": forms.origin,
            "first": forms.count,
            "end": forms.count,
            "org": forms.slug,
            "actor": forms.actor,
            "entries": forms.count,
            "digest": forms.digest,  # SHA-256 of the file that was handed over
            # a person's own, read on their pages: by themselves, or by who helps them under this mandate
            "by": one_of("subject", "representative"),
            "mandate": forms.hex128,
        },
        subject="allowed",  # a list of one person's entries is an entry of that list
    ),
    "catalogue.activated": Event(
        {"catalogue": forms.hex256},
        {
            "previous": forms.hex256,
            "exchanges": list_of(forms.exchange),
            "widening": forms.flag,
            "by": _BY,
            "org": forms.slug,
            "actor": forms.actor,
        },
    ),
    "gateway.frozen": Event({"on": forms.flag, "reason": forms.code}),
    "partner.registered": Event(
        {"org": forms.slug},
        {
            "siret": forms.siret,
            "scopes": list_of(forms.scope),
            "keys": list_of(forms.thumbprint),
            "batches": list_of(forms.slug),
            "binding": one_of("dpop", "mtls", "bearer"),
            "certificates": list_of(forms.thumbprint),  # digests of what is expected of them
            "redirects": list_of(forms.thumbprint),  # digests of the addresses
            "keys_at": forms.thumbprint,  # digest of the address
        },
    ),
    "subject.linked": Event(
        {"org": forms.slug},
        {"kinds": list_of(forms.dataset), "actor": forms.actor, "epoch": forms.count},
        subject="required",
    ),
    "subject.flagged": Event(
        {"flag": forms.code, "set": forms.flag},
        {"org": forms.slug, "actor": forms.actor, "epoch": forms.count, "reason": forms.code},
        subject="required",
    ),
    **{f"authorisation.{event}": _AUTHORISATION for event in AUTHORISATION_EVENTS},
    "signal.disabled": Event({"org": forms.slug}, {"reason": forms.code}),
    "erasure.requested": Event({"erasure": forms.hex128, "bound": forms.thumbprint}),
    "erasure.approved": Event(
        {"erasure": forms.hex128, "key": forms.public_key, "signature": forms.signature}, {"due": forms.time}
    ),
    "erasure.cancelled": Event({"erasure": forms.hex128}),
    "erasure.executed": Event({"erasure": forms.hex128, "forget_at": forms.time}, subject="required"),
    "erasure.forgotten": Event({"erasure": forms.hex128}),
    "rights.requested": Event(
        {**_RIGHT, "due": forms.time},
        {
            "by": _BY,
            "channel": _CHANNEL,
            "actor": forms.actor,
            "org": forms.slug,
            "fields": _FIELDS,
            "authorisation": forms.hex128,
            "reason": forms.code,
        },
        subject="required",
    ),
    # what follows may be about somebody who was erased meanwhile: no tag is made any more
    "rights.sent": Event({**_RIGHT, "org": forms.slug}, subject="allowed"),
    "rights.extended": Event({**_RIGHT, "due": forms.time, "reason": forms.code}, subject="allowed"),
    "rights.answered": Event(
        {**_RIGHT, "outcome": one_of("done", "refused")},
        {"reason": forms.code, "org": forms.slug, "fields": _FIELDS, "informed": list_of(forms.slug)},
        subject="allowed",
    ),
    "contact.changed": Event(
        {
            "preference": one_of("none", "sms", "email", "letter"),
            "ways": list_of(one_of("sms", "email", "letter")),
            "by": one_of("subject", "operator"),
        },
        subject="required",
    ),
    "mandate.recorded": Event(
        {
            "mandate": forms.hex128,
            "capacity": one_of("parent", "guardian", "curator", "aidant"),
            "digest": forms.hex256,
            "until": forms.time,
            "purposes": list_of(forms.purpose),
            "by": one_of("professional", "operator", "dpo"),
        },
        {"actor": forms.actor, "witness": forms.actor},
        subject="required",
    ),
    "mandate.ended": Event(
        {"mandate": forms.hex128, "by": one_of("professional", "operator", "dpo", "subject")},
        {"actor": forms.actor},
        subject="required",
    ),
    "exchange.decided": Event(
        {
            **_EXCHANGE,
            "actor": forms.actor,
            "catalogue": forms.hex256,
            "epoch": forms.count,
            "decision": one_of("permit", "deny"),
        },
        {
            "siret": forms.siret,
            "sources": list_of(forms.slug),
            "permits": map_of(forms.exchange, _FIELDS),
            "denials": _BY_REASON,
            "authorisation": forms.hex128,
            "basis": _BASIS,
        },
        subject="allowed",  # a request about nobody we know is refused, and logged
    ),
    "exchange.released": Event(
        # no epoch and no reason of the decision: the recipient reads this entry in its receipt (docs/adr/0011)
        {**_EXCHANGE, "actor": forms.actor, "states": _STATES},
        {
            "commits": map_of(forms.field, forms.commitment),
            "transforms": map_of(forms.field, forms.obligation),
            "withheld": _BY_REASON,
            "catalogue": forms.hex256,
            "authorisation": forms.hex128,
            "basis": _BASIS,
        },
        subject="required",
    ),
    "exchange.undelivered": Event(
        {**_EXCHANGE, "reason": forms.code},
        {"states": _STATES, "actor": forms.actor, "epoch": forms.count, "catalogue": forms.hex256},
        subject="allowed",
    ),
    **ACCESS_EVENTS,
}

STARTS = frozenset({"given", "activated", "renewed", "resumed", "overridden"})
"""Events of an authorisation after which data may leave on it."""

FINAL = frozenset({"refused", "lapsed", "withdrawn", "expired", "invalidated", "revoked", "upheld", "tombstoned"})
"""Events after which nothing ever leaves on it."""

STOPS = FINAL | {"paused", "objection_lodged"}
"""Events after which nothing leaves on it, until one of `STARTS`."""

_MEMBERS = {name: event.members for name, event in EVENTS.items()}


def check(type: str, members: Mapping[str, object]) -> None:  # noqa: A002  the member's own name
    """Refuse members that this type does not have, lacks, or has in another form."""
    known = _MEMBERS.get(type)
    if known is None:
        raise EntryInvalid("this type of entry does not exist")
    for name, value in members.items():
        form = known.get(name)
        if form is None:
            raise EntryInvalid(f"{type} has a member that is not in the vocabulary")
        if not form(value):
            raise EntryInvalid(f"{type}: {name} does not have the form it must have")
    for name in EVENTS[type].required:
        if name not in members:
            raise EntryInvalid(f"{type}: {name} is missing")


def check_subject(type: str, tag: object) -> None:  # noqa: A002  idem
    """Refuse a subject tag of the wrong form, one too many, or none where one is required."""
    rule = EVENTS[type].subject
    if tag is None:
        if rule == "required":
            raise EntryInvalid(f"{type}: subject is missing")
    elif rule == "refused" or not forms.hex128(tag):
        raise EntryInvalid(f"{type}: subject does not have the form it must have")


def check_entry(entry: object) -> bool:
    """Check a whole entry as read back; False when its version or type is not known to this reader."""
    if not isinstance(entry, dict):
        raise EntryInvalid("an entry is an object")
    for name, form in _COMMON.items():
        if not form(entry.get(name)):
            raise EntryInvalid(f"{name} does not have the form it must have")
    if entry["v"] != VERSION or entry["type"] not in EVENTS:
        return False
    check(entry["type"], {name: value for name, value in entry.items() if name not in _COMMON and name != "subject"})
    check_subject(entry["type"], entry.get("subject"))
    return True
