"""A small catalogue and facts that permit, from which each test changes what its rule is about.

Two recipients, two purposes, three fields (one special category, one that needs a flag's absence), three bases.
"""

import copy
from collections.abc import Callable
from typing import Any

from policies import catalogue
from policies.catalogue import Catalogue
from policies.checks import Files
from policies.decision import Actor, Authorisation, Facts
from policies.documents import Document, fits

NOW = 1_780_000_000_000  # 2026-05-28
DAY = 86_400_000
WORDS = {"fr": "Une phrase simple.", "en": "A plain sentence."}
FIELDS = ("d.a", "s.b", "e.c")
CONTACT = {"address": "1 rue", "email": "a@b.example", "dpo": "dpo@b.example", "url": "https://b.example/"}
PROCESSING = {
    "operations": ["consult"],
    "access": "VIEW",
    "fetch": "periodic",
    "storage": ["FR"],
    "location": ["FR"],
    "within": "EEA",
}
NOTICE = {
    "id": "choices",
    "version": 1,
    "template": "plain",
    "reading_level": "falc",
    "accessibility": "rgaa_aa",
    "withdrawal": {"url": "https://b.example/me", "otherwise": WORDS},
    "rights": WORDS,
    "authority": {"name": "CNIL", "address": "Paris", "url": "https://c.example/"},
}

VOCABULARY: dict[str, Any] = {
    "flags": ["restriction", "tombstone", "protected_address", "beneficiary_rsa"],
    "roles": ["adviser", "clerk"],
    "datasets": {
        "d": {
            "sentence": WORDS,
            "fields": {
                "a": {"type": "int"},
                "sure": {"type": "bool", "nullable": False},
                "on": {"type": "date"},
                "word": {"type": "str"},
                "number": {"type": "str", "release": "never"},
            },
        },
        "s": {"sentence": WORDS, "special": "health", "fields": {"b": {"type": "bool"}}},
        "e": {
            "sentence": WORDS,
            "fields": {
                "c": {"type": "str"},
                "address": {"type": "str", "commune": "commune"},
                "commune": {"type": "str"},
            },
        },
        "m": {
            "many": True,
            "sentence": WORDS,
            "fields": {"at": {"type": "datetime"}, "note": {"type": "str"}, "minutes": {"type": "int"}},
        },
    },
}

PARTIES: dict[str, Any] = {
    "parties": {
        "src-one": {
            "name": WORDS,
            "line": WORDS,
            "contact": CONTACT,
            "siret": "00000000000001",
            "holds": ["d", "s", "m"],
        },
        "src-two": {"name": WORDS, "line": WORDS, "contact": CONTACT, "siret": "00000000000002", "holds": ["e"]},
        "partner-p": {"name": WORDS, "line": WORDS, "contact": CONTACT, "siret": "00000000000003"},
        "partner-q": {"name": WORDS, "line": WORDS, "contact": CONTACT, "siret": "00000000000004"},
    }
}

TOLD: dict[str, Any] = {"type": "dpv:ServiceProvision", "service": WORDS, "without": WORDS}

PURPOSES: dict[str, Any] = {
    "purposes": {
        "alpha.one": {"sentence": WORDS, **TOLD},
        "beta.two": {"sentence": WORDS, **TOLD},
        "hunting": {"sentence": WORDS, "banned": True},
    },
    "notice": NOTICE,
}

DENIALS: dict[str, Any] = {"deny": [{"purpose": "hunting"}]}


def exchange(name: str, **changes: Any) -> dict[str, Any]:
    """Write an active exchange; a change of None removes the key."""
    content = {
        "exchange": name,
        "version": 1,
        "status": "active",
        "controller": "partner-p",
        "source": "src-one",
        "recipient": ["partner-p"],
        "purpose": "alpha.one",
        "bases": [{"type": "consent", "ref": "RGPD 6-1-a"}],
        "arrangement": "ART26",
        "agents": {"roles": ["adviser"], "auth": "substantial", "batch": "refused"},
        "when": {"not_before": "2026-01-01", "not_after": "2027-12-31"},
        "frequency": {"per_subject": "4/month"},
        "retention": {"recipient": "P24M", "from": "last_contact"},
        "processing": PROCESSING,
        "fields": {"d.a": {"release": "clear"}},
        **changes,
    }
    return {key: value for key, value in content.items() if value is not None}


PUBLIC_TASK = [{"type": "public_task", "ref": "CASF", "objection": "allowed"}]
LEGAL_OBLIGATION = [{"type": "legal_obligation", "ref": "CASF"}]
SPECIAL = {"release": "clear", "special": "9-2-a", "needs": {"consent": "explicit"}}


