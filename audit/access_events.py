"""Types of entries about who came in: tokens, sign-ins, consoles; `audit/events.py` adds them to the vocabulary."""

from collections.abc import Mapping

from audit import forms
from audit.event import Event
from audit.forms import Form, list_of, map_of, one_of

_PERSON = one_of("subject", "representative")
_ROLE = one_of("beneficiary", "professional", "dpo", "operator")
_GIVEN = one_of("professional", "dpo", "operator")
_HELPED: Mapping[str, Form] = {"mandate": forms.hex128}
_VIEW = one_of(
    "search", "entry", "consultations", "registers", "rights", "breach", "watch", "reconciliation", "policies"
)

ACCESS_EVENTS: Mapping[str, Event] = {
    # the person looked at what one organisation would see: no value, and nothing went there
    "person.previewed": Event(
        {"org": forms.slug, "purpose": forms.purpose, "authorisation": forms.hex128, "by": _PERSON},
        {
            "catalogue": forms.hex256,
            "sources": list_of(forms.slug),
            "fields": list_of(forms.field),
            **_HELPED,
        },
        subject="required",
    ),
    # the person says that an access was not right; the text stays sealed beside it
    "access.reported": Event(
        {"report": forms.hex128, "org": forms.slug, "entry": forms.count, "by": _PERSON},
        {"reason": one_of("unknown_organisation", "unknown_purpose", "not_asked", "too_much", "other"), **_HELPED},
        subject="required",
    ),
    # who came in: of a beneficiary the person's tag, of anybody else `actor`; `line` of the allow-list that let them in
    "session.opened": Event(
        {"session": forms.hex128, "provider": forms.slug, "role": _ROLE},
        {
            "acr": forms.slug,
            "strong": forms.flag,
            "actor": forms.actor,
            "org": forms.slug,
            "line": forms.hex128,
            "first": forms.flag,
            **_HELPED,
        },
        subject="allowed",
    ),
    "session.closed": Event(
        {
            "session": forms.hex128,
            "role": _ROLE,
            "reason": one_of("signed_out", "ended", "replaced"),
        },
        {"actor": forms.actor, "org": forms.slug, **_HELPED},
        subject="allowed",
    ),
    "signin.refused": Event(
        {"provider": forms.slug, "reason": forms.code},
        {"acr": forms.slug, "role": _ROLE, "actor": forms.actor, "org": forms.slug},
    ),
    "role.given": Event(
        {"line": forms.hex128, "role": _GIVEN, "org": forms.slug, "provider": forms.slug},
        {"consortium": forms.flag},
    ),
    "role.removed": Event({"line": forms.hex128, "role": _GIVEN, "org": forms.slug}),
    "access.answered": Event({"report": forms.hex128}, {"org": forms.slug, "actor": forms.actor}),
    # a key of ours that signs from a time on (docs/adr/0023); `exposed`: believed no longer
    "key.scheduled": Event(
        {"use": one_of("token", "signals"), "key": forms.thumbprint, "from": forms.time},
        {"exposed": list_of(forms.thumbprint)},
    ),
    # what a registration is after the change; `keys_at`: SHA-256 of the address the keys are fetched from
    "partner.changed": Event(
        {"org": forms.slug, "what": one_of("keys", "scopes", "status", "binding")},
        {
            "binding": one_of("dpop", "mtls", "bearer"),
            "certificates": list_of(forms.thumbprint),
            "keys": list_of(forms.thumbprint),
            "keys_at": forms.thumbprint,
            "scopes": list_of(forms.scope),
            "status": one_of("active", "suspended"),
        },
    ),
    # a DPO was shown entries: by what they were chosen, how many lines; never which, never a value
    "console.viewed": Event(
        {"actor": forms.actor, "view": _VIEW},
        {
            "org": forms.slug,
            "filters": list_of(one_of("org", "actor", "type", "purpose", "dataset", "decision", "reason", "person")),
            "lines": forms.count,
            "entry": forms.count,
        },
    ),
    # a DPO looked for one person; from an identity only for a case
    "console.searched": Event(
        {"actor": forms.actor, "by": one_of("pseudonym", "reference", "identity"), "found": forms.flag},
        {"org": forms.slug, "case": forms.reference},
        subject="allowed",
    ),
    # a signature under the step from one catalogue to another: an officer's key, or a DPO signed in
    "catalogue.approved": Event(
        {"catalogue": forms.hex256, "previous": forms.hex256},
        {"org": forms.slug, "actor": forms.actor, "key": forms.public_key, "signature": forms.signature},
    ),
    "rights.staged": Event(
        {
            "request": forms.hex128,
            "stage": one_of("identity_checked", "collected", "sent", "extended", "answered", "refused"),
        },
        {"org": forms.slug, "actor": forms.actor},
        subject="allowed",
    ),
    # what a DPO made of an alert of the watch list; the note stays sealed beside the row
    "watch.judged": Event(
        {"alert": forms.hex128, "rule": forms.code, "verdict": one_of("seen", "normal", "incident")},
        {"org": forms.slug, "actor": forms.actor},
    ),
    # a token is named by half the SHA-256 of its jti: whoever holds the token finds its entry, nobody makes one from it
    "token.issued": Event(
        {
            "org": forms.slug,
            "token": forms.hex128,
            "grant": one_of("client_credentials", "token_exchange", "authorization_code"),
            "scopes": list_of(forms.scope),
            "binding": one_of("bearer", "dpop", "mtls"),
            "until": forms.time,
        },
        {
            "actor": forms.actor,
            "through": list_of(forms.slug),
            "parent": forms.hex128,
            "authorisation": forms.hex128,  # of a person who was there
        },
    ),
    "token.refused": Event(
        {
            "org": forms.slug,
            "endpoint": one_of("token", "introspection", "revocation", "pushed_request"),
            "reason": forms.code,
        }
    ),
    "token.revoked": Event({"org": forms.slug, "token": forms.hex128, "until": forms.time}, {"actor": forms.actor}),
    # what nobody signed for, counted: whoever shouts cannot fill the journal
    "token.noise": Event({"since": forms.time, "until": forms.time, "counts": map_of(forms.code, forms.count)}),
}
