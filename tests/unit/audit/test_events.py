"""The vocabulary is closed: nothing of a person fits into any member of any entry."""

from enum import StrEnum

import pytest

from audit import forms
from audit.errors import EntryInvalid
from audit.events import EVENTS, check, check_entry, check_subject

ID, TAG, DIGEST = "0123456789abcdef" * 2, "f" * 32, "c" * 64
TIME = 1_790_000_000_000

AUTHORISATION = {
    "authorisation": ID, "org": "ml-brume", "purpose": "support.youth", "basis": "consent", "epoch": 3,
    "siret": "13002526500013", "fields": ["rsa.since"], "explicit": ["rqth.valid"], "sources": ["caf-brume"],
    "actor": TAG, "by": "subject", "channel": "page", "lang": "fr", "notice": DIGEST, "catalogue": DIGEST,
    "valid_from": TIME, "valid_until": TIME, "max_uses": 3, "replaces": ID, "reason": "moved_away",
    "reference": "SAN-2026-012", "grounds": DIGEST, "cosigner": TAG, "witness": TAG, "evidence": DIGEST,
    "confirmed": TIME, "record": DIGEST, "mandate": ID, "capacity": "guardian", "due": TIME,
}  # fmt: skip

SAMPLES = {
    "log.created": {
        "origin": "journal.example/2027", "previous": "journal.example/2026", "previous_size": 3,
        "previous_root": "A" * 43 + "=",
    },
    "log.pruned": {
        "origin": "journal.example/2026", "minimum": 512, "months": 36, "whole": True,
        "justification": "internal_control",
    },
    "erasure.requested": {"erasure": ID, "bound": "a" * 43},
    "erasure.approved": {"erasure": ID, "key": "A" * 44, "signature": "A" * 86 + "==", "due": TIME},
    "erasure.cancelled": {"erasure": ID},
    "erasure.executed": {"erasure": ID, "forget_at": TIME},
    "erasure.forgotten": {"erasure": ID},
    "key.rotated": {
        "use": "log", "name": "journal.example", "key": "A" * 44, "former": "B" * 44, "by_former": "A" * 86 + "==",
        "by_key": "A" * 86 + "==",
    },
    "key.retired": {"use": "witness", "name": "journal.example/witness", "key": "A" * 44},
    "log.read": {
        "what": "bundles", "log": "journal.example/2026", "first": 0, "end": 65_536, "org": "ml-brume", "actor": TAG,
        "entries": 12, "digest": DIGEST, "by": "representative", "mandate": ID,
    },
    "gateway.frozen": {"on": True, "reason": "drill"},
    "catalogue.activated": {
        "catalogue": DIGEST, "previous": DIGEST, "exchanges": ["caf-inscription@1.2"], "widening": True, "by": "dpo",
        "org": "caf-brume", "actor": TAG,
    },
    "catalogue.approved": {
        "catalogue": DIGEST, "previous": DIGEST, "org": "caf-brume", "actor": TAG, "key": "A" * 44,
        "signature": "A" * 86 + "==",
    },
    "rights.staged": {"request": ID, "stage": "collected", "org": "caf-brume", "actor": TAG},
    "watch.judged": {"alert": ID, "rule": "volume", "verdict": "normal", "org": "caf-brume", "actor": TAG},
    "partner.registered": {
        "org": "ml-brume", "siret": "13002526500013", "scopes": ["exchanges:write", "support.youth"],
        "keys": ["A" * 43], "batches": ["nightly-orientation"], "binding": "mtls",
        "certificates": ["A" * 43], "redirects": ["A" * 43], "keys_at": "A" * 43,
    },
    "subject.linked": {"org": "ml-brume", "kinds": ["ft_number"], "actor": TAG, "epoch": 0},
    "subject.flagged": {
        "flag": "protected", "set": True, "org": "ml-brume", "actor": TAG, "epoch": 1, "reason": "court_order",
    },
    "rights.requested": {
        "request": ID, "right": "rectification", "due": TIME, "by": "subject", "channel": "counter", "actor": TAG,
        "org": "caf-brume", "fields": ["rsa.since"], "authorisation": ID, "reason": "accuracy_contested",
    },
    "rights.sent": {"request": ID, "right": "rectification", "org": "caf-brume"},
    "rights.extended": {"request": ID, "right": "access", "due": TIME, "reason": "complexity"},
    "rights.answered": {
        "request": ID, "right": "rectification", "outcome": "done", "reason": "accurate", "org": "caf-brume",
        "fields": ["rsa.since"], "informed": ["ml-brume"],
    },
    "signal.disabled": {"org": "ml-brume", "reason": "no_answer"},
    "contact.changed": {"preference": "sms", "ways": ["sms", "letter"], "by": "subject"},
    "mandate.recorded": {
        "mandate": ID, "capacity": "parent", "digest": DIGEST, "until": TIME, "purposes": ["support.youth"],
        "by": "professional", "actor": TAG, "witness": TAG,
    },
    "mandate.ended": {"mandate": ID, "by": "dpo", "actor": TAG},
    "key.scheduled": {"use": "token", "key": "a" * 43, "from": TIME, "exposed": ["b" * 43]},
    "partner.changed": {
        "org": "ml-brume", "what": "keys", "keys": ["a" * 43], "keys_at": "b" * 43, "scopes": ["data:rsa"],
        "status": "suspended", "binding": "mtls", "certificates": ["c" * 43],
    },
    "person.previewed": {
        "org": "ml-brume", "purpose": "support.youth", "authorisation": ID, "by": "subject", "catalogue": DIGEST,
        "sources": ["caf-brume"], "fields": ["rsa.since"], "mandate": ID,
    },
    "access.reported": {
        "report": ID, "org": "ml-brume", "entry": 41, "by": "representative", "reason": "not_asked", "mandate": ID,
    },
    "session.opened": {
        "session": ID, "provider": "proconnect", "role": "dpo", "acr": "eidas1-mfa", "strong": True, "actor": TAG,
        "org": "caf-brume", "line": ID, "first": True, "mandate": ID,
    },
    "session.closed": {
        "session": ID, "role": "beneficiary", "reason": "signed_out", "actor": TAG, "org": "caf-brume", "mandate": ID,
    },
    "signin.refused": {
        "provider": "franceconnect", "reason": "nonce", "acr": "eidas1", "role": "dpo", "actor": TAG,
        "org": "caf-brume",
    },
    "role.given": {"line": ID, "role": "dpo", "org": "caf-brume", "provider": "proconnect", "consortium": True},
    "role.removed": {"line": ID, "role": "operator", "org": "gi-brume"},
    "access.answered": {"report": ID, "org": "ml-brume", "actor": TAG},
    "console.viewed": {
        "actor": TAG, "view": "search", "org": "ml-brume", "filters": ["org", "person"], "lines": 50, "entry": 41,
    },
    "console.searched": {"actor": TAG, "by": "identity", "found": True, "org": "ml-brume", "case": "DOS-2026-12"},
    "token.issued": {
        "org": "ml-brume", "token": ID, "grant": "token_exchange", "scopes": ["data:rsa"], "binding": "dpop",
        "until": TIME, "actor": TAG, "through": ["dept-brume"], "parent": ID, "authorisation": ID,
    },
    "token.refused": {"org": "ml-brume", "endpoint": "token", "reason": "subject_token_expired"},
    "token.revoked": {"org": "ml-brume", "token": ID, "until": TIME, "actor": TAG},
    "token.noise": {"since": TIME, "until": TIME, "counts": {"client_assertion_signature": 41}},
    "exchange.decided": {
        "ref": ID, "org": "ml-brume", "siret": "13002526500013", "purpose": "support.youth", "sources": ["caf-brume"],
        "actor": "batch:nightly-orientation", "catalogue": DIGEST, "epoch": 3, "decision": "permit",
        "permits": {"ml-jeunes-ressources@1": ["rsa.since"]}, "denials": {"not_authorised": ["aah.since"]},
        "authorisation": ID, "basis": "consent",
    },
    "exchange.released": {
        "ref": ID, "org": "ml-brume", "purpose": "support.youth", "actor": TAG,
        "states": {"rsa": "released", "aah": "unavailable"}, "commits": {"rsa.since": "A" * 32},
        "transforms": {"household.address": "truncate:commune"}, "withheld": {"not_authorised": ["aah.since"]},
        "catalogue": DIGEST, "authorisation": ID, "basis": "consent",
    },
    "exchange.undelivered": {
        "ref": ID, "org": "ml-brume", "purpose": "support.youth", "reason": "epoch_changed",
        "states": {"rsa": "no_data"}, "actor": TAG, "epoch": 3, "catalogue": DIGEST,
    },
} | {name: AUTHORISATION for name in EVENTS if name.startswith("authorisation.")}  # fmt: skip