def small_exchanges() -> list[dict[str, Any]]:
    """Write the exchanges of the small catalogue."""
    return [
        exchange("one", dpia="DPIA", fields={"d.a": {"release": "clear"}, "s.b": SPECIAL}),
        exchange(
            "two",
            source="src-two",
            fields={"e.c": {"release": "clear", "needs": {"state": ["not_protected_address"]}}},
        ),
        exchange(
            "three",
            recipient=["partner-q", "partner-p"],
            purpose="beta.two",
            bases=PUBLIC_TASK,
            dpia="DPIA",
            agents={"roles": ["adviser", "clerk"], "auth": "low", "batch": "allowed", "person": "allowed"},
            fields={
                "d.a": {"release": "predicate", "op": "lt", "value": 10},
                "s.b": {"release": "clear", "special": "9-2-b"},
            },
        ),
        exchange(
            "four",
            source="src-two",
            recipient=["partner-q"],
            purpose="beta.two",
            bases=PUBLIC_TASK,
            subjects={"requires": ["beneficiary_rsa"]},
            deny=[{"fields": "e.*", "if": {"subject_flag": "protected_address"}}],
            fields={"e.c": {"release": "mask", "keep": 2}},
        ),
        exchange(
            "five",
            recipient=["partner-q"],
            bases=LEGAL_OBLIGATION,
            deny=[{"fields": "d.*", "recipient": "partner-q"}],
            fields={"d.a": {"release": "clear"}, "d.number": {"release": "never"}},
        ),
    ]


def files(
    exchanges: list[dict[str, Any]] | None = None,
    *,
    vocabulary: dict[str, Any] = VOCABULARY,
    parties: dict[str, Any] = PARTIES,
    purposes: dict[str, Any] = PURPOSES,
    denials: dict[str, Any] = DENIALS,
    form_checked: bool = True,
    document: Callable[..., Any] = Document,
    bundle: Callable[..., Any] = Files,
) -> Any:
    """Wrap contents as documents of the right form, without going through YAML."""

    def wrap(file: str, kind: str, content: dict[str, Any]) -> Any:
        assert not form_checked or fits(content, kind), f"{file} is not of its form"
        return document(file=file, content=copy.deepcopy(content), lines={})

    written = small_exchanges() if exchanges is None else exchanges
    return bundle(
        vocabulary=wrap("vocabulary.yaml", "vocabulary", vocabulary),
        parties=wrap("parties.yaml", "parties", parties),
        purposes=wrap("purposes.yaml", "purposes", purposes),
        denials=wrap("denials.yaml", "denials", denials),
        exchanges=tuple(wrap(f"{each['exchange']}@{each['version']}.yaml", "exchange", each) for each in written),
    )


def small(exchanges: list[dict[str, Any]] | None = None, **parts: Any) -> Catalogue:
    """Build the small catalogue, or one with other exchanges or parts."""
    return catalogue.build(files(exchanges, **parts))


def actor(**changes: Any) -> Actor:
    """Name a professional whom every exchange of the small catalogue accepts."""
    return Actor(**{"kind": "professional", "role": "adviser", "assurance": "substantial", **changes})


def authorisation(**changes: Any) -> Authorisation:
    """Give a consent on every field, explicit on the special one."""
    return Authorisation(
        **{
            "id": "0" * 32,
            "basis": "consent",
            "state": "given",
            "fields": frozenset(FIELDS),
            "explicit": frozenset({"s.b"}),
            "valid_from": NOW - DAY,
            "valid_until": NOW + DAY,
            "max_uses": 10,
            "uses": 0,
            **changes,
        }
    )


def facts(**changes: Any) -> Facts:
    """Give facts that permit all of (partner-p, alpha.one)."""
    return Facts(
        **{
            "recipient": "partner-p",
            "purpose": "alpha.one",
            "fields": FIELDS,
            "now": NOW,
            "actor": actor(),
            "flags": frozenset(),
            "authorisation": authorisation(),
            "epoch": 3,
            "uses": {"one": 0, "two": 0, "three": 0, "four": 0, "five": 0},
            "switches": frozenset(),
            **changes,
        }
    )


def public_task_facts(**changes: Any) -> Facts:
    """Give facts that permit all of (partner-q, beta.two)."""
    return facts(
        **{
            "recipient": "partner-q",
            "purpose": "beta.two",
            "flags": frozenset({"beneficiary_rsa"}),
            "authorisation": authorisation(basis="public_task", state="active", explicit=frozenset()),
            **changes,
        }
    )
