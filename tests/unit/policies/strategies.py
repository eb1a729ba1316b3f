"""Random catalogues that pass every check, and random facts about them, mostly near what permits."""

from typing import Any

from hypothesis import strategies as st

from policies.decision import Actor, Authorisation, Facts
from tests.unit.policies.factories import LEGAL_OBLIGATION, NOW, PUBLIC_TASK, SPECIAL, VOCABULARY, exchange

FLAGS = VOCABULARY["flags"]
World = tuple[list[dict[str, Any]], Facts]
RECIPIENTS = ("partner-p", "partner-q")
PURPOSES = ("alpha.one", "beta.two")
BASES = {
    "consent": [{"type": "consent", "ref": "RGPD"}],
    "public_task": PUBLIC_TASK,
    "legal_obligation": LEGAL_OBLIGATION,
}

_NEED = st.sampled_from(
    [
        {"state": ["not_protected_address"]},
        {"state": ["beneficiary_rsa"]},
        {"state": ["not_beneficiary_rsa", "not_protected_address"]},
        {"consent": "explicit"},
        {"consent": "explicit", "state": ["not_protected_address"]},
    ]
)
_BAND = st.sampled_from([20, 50, 100]).map(lambda step: {"release": "generalise", "to": "band", "step": step})
_QUESTION = st.sampled_from(["lt", "ge"]).map(lambda op: {"release": "predicate", "op": op, "value": 10})
_PLAIN = st.sampled_from([{"release": "clear"}] * 4 + [{"release": "never"}])
_MASK = st.integers(0, 4).map(lambda keep: {"release": "mask", "keep": keep})
_DATE = st.sampled_from(["month", "year"]).map(lambda part: {"release": "truncate", "to": part})
_DECADE = st.just({"release": "generalise", "to": "decade"})
_NAME = st.just({"release": "pseudonymise"})

RELEASES = {
    "d.a": st.one_of(_PLAIN, _BAND, _QUESTION, _NAME),
    "d.sure": _PLAIN,
    "d.on": st.one_of(_PLAIN, _DATE, _DECADE),
    "d.word": st.one_of(_PLAIN, _MASK, _NAME),
    "d.number": st.just({"release": "never"}),
    "m.note": st.one_of(_PLAIN, _MASK),
    "m.minutes": st.one_of(_PLAIN, _BAND),
    "e.c": st.one_of(_PLAIN, _MASK, _NAME),
    "e.address": st.one_of(_PLAIN, st.just({"release": "truncate", "to": "commune"})),
}
HELD = {
    "src-one": [name for name in RELEASES if name[0] in "dm"],
    "src-two": [name for name in RELEASES if name[0] == "e"],
}
NAMES = (*RELEASES, "s.b")

denials = st.builds(
    lambda fields, rest: {"fields": fields, **rest},
    st.sampled_from(["*", "d.*", "e.*", "m.*", "s.b", *RELEASES]),
    st.fixed_dictionaries(
        {},
        optional={
            "purpose": st.sampled_from([*PURPOSES, "alpha.*"]),
            "recipient": st.sampled_from(RECIPIENTS),
            "source": st.sampled_from(list(HELD)),
            "if": st.sampled_from(FLAGS).map(lambda flag: {"subject_flag": flag}),
        },
    ),
)


@st.composite
def releases(draw: st.DrawFn, source: str) -> dict[str, Any]:
    names = draw(st.lists(st.sampled_from(HELD[source]), min_size=1, max_size=5, unique=True))
    fields = {name: dict(draw(RELEASES[name])) for name in names}
    for field in fields.values():
        if draw(st.integers(0, 4)) == 0:
            field["needs"] = dict(draw(_NEED))
    if source == "src-one" and draw(st.booleans()):
        fields["s.b"] = draw(st.sampled_from([SPECIAL, {"release": "clear", "special": "9-2-b"}]))
    return fields