PERSONAL = [
    "Élodie Morvan", "Morvan", "MORVAN", "Le Goff", "Jean-Baptiste", "D'Arc", "o'connor", "élodie", "marie dupont",
    "2 85 05 35 238 048 14", "2850535238048", "285053523804814", "12345678901", "1234567/demandeur",
    "elodie.morvan@exemple.fr", "elodie@exemple", "06 12 34 56 78", "0612345678", "+33612345678", "1985-05-12",
    "3 rue des Lilas", "35000 RENNES", "35000", "n2850535238048", "ft-12345678901",
    "a_0612345678", "", " ", "n/a ?", "<b>", 'x"y', "a\nb", "a\u00a0b", "٣٥٠٠٠",
]  # fmt: skip
NUMBERS = [2850535238048, 285053523804814, 12345678901, 612345678901, -1, 1.5, None]


def test_every_type_has_a_sample_with_all_its_members():
    """The samples below are complete, so what is refused is refused everywhere."""
    assert {name: set(members) for name, members in SAMPLES.items()} == {
        name: set(event.members) for name, event in EVENTS.items()
    }


@pytest.mark.parametrize("name", EVENTS)
def test_a_complete_entry_is_accepted_and_again(name):
    """What is remembered of the first check does not change the second."""
    for _ in range(2):
        check(name, SAMPLES[name])
    tag = None if EVENTS[name].subject == "refused" else TAG
    entry = {"v": 1, "type": name, "id": ID, "time": TIME, **SAMPLES[name]} | ({"subject": tag} if tag else {})
    assert check_entry(entry)


