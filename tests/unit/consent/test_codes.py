"""Six digits: ten minutes, five tries, one act, one use, five a day."""

import asyncio

import pytest
import sqlalchemy as sa

from consent import models
from consent.codes import LIFE_MS, PER_DAY, TRIES, bind
from consent.errors import CodeRefused, CodesSpent, ContactMissing, MessageNotSent

from .conftest import DAY, NOW, PERSON
from .reached import MOBILE, Reached

ACT = bind("answer", "0" * 32, "yes", ["rsa.since"])


def wrong(digits: str, number: int = 1) -> str:
    return f"{(int(digits) + number) % 10**6:06d}"


@pytest.fixture
async def sent(side):
    reached = Reached(side)
    subject = await side.lea()
    await reached.phone(subject)
    code = await reached.codes.send(subject, ACT, now=NOW)
    return reached, subject, code, reached.provider.sent[-1]


async def test_the_message_holds_the_code_and_nothing_else(sent):
    """Six digits to the person's own number; neither stands in a repr or in the database."""
    reached, _, code, message = sent
    assert (message.to, message.way, message.id) == (MOBILE, "sms", code.id)
    assert message.code.isdigit()
    assert len(message.code) == 6
    assert message.code not in repr(message)
    assert MOBILE not in repr(message)
    row = await reached.side.store.read(lambda connection: connection.execute(sa.select(models.confirmation)).one())
    assert message.code not in {str(value) for value in row}


async def test_a_code_is_used_once(sent):
    """Replayed, it is refused."""
    reached, subject, code, message = sent
    await reached.codes.use(code.id, message.code, subject=subject, bound=ACT, now=NOW)
    with pytest.raises(CodeRefused):
        await reached.codes.use(code.id, message.code, subject=subject, bound=ACT, now=NOW)


async def test_of_many_who_use_a_code_at_once_one_does(sent):
    """On two processes as on one."""
    reached, subject, code, message = sent
    other = Reached(await reached.side.another())
    tries = [
        each.codes.use(code.id, message.code, subject=subject, bound=ACT, now=NOW)
        for each in (reached, other)
        for _ in range(2)
    ]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert outcomes.count(None) == 1
    await other.side.journal.close()


async def test_five_wrong_tries_end_it(sent):
    """The right digits come too late: guessing is five in a million."""
    reached, subject, code, message = sent
    for number in range(1, TRIES + 1):
        with pytest.raises(CodeRefused):
            await reached.codes.use(code.id, wrong(message.code, number), subject=subject, bound=ACT, now=NOW)
    with pytest.raises(CodeRefused):
        await reached.codes.use(code.id, message.code, subject=subject, bound=ACT, now=NOW)


async def test_a_fourth_wrong_try_leaves_one(sent):
    """Mistyping is no fault."""
    reached, subject, code, message = sent
    for number in range(1, TRIES):
        with pytest.raises(CodeRefused):
            await reached.codes.use(code.id, wrong(message.code, number), subject=subject, bound=ACT, now=NOW)
    await reached.codes.use(code.id, message.code, subject=subject, bound=ACT, now=NOW)


async def test_ten_minutes_end_it(sent):
    """At the tenth it is over."""
    reached, subject, code, message = sent
    with pytest.raises(CodeRefused):
        await reached.codes.use(code.id, message.code, subject=subject, bound=ACT, now=NOW + LIFE_MS)
    await reached.codes.use(code.id, message.code, subject=subject, bound=ACT, now=NOW + LIFE_MS - 1)


async def test_it_confirms_one_act_of_one_person(sent):
    """Another answer, another person, another code's name: refused, and no try of it is lost."""
    reached, subject, code, message = sent
    other = await reached.side.lea("caf-brume", "autre", ft_number="98765432109")
    for _ in range(TRIES):
        with pytest.raises(CodeRefused):
            await reached.codes.use(code.id, message.code, subject=subject, bound=bind("answer", "no"), now=NOW)
        with pytest.raises(CodeRefused):
            await reached.codes.use(code.id, message.code, subject=other, bound=ACT, now=NOW)
        with pytest.raises(CodeRefused):
            await reached.codes.use("f" * 32, message.code, subject=subject, bound=ACT, now=NOW)
    await reached.codes.use(code.id, message.code, subject=subject, bound=ACT, now=NOW)


def test_an_act_has_one_name_and_no_other_act_has_it():
    """Order does not matter within a list; where a list ends does."""
    assert bind("a", ["x", "y"]) == bind("a", ["y", "x"])
    assert len({bind("a", ["x", "y"]), bind("a", ["x"], ["y"]), bind("a", ["xy"]), bind("a", "x", "y"), bind("a")}) == 5


async def test_five_codes_a_day(sent):
    """The sixth waits for tomorrow, also when asked for by many at once."""
    reached, subject, _, _ = sent
    tries = [reached.codes.send(subject, ACT, now=NOW + 1) for _ in range(PER_DAY + 2)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(each, CodesSpent) for each in outcomes) == 3
    assert len(reached.provider.sent) == PER_DAY
    with pytest.raises(CodesSpent):
        await reached.codes.send(subject, ACT, now=NOW + DAY - 1)
    await reached.codes.send(subject, ACT, now=NOW + DAY + 1)


async def test_without_a_number_or_a_provider_there_is_no_code(side):
    """Named refusals."""
    reached = Reached(side)
    subject = await side.lea()
    with pytest.raises(ContactMissing):
        await reached.codes.send(subject, ACT, now=NOW)
    await reached.contacts.declare(
        subject, preference="email", addresses={"email": "lea@courriel.example"}, by=PERSON, now=NOW
    )
    with pytest.raises(ContactMissing):
        await reached.codes.send(subject, ACT, now=NOW)
    await reached.phone(subject)
    reached.provider.down = True
    with pytest.raises(MessageNotSent):
        await reached.codes.send(subject, ACT, now=NOW)