@st.composite
def exchanges(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Draw up to one exchange per (source, purpose), all of a purpose on one basis."""
    written = []
    for purpose in PURPOSES:
        basis = draw(st.sampled_from(list(BASES)))
        for source in HELD:
            if draw(st.integers(0, 3)) == 0:
                continue
            few = st.lists(st.sampled_from(RECIPIENTS), min_size=1, max_size=2, unique=True)
            written.append(
                exchange(
                    f"{source}-{purpose[:4]}",
                    source=source,
                    purpose=purpose,
                    recipient=draw(few),
                    bases=BASES[basis],
                    dpia="DPIA",
                    status=draw(st.sampled_from(["active"] * 6 + ["draft", "retired"])),
                    agents={
                        "roles": draw(st.sampled_from([["adviser"], ["adviser", "clerk"]])),
                        "auth": draw(st.sampled_from(["low", "substantial"])),
                        "batch": draw(st.sampled_from(["allowed", "refused"])),
                        "person": draw(st.sampled_from(["allowed", "refused"])),
                    },
                    subjects=draw(st.sampled_from([None, None, None, {"requires": ["beneficiary_rsa"]}])),
                    deny=[draw(denials)] if draw(st.integers(0, 4)) == 0 else None,
                    fields=draw(releases(source)),
                )
            )
    return written


def subset(names: Any) -> st.SearchStrategy[frozenset[str]]:
    """Draw part of the names, or all."""
    return st.one_of(st.just(frozenset(names)), st.frozensets(st.sampled_from(sorted(names))))


IDS = [f"{source}-{purpose[:4]}" for purpose in PURPOSES for source in HELD]
STATES = [
    "requested", "deferred", "lapsed", "refused", "given", "renewed", "paused", "withdrawn", "expired", "invalidated",
    "revoked", "superseded", "tombstoned", "active", "objection_lodged", "upheld", "odd",
]  # fmt: skip
floors = st.dictionaries(
    st.sampled_from(["d.a", "d.on", "e.c", "m.note"]),
    st.sampled_from(["generalise:band:100", "truncate:year", "mask:last:1", "pseudonymise", "never", "clear", "odd"]),
    min_size=1,
    max_size=2,
)


def _one(**values: st.SearchStrategy[Any]) -> list[st.SearchStrategy[tuple[str, Any]]]:
    return [st.tuples(st.just(name), strategy) for name, strategy in values.items()]


_HELD_CHANGES = st.one_of(
    _one(
        basis=st.sampled_from([*BASES, "odd"]),
        state=st.sampled_from(STATES),
        fields=subset(NAMES),
        explicit=subset(NAMES),
        valid_from=st.sampled_from([NOW, NOW + 1]),
        valid_until=st.sampled_from([NOW, NOW + 1]),
        max_uses=st.sampled_from([0, 1]),
        floors=floors,
    )
)
_CHANGES = st.one_of(
    _one(
        recipient=st.sampled_from([*RECIPIENTS, "src-one", "nobody"]),
        purpose=st.sampled_from([*PURPOSES, "hunting", "odd", ""]),
        fields=st.lists(st.sampled_from([*NAMES, "odd"]), max_size=6).map(tuple),
        now=st.sampled_from([0, NOW * 2]),
        actor=st.sampled_from(
            [
                None,
                Actor(kind="professional", role="clerk", assurance="high"),
                Actor(kind="professional", role="adviser", assurance="low"),
                Actor(kind="batch", role=None, assurance=None),
                Actor(kind="person", role=None, assurance=None),
            ]
        ),
        flags=st.one_of(st.none(), subset(FLAGS), st.just(frozenset({"odd"}))),
        authorisation=st.none(),
        uses=st.sampled_from([dict.fromkeys(IDS, 4), dict.fromkeys(IDS, 3), dict.fromkeys(IDS[:2], 0), {}]),
        switches=st.sampled_from([frozenset({"incident_freeze"}), frozenset({"odd"})]),
    )
)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[dict[str, Any]], Facts]:
    """Draw a catalogue's exchanges, and facts that ask one of them for everything, then at most two changes."""
    written = draw(exchanges())
    asked = draw(st.sampled_from(written)) if written else exchange("none")
    basis = asked["bases"][0]["type"]
    held: dict[str, Any] = {"basis": basis, "state": "given" if basis == "consent" else "active", "floors": {}}
    held |= {"fields": frozenset(NAMES), "explicit": frozenset(NAMES), "valid_from": 0, "valid_until": None}
    held |= {"id": "0" * 32, "max_uses": None, "uses": 0}
    held |= dict(draw(st.lists(_HELD_CHANGES, max_size=1)))
    content: dict[str, Any] = {
        "recipient": asked["recipient"][0],
        "purpose": asked["purpose"],
        "fields": NAMES,
        "now": NOW,
        "actor": Actor(kind="professional", role="adviser", assurance="substantial"),
        "flags": frozenset(draw(st.sampled_from([(), ("beneficiary_rsa",)]))),
        "authorisation": Authorisation(**held),
        "epoch": 1,
        "uses": dict.fromkeys(IDS, 0),
        "switches": frozenset(),
    }
    return written, Facts(**{**content, **dict(draw(st.lists(_CHANGES, max_size=1)))})