def put(value: object, sample: object) -> list[object]:
    """Every way to put a value into a member: in its place, in its list, as its key, as its item."""
    ways: list[object] = [value]
    if isinstance(sample, list):
        ways += [[value], [*sample, value]]
    elif isinstance(sample, dict):
        key, item = next(iter(sample.items()))
        ways += [{key: value}, {**sample, str(value): item}]
        ways += [{key: [value]}, {key: [*item, value]}] if isinstance(item, list) else []
    return ways


@pytest.mark.parametrize("name", EVENTS)
def test_nothing_of_a_person_fits_into_any_member(name):
    """A name, a NIR, a number, a mail or postal address, a date of birth is refused wherever it is put."""
    for member, sample in SAMPLES[name].items():
        for value in [*PERSONAL, *NUMBERS, True, [["a"]], {"a": {}}, [{}]]:
            for changed in put(value, sample):
                if changed is True and sample is True:
                    continue
                if changed in ([], {}) or (
                    isinstance(changed, int) and changed is not True and 10**12 <= changed < 2**42
                ):
                    continue  # a time is a number as well
                with pytest.raises(EntryInvalid) as refused:
                    check(name, {**SAMPLES[name], member: changed})
                assert str(value) in {"", " ", "None", "True"} or str(value) not in str(refused.value)


