"""Being a witness as C2SP tlog-witness asks, on both engines."""

import asyncio
import base64
import contextlib
import hashlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError
from tlog_scales.signing import Vkey as OtherVkey
from tlog_scales.signing import VkeySet
from tlog_scales.tlog import Checkpoint as OtherCheckpoint

from audit import merkle
from audit.checkpoint import Checkpoint, sign_note
from audit.cosignature import Cosigner, cosigned
from audit.errors import (
    Inconsistent,
    LogKeyMissing,
    LogUnknown,
    NoteInvalid,
    SizeConflict,
    SubmissionMalformed,
    SubmissionRefused,
)
from audit.keys import Ed25519Signer
from audit.models import audit_witnessed, metadata
from audit.policy import parse_policy
from audit.witness import Witness, log_id
from gateway.database import Database, open_database

NOW = 1_790_000_000_000
BASE = "other.example/log"
ORIGIN = f"{BASE}/2026"
LOG = Ed25519Signer(ORIGIN, b"\1" * 32)
BASE_VKEY = Ed25519Signer(BASE, b"\1" * 32).vkey
NEWER = Ed25519Signer(ORIGIN, b"\2" * 32)
KEY = Cosigner("witness.example/w1", b"\3" * 32)
NEXT_KEY = Cosigner("witness.example/w2", b"\4" * 32)
POLICY = f"log {BASE_VKEY}\nquorum none\n"

LEAVES = [merkle.leaf_hash(bytes([n])) for n in range(40)]
FORK = [*LEAVES[:5], *(merkle.leaf_hash(b"forked" + bytes([n])) for n in range(5, 40))]


def signed(size: int, *, leaves=LEAVES, signers=(LOG,), origin=ORIGIN) -> str:
    return sign_note(Checkpoint(origin, size, merkle.root(leaves[:size])).text(), *signers)


def path(old: int, new: int, leaves=LEAVES) -> list[bytes]:
    def node(level: int, index: int) -> bytes:
        return merkle.root(leaves[index << level : (index + 1) << level])

    return merkle.consistency_path(old, new, node) if 0 < old < new else []


def body(old: int, new: int, *, leaves=LEAVES, proof=None, note=None) -> bytes:
    hashes = path(old, new, leaves) if proof is None else proof
    lines = [f"old {old}", *(base64.b64encode(one).decode() for one in hashes), "", ""]
    return ("\n".join(lines) + (note or signed(new, leaves=leaves))).encode()


def witness(database: Database, *, policy=POLICY, cosigners=(KEY,)) -> Witness:
    return Witness(database, policy=parse_policy(policy), cosigners=lambda: cosigners)


@pytest.fixture
async def tables(database: Database) -> Database:
    await database.write(metadata.create_all)
    return database


@pytest.fixture
async def one(tables: Database) -> Witness:
    return witness(tables)


