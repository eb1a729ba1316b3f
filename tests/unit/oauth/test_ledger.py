"""What the journal holds about tokens: one entry for each that is given, and no way for strangers to fill it."""

import asyncio

import pytest
import sqlalchemy as sa

from audit.batch import Docket, Draft, Ruling
from audit.events import check
from gateway.oauth import models
from gateway.oauth.challenges import BearerInvalid
from gateway.oauth.errors import FAULT_TEXTS, REFUSALS, TOKEN_REFUSALS
from gateway.oauth.gate import TokenGate
from gateway.oauth.revocation import token_name
from tests.unit.oauth.world import actor_of


async def test_a_token_is_written_down_before_it_leaves(world_on_each_engine):
    """Who, for whom, for what, bound to what, until when; the token by a digest."""
    world = world_on_each_engine
    token = await world.person_token(scope="data:rsa data:c2s")
    claims = world.read(token)[1]
    [entry] = await world.entries()
    expected = {
        "type": "token.issued", "org": "ml-brume", "token": token_name(claims["jti"]), "grant": "token_exchange",
        "scopes": ["data:c2s", "data:rsa"], "binding": "bearer", "until": claims["exp"] * 1000,
        "actor": actor_of("ml-brume", "agent-42"),
    }  # fmt: skip
    assert {name: entry[name] for name in expected} == expected
    assert not {"Kermorvan", "Maëlle", "agent-42", claims["jti"]} & set(map(str, entry.values()))


async def test_a_bound_token_is_written_down_as_such(world):
    """By key."""
    await world.bound_token()
    assert [entry["binding"] for entry in await world.entries()] == ["dpop"]


async def test_a_token_costs_one_commit(world):
    """The entry uses up assertion, subject token and proof: no transaction of their own."""
    await world.server.partners.get("ml-brume", world.now)
    commits = []
    sa.event.listen(world.database._engine, "commit", commits.append)
    answer = await world.post(world.exchange_form(), headers={"DPoP": world.proof()})
    assert answer.status_code == 200
    assert len(commits) == 1
    assert await world.used() == 3


async def test_no_entry_no_token(world):
    """When the journal does not say that it is durable, nothing leaves; the assertion can be sent again."""
    form = world.form()
    await world.database.write(lambda c: c.execute(sa.text("ALTER TABLE audit_entry RENAME TO gone")))
    answer = await world.post(form)
    assert answer.status_code == 503
    assert "access_token" not in answer.text
    await world.database.write(lambda c: c.execute(sa.text("ALTER TABLE gone RENAME TO audit_entry")))
    assert (await world.post(form)).status_code == 200


async def test_of_the_same_assertion_at_the_same_moment_one_is_written(world_on_each_engine):
    """In one batch too: one token, one entry, the others are replays and are counted."""
    world = world_on_each_engine
    form = world.form()
    answers = await asyncio.gather(*(world.post(form) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 7
    assert [entry["type"] for entry in await world.entries()] == ["token.issued"]
    await world.server.ledger.settle(world.now)
    assert (await world.entries())[-1]["counts"] == {"client_assertion_replayed": 7}


async def test_a_refusal_of_a_client_that_proved_itself_is_an_entry(world):
    """Which uses up its assertion."""
    form = world.form(scope="data:rqth")
    world.refused(await world.post(form), "invalid_scope", "scope")
    [entry] = await world.entries()
    assert (entry["type"], entry["org"], entry["endpoint"], entry["reason"]) == (
        "token.refused", "ml-brume", "token", "scope"
    )  # fmt: skip
    world.refused(await world.post(form), "invalid_client", "client_assertion.replayed")
    assert len(await world.entries()) == 1


async def test_strangers_cannot_fill_the_journal(world):
    """Forged, expired, replayed, malformed, by the thousand: one entry a minute with counts."""
    old = world.assertion(exp=world.seconds - 1)
    for _ in range(100):
        await world.post(world.form(client_assertion=old))  # signed well, once: whoever captured it may send it
        await world.post(world.form(client_assertion=world.assertion(key=world.keys["siae"].private)))
        await world.post("%")
    assert await world.entries() == []
    started, world.now = world.now, world.now + 60_000
    await world.server.ledger.settle(world.now)
    await world.server.ledger.settle(world.now)
    [entry] = await world.entries()
    assert entry["counts"] == {"client_assertion_expired": 100, "client_assertion_signature": 100, "form": 100}
    assert (entry["since"], entry["until"]) == (started, world.now)


def test_every_reason_fits_into_the_journal():
    """Codes of our own tables, so a closed list; each in the form of an entry."""
    faults = [f"{parameter}.{fault}" for parameter in TOKEN_REFUSALS for fault in FAULT_TEXTS]
    for detail in (*REFUSALS, *faults):
        reason = detail.replace(".", "_")
        check("token.refused", {"org": "ml-brume", "endpoint": "token", "reason": reason})
        check("token.noise", {"since": 10**12, "until": 10**12, "counts": {reason: 1}})


async def test_the_gate_passes_on_what_is_not_about_tokens():
    """Entries about people go to the next gate, with its stamps and what it has to write."""
    seen = []

    def then(_connection, drafts):
        seen.append(list(drafts))
        return Ruling([{"subject": "0" * 32} for _ in drafts], moved=("statement", {}))

    gate = TokenGate(then, clock=lambda: 0)
    gate._behind = False
    drafts = Docket([Draft(type="exchange.decided", members={}, time=0, token=None)], alone=True)
    ruling = gate(None, drafts)
    assert (list(ruling), ruling.moved, seen) == ([{"subject": "0" * 32}], ("statement", {}), [list(drafts)])


async def test_a_client_that_was_suspended_meanwhile_gets_no_token(world):
    """By a process that has not read its registration anew: the journal knows."""
    from gateway.oauth.revocation import end_of_partner

    ending = end_of_partner("ml-brume", world.now)
    await world.database.write(lambda connection: ending.write(connection, 0))
    world.refused(await world.post(world.form()), "invalid_request", "ended")
    with pytest.raises(BearerInvalid):
        await world.caller(await _signed_before(world))


async def _signed_before(world):
    from gateway.oauth import tokens

    issued = tokens.issue(
        world.server, client_id="ml-brume", scopes=["data:rsa"], delegation=None, now=world.now - 1_000
    )
    return issued.jwt


def test_there_is_one_row_per_ending():
    """Its name is the key."""
    assert [column.name for column in models.revoked.primary_key] == ["what"]


async def test_used_ids_are_forgotten_by_the_round_of_the_minute(world):
    """Tokens are given without anybody claiming an id: the round sweeps behind them."""
    for _ in range(3):
        await world.token()
    world.now += 60_000 + 120_001
    await world.token()
    await world.server.ledger.settle(world.now)
    assert await world.used() == 1
