"""The policy file is the one of C2SP tlog-policy."""

import contextlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.cosignature import Cosigner
from audit.errors import PolicyInvalid
from audit.keys import Ed25519Signer, Vkey
from audit.policy import parse_policy

BASE = "gateway.example/log"
LOG = Ed25519Signer(BASE, b"\1" * 32).vkey
OTHER_LOG = Ed25519Signer("other.example/log", b"\2" * 32).vkey
X1, X2, X3, Y1, Y2, Y3 = (Cosigner(f"w{seed}.example", bytes([seed]) * 32).vkey for seed in range(10, 16))

EXAMPLE = f"""
log {LOG}

witness X1 {X1}
witness X2 {X2} https://x2.example/witness
  witness\tX3 {X3}
group X-witnesses 2 X1 X2 X3

witness Y1 {Y1}
witness Y2 {Y2}
witness Y3 {Y3}
\t# all of Y are run elsewhere
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""


def test_the_example_of_the_norm_asks_for_two_of_x_and_one_of_y():
    """All 64 sets of witnesses are judged as the norm's prose does."""
    policy = parse_policy(EXAMPLE)
    assert [str(log.vkey) for log in policy.logs] == [str(LOG)]
    assert policy.witnesses["X2"] == (X2, "https://x2.example/witness")
    everyone = (X1, X2, X3, Y1, Y2, Y3)
    for count in range(7):
        for some in itertools.combinations(everyone, count):
            enough = len(set(some) & {X1, X2, X3}) >= 2 and bool(set(some) & {Y1, Y2, Y3})
            assert policy.satisfied(set(some)) is enough


def test_a_quorum_may_be_none_or_one_witness():
    """`none` asks for no cosignature; the name of a witness asks for this one."""
    assert parse_policy("quorum none\n").satisfied(set())
    one = parse_policy(f"witness W {X1}\nquorum W\n")
    assert not one.satisfied({X2})
    assert one.satisfied({X1})


def test_a_log_line_stands_for_its_yearly_shards():
    """The key is the same under the shard's name; nothing else that begins alike is meant."""
    policy = parse_policy(f"log {LOG}\nlog {OTHER_LOG}\nquorum none\n")
    assert policy.vkeys(BASE) == (LOG,)
    assert policy.vkeys(f"{BASE}/2026") == (Vkey(f"{BASE}/2026", LOG.public),)
    for stranger in (
        f"{BASE}2026",
        f"{BASE}/2026/receipt",
        f"{BASE}/26",
        f"{BASE}/2026\n",
        "gateway.example",
        BASE + "/\uff12\uff10\uff12\uff16",
    ):
        assert policy.vkeys(stranger) == ()


def test_two_keys_of_one_log_or_witness_may_be_listed():
    """That is how a key is replaced: both are believed for a while."""
    newer = Ed25519Signer(BASE, b"\3" * 32).vkey
    policy = parse_policy(
        f"log {LOG}\nlog {newer}\nwitness old {X1}\nwitness new {X2}\ngroup X any old new\nquorum X\n"
    )
    assert policy.vkeys(BASE) == (LOG, newer)
    assert policy.satisfied({X1})
    assert policy.satisfied({X2})


def test_names_are_octets():
    """A Kelvin sign is not a K, and octets that are no UTF-8 are names all the same."""
    policy = parse_policy(
        f"witness K {X1}\nwitness \u212a {X2}\n".encode() + b"witness \xff " + f"{X3}\nquorum K\n".encode()
    )
    assert len(policy.witnesses) == 3
    assert not policy.satisfied({X2, X3})


def renamed(vkey: Vkey, name: str) -> Vkey:
    return type(vkey)(name, vkey.public)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "end"),
        ("quorum none", "end"),
        ("\n", "no quorum"),
        ("quorum none\nquorum none\n", "line 2.*one quorum"),
        ("quorum\n", "one quorum"),
        ("quorum X\n", "no line before"),
        (f"quorum X\nwitness X {X1}\n", "line 1.*no line before"),
        ("quorum none\r\n", "control"),
        ("# \x7f\nquorum none\n", "control"),
        ("witnesses none\n", "none of"),
        ("Quorum none\n", "none of"),
        ("log\n", "must be: log"),
        (f"log {LOG} https://a https://b\n", "must be: log"),
        (f"log {X1}\n", "kind"),
        (f"log {LOG}\nlog {renamed(LOG, 'gateway.example/log/2026')}\n", "line 2.*already"),
        (f"witness {X1}\n", "must be: witness"),
        (f"witness none {X1}\n", "taken"),
        (f"witness X {X1}\nwitness X {X2}\n", "taken"),
        (f"witness X {X1}\nwitness Y {renamed(X1, 'other.example')}\n", "already"),
        (f"witness X {LOG}\n", "kind"),
        (f"witness X {str(X1).replace('+', '++', 1)}\n", "key"),
        (f"witness X {X1}\ngroup G any\n", "must be: group"),
        (f"witness X {X1}\ngroup X any X\n", "taken"),
        (f"witness X {X1}\ngroup G some X\n", "number"),
        (f"witness X {X1}\ngroup G 0 X\n", "number"),
        (f"witness X {X1}\ngroup G 01 X\n", "number"),
        (f"witness X {X1}\ngroup G 2 X\n", "number"),
        (f"witness X {X1}\ngroup G 2 X X\n", "already"),
        (f"witness X {X1}\ngroup G any X\ngroup H any X\n", "already"),
        (f"witness X {X1}\ngroup G any none\n", "no line before"),
        ("group G any G\n", "no line before"),
        ("x" * 300_000 + "\n", "long"),
    ],
)
def test_refuses_what_the_norm_does_not_allow(text, reason):
    """A policy half understood would believe too much."""
    with pytest.raises(PolicyInvalid, match=reason):
        parse_policy(text)


def test_thirty_two_of_each_and_a_deep_nest_are_read():
    """The norm recommends 32 of each; groups may nest as deep as the file allows."""
    lines = [f"log {Ed25519Signer(f'log-{n}.example', bytes([n]) * 32).vkey}" for n in range(1, 33)]
    keys = [Cosigner(f"w-{n}.example", bytes([n, 1]) * 16).vkey for n in range(1, 33)]
    lines += [f"witness w{n} {key}" for n, key in enumerate(keys)]
    lines += ["group g0 any w0", *(f"group g{n} all g{n - 1}" for n in range(1, 5000)), "quorum g4999"]
    policy = parse_policy("\n".join(lines) + "\n")
    assert (len(policy.logs), len(policy.witnesses)) == (32, 32)
    assert policy.satisfied({keys[0]})
    assert not policy.satisfied(set(keys[1:]))


@given(st.one_of(st.text(), st.binary()))
def test_rubbish_is_refused_by_name(data):
    """No other exception than ours."""
    with contextlib.suppress(PolicyInvalid):
        parse_policy(data)


words = st.sampled_from(
    ["log", "witness", "group", "quorum", "none", "any", "all", "1", "2", "A", "B", str(LOG), str(X1), str(X2)]
)


@given(st.lists(st.lists(words, max_size=5).map(" ".join)).map(lambda lines: "\n".join(lines) + "\n"))
def test_words_in_any_order_make_a_sound_policy_or_none(text):
    """What is read never asks for more than all witnesses can give."""
    try:
        policy = parse_policy(text)
    except PolicyInvalid:
        return
    assert policy.satisfied({witness.vkey for witness in policy.witnesses.values()})