async def test_cosigns_a_log_that_grows_and_remembers_it(one):
    """First contact needs no proof; then each head must continue the one before; monitors see the newest."""
    for old, new in ((0, 3), (3, 3), (3, 4), (4, 37)):
        lines = await one.add_checkpoint(body(old, new), now=NOW + new * 1000)
        assert cosigned(signed(new) + lines, [KEY.vkey]) == {KEY.vkey: NOW // 1000 + new}
    assert await one.checkpoint(hashlib.sha256(ORIGIN.encode()).hexdigest()) == signed(37) + lines


async def test_an_independent_reader_accepts_what_monitors_are_given(one):
    """tlog-scales verifies the log's signature and our cosignature, and that the proof sent was one."""
    await one.add_checkpoint(body(0, 7), now=NOW)
    other = OtherCheckpoint.from_text(await one.checkpoint(log_id(ORIGIN)))
    keys = VkeySet(*(OtherVkey.from_string(str(key)) for key in (LOG.vkey, KEY.vkey)))
    assert len(keys.verify(other.signatures, other)) == 2


async def test_nothing_is_shown_before_it_was_cosigned(one):
    """The norm: 404 for a log never cosigned, even a known one."""
    with pytest.raises(LogUnknown):
        await one.checkpoint(log_id(ORIGIN))


async def test_two_keys_sign_while_one_replaces_the_other(tables):
    """One line for each; policies may list both."""
    both = witness(tables, cosigners=(KEY, NEXT_KEY))
    lines = await both.add_checkpoint(body(0, 3), now=NOW)
    assert set(cosigned(signed(3) + lines, [KEY.vkey, NEXT_KEY.vkey])) == {KEY.vkey, NEXT_KEY.vkey}


async def test_a_log_may_change_its_key_while_both_are_listed(tables):
    """One trusted signature is enough; a line in a trusted name that does not hold refuses all."""
    both = witness(tables, policy=f"log {BASE_VKEY}\nlog {NEWER.vkey}\nquorum none\n")
    await both.add_checkpoint(body(0, 3, note=signed(3, signers=(NEWER, LOG))), now=NOW)
    assert str(await both.checkpoint(log_id(ORIGIN))).count("\n— other.example") == 2
    with pytest.raises(LogKeyMissing):
        await both.add_checkpoint(
            body(3, 4, note=signed(4, signers=(LOG,)) + signed(3, signers=(NEWER,)).split("\n\n")[1]), now=NOW
        )


async def test_each_shard_is_a_log_of_its_own(one):
    """The years of one base name begin at nothing, and go on separately."""
    await one.add_checkpoint(body(0, 9), now=NOW)
    later = Ed25519Signer(f"{BASE}/2027", b"\1" * 32)
    note = signed(2, signers=(later,), origin=later.name)
    await one.add_checkpoint(body(0, 2, note=note), now=NOW)
    await one.add_checkpoint(body(9, 10), now=NOW)
    assert (await one.checkpoint(log_id(later.name))).startswith(note)


async def test_what_is_kept_leaves_out_the_lines_of_strangers(one):
    """Only signatures that were verified are passed on, each once."""
    note = signed(3) + signed(3).split("\n\n")[1] + Cosigner("stranger.example", b"\5" * 32).cosign("x\n", 1)
    lines = await one.add_checkpoint(body(0, 3, note=note), now=NOW)
    assert await one.checkpoint(log_id(ORIGIN)) == signed(3) + lines


STRANGER = Ed25519Signer("stranger.example/log", b"\1" * 32)
FALSE = Ed25519Signer(ORIGIN, b"\7" * 32)


@pytest.mark.parametrize(
    ("submitted", "refused"),
    [
        (body(0, 3, note=signed(3, signers=(STRANGER,), origin=STRANGER.name)), LogUnknown),
        (body(0, 3, note=signed(3, signers=(FALSE,))), LogKeyMissing),
        (body(0, 3, note=signed(3).replace("\n3\n", "\n4\n")), LogKeyMissing),
        (body(4, 3), SubmissionMalformed),
        (body(3, 7), SizeConflict),
        (body(0, 3, proof=[b"\0" * 32]), Inconsistent),
        (body(0, 0, note=sign_note(Checkpoint(ORIGIN, 0, b"\0" * 32).text(), LOG)), Inconsistent),
    ],
    ids=["unknown", "false key", "altered", "old above", "first", "proof for nothing", "empty tree"],
)
async def test_refuses_a_first_head_by_the_reason_of_the_norm(one, submitted, refused):
    """404, 403, 400, 409, 422; and nothing is remembered."""
    with pytest.raises(refused):
        await one.add_checkpoint(submitted, now=NOW)
    await one.add_checkpoint(body(0, 5), now=NOW)


async def test_an_empty_log_is_cosigned(one):
    """Size zero, with the root of nothing, is a head like another."""
    for _ in range(2):
        assert await one.add_checkpoint(body(0, 0), now=NOW)
    assert await one.add_checkpoint(body(0, 3), now=NOW)


@pytest.mark.parametrize(
    "submitted",
    [
        body(7, 9, leaves=FORK),
        body(7, 7, leaves=FORK),
        body(7, 9, proof=[]),
        body(7, 9, proof=path(7, 9)[::-1]),
        body(7, 7, proof=[b"\0" * 32]),
    ],
    ids=["forked", "other root", "no proof", "reversed", "proof for itself"],
)
async def test_refuses_what_does_not_continue_the_last_head(one, submitted):
    """The newest cosigned head stays, as the monitor sees."""
    await one.add_checkpoint(body(0, 7), now=NOW)
    before = await one.checkpoint(log_id(ORIGIN))
    with pytest.raises(Inconsistent):
        await one.add_checkpoint(submitted, now=NOW)
    assert await one.checkpoint(log_id(ORIGIN)) == before


@pytest.mark.parametrize("old", [0, 3, 8])
async def test_tells_the_size_it_holds(one, old):
    """Whoever starts from another size, smaller or larger, is told the right one."""
    await one.add_checkpoint(body(0, 7), now=NOW)
    with pytest.raises(SizeConflict) as conflict:
        await one.add_checkpoint(body(old, 9), now=NOW)
    assert conflict.value.size == 7


GOOD = body(0, 7).decode()


@pytest.mark.parametrize(
    "submitted",
    [
        b"",
        b"\xff" + GOOD.encode(),
        b"old 0\n\n",
        GOOD.replace("old 0", "old 00").encode(),
        GOOD.replace("old 0", "old -1").encode(),
        GOOD.replace("old 0", "Old 0").encode(),
        GOOD.replace("old 0\n", "old 0\nAAAA\n").encode(),
        GOOD.replace("old 0\n", "old 0\n" + "!" * 44 + "\n").encode(),
        GOOD.replace("old 0\n", "old 0\n" + base64.b64encode(bytes(32)).decode().replace("A=", "B=") + "\n").encode(),
        GOOD.replace("old 0\n", "old 0\n" + f"{base64.b64encode(bytes(32)).decode()}\n" * 64).encode(),
        GOOD.replace("old 0\n\n", "old 0\n").encode(),
        GOOD.replace("\n", "\r\n").encode(),
        body(0, 7, note=sign_note(f"{ORIGIN}\n{2**63}\n{base64.b64encode(bytes(32)).decode()}\n", LOG)),
    ],
)
async def test_refuses_a_body_that_is_not_of_the_norm(one, submitted):
    """Each is malformed, whoever sends it."""
    with pytest.raises(SubmissionMalformed):
        await one.add_checkpoint(submitted, now=NOW)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(st.one_of(st.binary(max_size=300), st.tuples(st.integers(0, len(GOOD)), st.binary(max_size=9))))
def test_rubbish_is_refused_by_name(tmp_path, rubbish):
    """Anything, and the right body with anything put into it: a refusal of ours, or the right body all the same."""
    data = (
        rubbish
        if isinstance(rubbish, bytes)
        else GOOD.encode()[: rubbish[0]] + rubbish[1] + GOOD.encode()[rubbish[0] :]
    )

    async def submit() -> None:
        async with open_database(f"sqlite:///{tmp_path}/witness.db") as database:
            await database.write(metadata.create_all)
            with contextlib.suppress(SubmissionRefused):
                lines = await witness(database).add_checkpoint(data, now=NOW)
                assert cosigned(signed(7) + lines, [KEY.vkey])

    asyncio.run(submit())


async def test_processes_that_race_never_cosign_two_heads_that_contradict_each_other(tables, database_url):
    """Many submissions of two histories at once, over two connections' worth of processes: one history is cosigned."""
    async with open_database(database_url) as second:
        witnesses = [witness(tables), witness(second)]
        for old, new in ((0, 6), (6, 20), (20, 40)):
            outcomes = await asyncio.gather(
                *(
                    one.add_checkpoint(body(old, new, leaves=leaves), now=NOW)
                    for _ in range(8)
                    for leaves in (LEAVES, FORK)
                    for one in witnesses
                ),
                return_exceptions=True,
            )
            assert {type(outcome) for outcome in outcomes} <= {str, SizeConflict, Inconsistent}
            given_lines = [outcome for outcome in outcomes if isinstance(outcome, str)]
            winners = [
                leaves
                for leaves in (LEAVES, FORK)
                if any(cosigned_or_not(signed(new, leaves=leaves) + lines) for lines in given_lines)
            ]
            assert len(winners) == 1
            assert (await witnesses[0].checkpoint(log_id(ORIGIN))).startswith(signed(new, leaves=winners[0]))


def cosigned_or_not(note: str) -> bool:
    try:
        return bool(cosigned(note, [KEY.vkey]))
    except NoteInvalid:  # the line is of the other history
        return False


async def test_the_table_cannot_forget(tables):
    """A guard against slips: a smaller size, another root of the same size, or removal are refused by the database."""
    one = witness(tables)
    await one.add_checkpoint(body(0, 7), now=NOW)
    for change in (
        audit_witnessed.update().values(size=6),
        audit_witnessed.update().values(root=b"\0" * 32),
        audit_witnessed.delete(),
    ):
        with pytest.raises(IntegrityError):
            await tables.write(lambda connection, change=change: connection.execute(change))
    assert (await one.checkpoint(log_id(ORIGIN))).startswith(signed(7))
