"""RFC 7009: a client takes back its own tokens, and nothing else; on every process at once (test_processes.py)."""

import asyncio
from functools import partial

import pytest
import sqlalchemy as sa

from audit.batch import Draft
from audit.errors import StoreUnavailable
from gateway.oauth import models, revocation
from gateway.oauth.challenges import BearerInvalid
from gateway.oauth.ledger import Ledger
from gateway.oauth.revocation import RevokedTokens, TokenRef, end_of_partner, token_name
from tests.unit.oauth.world import actor_of, journal_of

HINTS = [..., "access_token", "refresh_token", "anything else"]


async def revoke(world, token, **changes):
    form = world.form(grant_type=..., scope=..., token=token, **changes)
    return await world.http.post("/oauth/revoke", data=form)


def other(world, **claims):
    return world.assertion(
        header={"kid": "siae"}, key=world.keys["siae"].private, iss="siae-brume", sub="siae-brume", **claims
    )


async def rows(world):
    return await world.database.read(lambda connection: connection.execute(sa.select(models.revoked)).all())


@pytest.mark.parametrize("hint", HINTS)
async def test_a_revoked_token_is_refused_at_once(world_on_each_engine, hint):
    """§2.1: whatever the hint says; the answer has no content and is stored nowhere."""
    world = world_on_each_engine
    token, kept = await world.token(), await world.token()
    assert await world.caller(token)
    answer = await revoke(world, token, token_type_hint=hint)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["cache-control"] == "no-store"
    with pytest.raises(BearerInvalid, match="revoked"):
        await world.caller(token)
    assert await world.caller(kept)


async def test_a_revocation_is_an_entry_and_its_row_points_at_it(world):
    """Both in one transaction; the token is named by a digest in both, and the professional by the journal's tag."""
    token = await world.person_token()
    await revoke(world, token)
    claims = world.read(token)[1]
    [entry] = await world.entries("token.revoked")
    assert entry["org"] == "ml-brume"
    assert entry["token"] == token_name(claims["jti"])
    assert entry["until"] == claims["exp"] * 1000
    assert entry["actor"] == actor_of("ml-brume", "agent-42")
    [row] = await rows(world)
    assert (row.what, row.until) == (entry["token"], entry["until"])


async def test_a_second_revocation_changes_nothing(world):
    """200 again, no second entry."""
    token = await world.token()
    answers = [await revoke(world, token) for _ in range(2)]
    answers += await asyncio.gather(*(revoke(world, token) for _ in range(3)))
    assert {answer.status_code for answer in answers} == {200}
    assert len(await world.entries("token.revoked")) == 1


async def test_what_is_no_token_of_the_client_gives_200_without_effect(world):
    """§2.2: unknown, forged, expired, somebody else's; the answer does not tell which."""
    foreign = await world.token()
    answer = await revoke(world, foreign, client_assertion=other(world))
    assert (answer.status_code, answer.content) == (200, b"")
    head, body, _ = foreign.split(".")
    for token in ("x", "é", "a.b.c", f"{head}.{body}.AAAA", world.assertion(), "😀" * 100):
        answer = await revoke(world, token)
        assert (answer.status_code, answer.content) == (200, b""), token
    assert await world.caller(foreign)
    world.now += 300_000
    assert (await revoke(world, foreign)).status_code == 200
    assert await rows(world) == []
    assert await world.entries("token.revoked") == []


async def test_a_professionals_token_is_revoked_by_the_partner_that_got_it_only(world):
    """§2.1: issued to the client that asks."""
    token = await world.person_token()
    await revoke(world, token, client_assertion=other(world))
    assert await world.caller(token)
    await revoke(world, token)
    with pytest.raises(BearerInvalid):
        await world.caller(token)


@pytest.mark.parametrize("kind", ["urn:ietf:params:oauth:token-type:id_token", "urn:ietf:params:oauth:token-type:jwt"])
async def test_a_kind_that_others_issue_is_not_supported(world, kind):
    """§2.2.1: unsupported_token_type, for a kind this server knows and cannot take back."""
    answer = await revoke(world, world.person(), token_type_hint=kind)
    assert answer.status_code == 400
    world.refused(answer, "unsupported_token_type", "token_type")


async def test_a_request_without_token_is_malformed(world):
    """§2.1: token is required."""
    answer = await world.http.post("/oauth/revoke", data=world.form(grant_type=..., scope=...))
    assert answer.status_code == 400
    world.refused(answer, "invalid_request", "token_missing")


@pytest.mark.parametrize(
    ("change", "status", "error", "detail"),
    [
        pytest.param({"client_assertion": ...}, 401, "invalid_client", "no_authentication", id="anonymous"),
        pytest.param({"client_assertion": "x.y.z"}, 401, "invalid_client", "client_assertion.form", id="forged"),
        pytest.param({"client_secret": "s"}, 400, "invalid_request", "two_methods", id="two methods"),
    ],
)
async def test_only_an_authenticated_client_revokes(world, change, status, error, detail):
    """§2.1: the client authenticates first; the token lives on."""
    token = await world.token()
    answer = await revoke(world, token, **change)
    assert answer.status_code == status
    world.refused(answer, error, detail)
    assert await world.caller(token)


