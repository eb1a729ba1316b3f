"""Witnesses of the earlier text of tlog-witness: another head of the same size is a conflict (409) to them, not 422."""

import pytest
from starlette.responses import PlainTextResponse, Response

from audit.errors import Inconsistent, LogContradicted, SizeConflict, SubmissionRefused
from tests.unit.audit.neighbours import CODES, SIZE


def older(one):
    """As that text has it: the size it holds, also where the sizes are the same and the roots are not."""

    async def post(body):
        try:
            return PlainTextResponse(await one.witness.add_checkpoint(body, now=one.now))
        except SizeConflict as conflict:
            return Response(f"{conflict.size}\n", 409, headers=SIZE)
        except Inconsistent:
            return Response(f"{body.split()[1].decode()}\n", 409, headers=SIZE)
        except SubmissionRefused as refused:
            return PlainTextResponse(refused.code, CODES[refused.code])

    return post


@pytest.mark.parametrize("form", [older, lambda one: one.honest], ids=["the earlier text", "the text of today"])
async def test_a_fork_of_the_same_size_is_caught(restored, three, form):
    """Seven entries were cosigned; a backup of four, grown to seven again, is another history."""
    for one in three:
        one.post = form(one)
    assert (await restored.grow(3)).size == 7
    assert set((await restored.ask()).values()) == {"log_contradicted"}
    assert {type(error) for error in restored.held} == {LogContradicted}


async def test_a_witness_that_is_told_more_meanwhile_claims_nothing(ours, three):
    """Another process had this very head cosigned between the two attempts: a conflict, and no contradiction."""
    checkpoint = await ours.grow(3)
    sizes = iter((2, checkpoint.size))

    async def raced(_):
        return Response(f"{next(sizes)}\n", 409, headers=SIZE)

    three[0].post = raced
    assert set((await ours.ask()).values()) == {"ok"}
    assert ours.held == []
