"""What a partner is told of its request: one of four words, and nothing of another partner's."""

import pytest
import sqlalchemy as sa

from consent import models
from consent.errors import AuthorisationUnknown
from consent.requests import find, told
from consent.states import LAPSE_MS, By

from .conftest import DAY, NOW, PERSON, asked
from .reached import Reached

DPO = By(kind="dpo", channel="system")


async def word(side, id_, now=NOW):
    return told(await find(side.store, id_, recipient="ml-brume"), now)


async def test_the_four_words(side):
    """Deferred is pending; what became of a yes stays a yes."""
    reached = Reached(side)
    subject = await side.lea()
    id_ = (await reached.asked(subject)).record.id
    assert await word(side, id_) == "pending"
    await side.authorisations.defer(id_, subject=subject, by=PERSON, now=NOW)
    assert await word(side, id_) == "pending"
    assert await word(side, id_, NOW + LAPSE_MS) == "lapsed"
    await side.authorisations.give(id_, subject=subject, fields=asked().fields, by=PERSON, now=NOW)
    assert await word(side, id_) == "yes"
    await side.authorisations.withdraw(id_, subject=subject, by=PERSON, now=NOW)
    assert await word(side, id_) == "yes"
    assert await word(side, id_, NOW + 3000 * DAY) == "yes"
    id_ = (await reached.asked(subject, purpose="support.other")).record.id
    await side.authorisations.refuse(id_, subject=subject, by=PERSON, now=NOW)
    assert await word(side, id_) == "no"
    assert await word(side, id_, NOW + 91 * DAY) == "no"


async def test_a_request_taken_away_looks_like_one_nobody_answered(side):
    """Why is nobody's business."""
    subject = await side.lea()
    id_ = (await Reached(side).asked(subject)).record.id
    await side.authorisations.invalidate(id_, subject=subject, reason="notice_defective", by=DPO, now=NOW)
    assert await word(side, id_) == "lapsed"


async def test_another_partners_request_is_none(side):
    """As an unknown id, an unusable one, an erased person's and a forgotten one."""
    subject = await side.lea()
    id_ = (await Reached(side).asked(subject)).record.id
    for name, recipient in ((id_, "caf-brume"), ("0" * 32, "ml-brume"), ("\x00", "ml-brume"), (id_[:-1], "ml-brume")):
        with pytest.raises(AuthorisationUnknown):
            await find(side.store, name, recipient=recipient)
    gone = sa.update(models.authorisation).where(models.authorisation.c.id == id_).values(state="tombstoned")
    await side.store.write(lambda connection: connection.execute(gone) and None)
    with pytest.raises(AuthorisationUnknown):
        await find(side.store, id_, recipient="ml-brume")