async def test_an_assertion_revokes_once(world):
    """A captured request cannot be sent again."""
    token, assertion = await world.token(), world.assertion()
    assert (await revoke(world, token, client_assertion=assertion)).status_code == 200
    world.refused(await revoke(world, token, client_assertion=assertion), "invalid_client", "client_assertion.replayed")


async def test_if_the_journal_does_not_answer_nothing_is_said_to_be_revoked(world):
    """503: the client asks again; 200 would be a promise nobody keeps."""
    token = await world.token()
    await world.database.write(models.revoked.drop)
    answer = await revoke(world, token)
    assert answer.status_code == 503
    world.refused(answer, "temporarily_unavailable", "store")


async def test_if_nobody_can_tell_whether_a_token_is_revoked_it_is_not_accepted(world):
    """The API answers 503, never with data."""
    token = await world.token()
    await world.database.write(models.revoked.drop)
    with pytest.raises(StoreUnavailable):
        await world.caller(token)


async def test_revocations_are_forgotten_after_expiry(world):
    """A row outlives the token by more than clocks may differ, and then goes with the next round."""
    token = await world.token()
    await revoke(world, token)
    until = world.read(token)[1]["exp"] * 1000
    for late, left in ((revocation.KEPT_MS, 1), (revocation.KEPT_MS + 1, 0)):
        await world.database.write(partial(revocation.purge, now=until + late))
        assert len(await rows(world)) == left


async def test_a_suspended_partners_tokens_end_with_its_entry(world):
    """Not after five seconds: the ending is written with the entry, and names everything issued until then."""
    token = await world.token()
    ending = end_of_partner("ml-brume", world.now)
    await world.journal.append(
        Draft(
            type="partner.changed", members={"org": "ml-brume", "what": "status", "status": "suspended"},
            time=world.now, guard=ending, change=ending.write,
        )
    )  # fmt: skip
    with pytest.raises(BearerInvalid, match="revoked"):
        await world.caller(token)
    world.refused(await world.post(world.form()), "invalid_request", "ended")  # by a process that knows nothing yet
    world.now += 6_000
    assert await world.caller(await world.token())


async def ask(journal, world, token):
    """An entry asked with this token, as an exchange appends it."""
    members = {"org": "ml-brume", "endpoint": "token", "reason": "tried"}
    await journal.append(Draft(type="token.refused", members=members, time=world.now, token=token))


async def test_the_journal_refuses_what_is_asked_with_a_revoked_token(world_on_each_engine):
    """Whatever waits beside the revocation, which goes first, what comes after it, and what another process writes."""
    world = world_on_each_engine
    elsewhere = journal_of(world.database, clock=lambda: world.now)
    await elsewhere.start()
    jwt = await world.token()
    token = (await world.caller(jwt)).token
    for journal in (world.journal, elsewhere):
        await ask(journal, world, token)
    ledger = Ledger(world.journal, world.database, tag=actor_of)
    end = partial(ledger.revoked, token, client="ml-brume", expires_at=world.now + 1, actor=None, now=world.now)
    before, ended, after = await asyncio.gather(
        ask(world.journal, world, token), end(), ask(world.journal, world, token), return_exceptions=True
    )
    assert ended is None
    assert [type(each) for each in (before, after)] == [BearerInvalid] * 2
    for journal in (elsewhere, world.journal, elsewhere):
        with pytest.raises(BearerInvalid, match="revoked"):
            await ask(journal, world, token)
    await ask(elsewhere, world, TokenRef(("0" * 32,), world.now))
    await elsewhere.close()


async def test_one_process_asks_the_database_nothing_more(world):
    """While nobody else writes, the gate knows all endings: no statement; after another's entry, one per batch."""
    elsewhere = journal_of(world.database, clock=lambda: world.now)
    await elsewhere.start()
    token = TokenRef(("0" * 32,), world.now)
    seen = []

    def note(_connection, _cursor, statement, *_):
        if "oauth_revoked" in statement:
            seen.append(statement)

    engine = world.database._engine
    sa.event.listen(engine, "before_cursor_execute", note)
    await ask(world.journal, world, token)
    first = len(seen)
    for _ in range(3):
        await asyncio.gather(*(ask(world.journal, world, token) for _ in range(5)))
    assert len(seen) == first
    await ask(elsewhere, world, token)
    await asyncio.gather(*(ask(world.journal, world, token) for _ in range(5)))
    assert len(seen) == first + 2  # the other one's first, and ours
    await elsewhere.close()


async def test_questions_of_one_moment_share_a_statement(world_on_each_engine, monkeypatch):
    """Other endpoints read the table: what comes while one is asking shares the next SELECT."""
    world = world_on_each_engine
    revoked, reads = RevokedTokens(world.database), []
    read = world.database.read

    async def slowly(work):
        reads.append(work)
        await asyncio.sleep(0.01)
        return await read(work)

    monkeypatch.setattr(world.database, "read", slowly)
    await world.database.write(partial(_insert, what="0" * 32, until=world.now))
    refs = [TokenRef((f"{number:032x}",), world.now) for number in range(20)]
    answers = await asyncio.gather(*(revoked.covers(ref) for ref in refs))
    assert answers == [True] + [False] * 19
    assert len(reads) == 2
    await revoked.close()


def _insert(connection, *, what, until):
    connection.execute(sa.insert(models.revoked).values(what=what, until=until, entry=1))
