"""Witnesses that know better than we do: a restored backup, another history, and evidence that is none."""

import pytest
from starlette.responses import PlainTextResponse, Response

from audit.checkpoint import Checkpoint, sign_note
from audit.errors import LogContradicted, ReleaseStopped
from audit.keys import Ed25519Signer
from audit.models import metadata
from gateway.database import open_database
from gateway.witnesses import MAX_ANSWER
from tests.unit.audit.conftest import BASE, NOW, ORIGIN, linked, make_log
from tests.unit.audit.neighbours import LOG, SIZE, Ours, always, policy_of


async def test_a_restored_backup_is_caught_at_start(restored, caplog):
    """Before anything is signed: the witnesses show our own signature on a larger head."""
    await restored.witnessing.compare()
    assert set(restored.codes().values()) == {"log_contradicted"}
    assert {type(error) for error in restored.held} == {LogContradicted}
    assert "log_contradicted" in caplog.text
    with pytest.raises(LogContradicted):
        await restored.publisher.publish_once(NOW)


async def test_on_hold_no_data_leaves_but_everything_is_written(restored):
    """Withdrawals must not wait for the operator; releases must."""
    await restored.witnessing.compare()
    async with restored.log.journal() as journal:
        journal.hold(restored.held[0])
        assert await journal.append(linked())
        with pytest.raises(ReleaseStopped, match="contradicted"):
            await journal.append(linked(release=True))


async def test_a_restored_backup_is_caught_when_it_asks(restored, three):
    """Witnesses that show nothing at start answer 409 with a larger size to the first question."""
    for one in three:
        one.get = always(lambda: PlainTextResponse("", 405))
    await restored.witnessing.compare()
    assert not restored.held
    assert set((await restored.ask()).values()) == {"contradiction_claimed"}
    assert len(restored.held) == 1


async def test_a_restored_backup_that_grew_past_the_witnesses_is_caught(restored, three):
    """Its head is larger than theirs, but does not continue it: they answer 422 and show why."""
    for key in ("w0.example", "w1.example", "w2.example"):
        restored.witnessing._sizes[key, ORIGIN] = 0  # as if started while nobody could be reached
    await restored.grow(9)
    assert set((await restored.ask()).values()) == {"log_contradicted"}
    assert restored.held


async def test_an_empty_log_under_the_old_key_is_caught(three, sqlite_log, client, tmp_path):
    """Everything lost but the keys: the witnesses remember."""
    before = Ours(sqlite_log, client, policy_of(three, 2))
    await before.grow(3)
    await before.ask()
    (tmp_path / "new").mkdir()
    async with open_database(f"sqlite:///{tmp_path}/new/journal.db") as database:
        await database.write(metadata.create_all)
        ours = Ours(make_log(database, tmp_path / "new"), client, policy_of(three, 2))
        await ours.witnessing.compare()  # nothing to compare with yet
        assert not ours.held
        async with ours.log.journal():
            await ours.witnessing.compare()
        assert ours.held


async def test_the_same_size_with_another_root_is_a_contradiction(restored):
    """Two of us, or a tail replaced: as many entries, not the same."""
    await restored.grow(3)
    await restored.witnessing.compare()
    assert restored.held


@pytest.mark.parametrize(("needed", "held"), [(2, False), (1, True)])
async def test_one_liar_cannot_stop_us_unless_he_is_a_quorum(sqlite_log, three, client, needed, held):
    """A larger size without our signature to show counts as its author does."""
    ours = Ours(sqlite_log, client, policy_of(three, needed))
    three[1].post = always(lambda: Response("999\n", 409, headers=SIZE))
    await ours.grow(3)
    assert await ours.ask() == {"w0.example": "ok", "w1.example": "contradiction_claimed", "w2.example": "ok"}
    assert bool(ours.held) is held


@pytest.mark.parametrize(
    "shown",
    [
        lambda: PlainTextResponse(
            sign_note(Checkpoint(ORIGIN, 99, b"\0" * 32).text(), Ed25519Signer(ORIGIN, b"\7" * 32))
        ),
        lambda: PlainTextResponse(sign_note(Checkpoint(f"{BASE}/2025", 99, b"\0" * 32).text(), LOG)),
        lambda: Response(b"\xff"),
        lambda: PlainTextResponse("x" * (MAX_ANSWER + 1)),
    ],
    ids=["another key", "another log", "rubbish", "oversize"],
)
async def test_evidence_that_does_not_hold_is_none(sqlite_log, three, client, shown):
    """Only our own signature under this origin proves anything."""
    ours = Ours(sqlite_log, client, policy_of(three, 2))
    await ours.grow(3)
    three[1].get = always(shown)
    await ours.witnessing.compare()
    assert ours.codes()["w1.example"] in {"witness_answer_invalid", "witness_unavailable"}
    assert not ours.held