@pytest.mark.parametrize("name", EVENTS)
def test_a_member_of_another_name_is_refused_without_repeating_it(name):
    """An unknown name may itself be personal data."""
    with pytest.raises(EntryInvalid) as refused:
        check(name, {**SAMPLES[name], "Morvan": "x"})
    assert "Morvan" not in str(refused.value)


@pytest.mark.parametrize("name", EVENTS)
def test_a_required_member_cannot_be_left_out(name):
    """An entry that says less than its type promises is no entry."""
    for member in EVENTS[name].required:
        with pytest.raises(EntryInvalid, match=member):
            check(name, {key: value for key, value in SAMPLES[name].items() if key != member})


def test_an_unknown_type_is_refused_when_written():
    """The vocabulary is extended in the code, with its checks, before it is used."""
    with pytest.raises(EntryInvalid):
        check("Morvan", {})


def test_words_of_an_enumeration_are_words():
    """Codes may come as members of a StrEnum."""

    class Reason(StrEnum):
        MOVED = "moved_away"

    check("exchange.undelivered", {**SAMPLES["exchange.undelivered"], "reason": Reason.MOVED})


def test_a_line_break_does_not_make_two_values_of_one():
    """Values that are checked together are still checked one by one."""
    double = "A" * 32 + "\n" + "A" * 32
    with pytest.raises(EntryInvalid):
        check("exchange.released", {**SAMPLES["exchange.released"], "commits": {"rsa.since": double}})


def test_a_list_says_nothing_twice():
    """The same field twice would be counted twice."""
    with pytest.raises(EntryInvalid):
        check("subject.linked", {"org": "ml-brume", "kinds": ["nir", "nir"]})


@pytest.mark.parametrize(
    ("name", "tag", "accepted"),
    [
        ("subject.linked", TAG, True),
        ("subject.linked", None, False),
        ("subject.linked", "Morvan", False),
        ("exchange.decided", None, True),
        ("exchange.decided", TAG, True),
        ("partner.registered", None, True),
        ("partner.registered", TAG, False),
    ],
)
def test_a_tag_stands_where_an_entry_is_about_a_person(name, tag, accepted):
    """A release without a tag would be missing from the person's own list."""
    if accepted:
        check_subject(name, tag)
    else:
        with pytest.raises(EntryInvalid):
            check_subject(name, tag)


ENTRY = {"v": 1, "type": "log.created", "id": ID, "time": TIME, **SAMPLES["log.created"]}


@pytest.mark.parametrize("change", [{"v": 2}, {"type": "log.unheard_of"}])
def test_readers_skip_what_they_do_not_know(change):
    """A newer log stays readable."""
    assert not check_entry(ENTRY | change)


@pytest.mark.parametrize(
    "change", [{"v": "1"}, {"type": 1}, {"id": "x"}, {"time": "now"}, {"time": 12}, {"origin": "É"}]
)
def test_readers_refuse_common_members_in_another_form(change):
    """Whatever its version, an entry has an id and a time."""
    with pytest.raises(EntryInvalid):
        check_entry(ENTRY | change)
    with pytest.raises(EntryInvalid):
        check_entry([ENTRY])


@pytest.mark.parametrize(
    "text", ["truncate:commune", "predicate:lt:800", "predicate:ge:2026-01-01", "mask:last:4", "clear"]
)
def test_obligations_of_the_catalogue_fit(text):
    """What policies write about a transformation can be logged as it is."""
    assert forms.obligation(text)


def test_memory_for_words_is_bounded(monkeypatch):
    """A flood of different words fills no memory."""
    monkeypatch.setattr(forms, "_REMEMBERED", 2)
    word = forms._Word("[a-z]+")
    assert all(word(text) for text in ("a", "b", "c", "c"))
    assert word._known == {"a", "b"}
