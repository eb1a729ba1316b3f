"""Rights carried out over a whole gateway: what stops at once, what is told, what is refused."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connectors import sandbox
from consent.errors import RightClosed, RightInvalid
from consent.rights_law import About
from consent.states import By
from consent.wiping import wipe
from gateway import rights
from gateway.rights import Grounds
from gateway.signals.models import delivery, endpoint
from tests.bed import Bed, bed, professional, served
from tests.unit.gateway.test_archive import WHO

COUNTER = By(kind="subject", channel="counter")


@pytest.fixture
async def gateway(tmp_path: Path, database_url: str) -> AsyncIterator[Bed]:
    async with (
        served(sandbox.build()) as address,
        bed(tmp_path, database_url=database_url, sandbox_url=address) as opened,
    ):
        for name in WHO:
            await opened.partner(name, batch_jobs=["nightly"])
        yield opened


async def everywhere(gateway: Bed, person: str) -> list[tuple[str, str, str, str, list[str]]]:
    """The person linked to each partner, with an authorisation in force for each of its purposes."""
    found = []
    catalogue = gateway.services.catalogue
    for recipient, purpose in sorted(catalogue.tables):
        roles = frozenset.intersection(*(each.roles for each in catalogue.active(recipient, purpose)))
        token = await gateway.token(recipient, professional=professional(min(roles)))
        pseudonym = await gateway.link(token, person)
        line = catalogue.request_fields(recipient, purpose)
        await gateway.authorise(token, recipient, pseudonym, purpose, explicit=line.explicit)
        found.append((recipient, token, pseudonym, purpose, sorted(line.fields)))
    return found


async def ask(gateway: Bed, case: tuple[str, str, str, str, list[str]]) -> Any:
    _, token, pseudonym, purpose, fields = case
    return await gateway.exchange(token, pseudonym, purpose, fields)


async def test_a_restricted_person_is_denied_for_every_purpose(gateway: Bed) -> None:
    """Rule (GDPR 18): from the request on, nothing leaves to anybody, for anything; lifted, it leaves again."""
    services = gateway.services
    cases = await everywhere(gateway, "lucas-perrin")
    assert {purpose for _, _, _, purpose, _ in cases} == {purpose for _, purpose in services.catalogue.tables}
    before = [await ask(gateway, case) for case in cases]
    permitted = [case for case, answer in zip(cases, before, strict=True) if answer.status_code == 200]
    assert permitted == cases, [each.text for each in before]
    subject = await gateway.subject(cases[0][0], cases[0][2])
    about = About(reason="accuracy_contested")
    asked = await rights.receive(services, subject, "restriction", by=COUNTER, now=services.clock(), about=about)
    for case in cases:
        answer = await ask(gateway, case)
        assert (answer.status_code, answer.json()["code"]) == (403, "exchange_denied"), case
        assert answer.json()["reasons"] == ["withheld"]
        decided = (await gateway.journal())[-1]
        assert (decided["type"], decided["decision"]) == ("exchange.decided", "deny")
        assert set(decided["denials"]) == {"restriction"}
    flagged = [each for each in await gateway.journal() if each["type"] == "subject.flagged"]
    assert [(each["set"], each["reason"]) for each in flagged] == [(True, "accuracy_contested")]
    with pytest.raises(RightClosed):
        await rights.lift(services, asked.id, reason="ground_gone", now=services.clock())
    await rights.answer(services, asked.id, now=services.clock())
    assert (await ask(gateway, permitted[0])).status_code == 403
    with pytest.raises(RightInvalid):
        await rights.lift(services, asked.id, reason="holidays", now=services.clock())
    done = await rights.lift(services, asked.id, reason="accuracy_checked", now=services.clock())
    assert not done.standing
    for case in permitted:
        assert (await ask(gateway, case)).status_code == 200


async def known(gateway: Bed, partner: str, purpose: str, *, person: str = "lucas-perrin") -> tuple[Any, Any, str]:
    """Somebody with one authorisation; gives the subject, the case and the authorisation's id."""
    token = await gateway.token(partner, professional=WHO[partner])
    pseudonym = await gateway.link(token, person)
    fields = sorted(gateway.services.catalogue.request_fields(partner, purpose).fields)
    id_ = await gateway.authorise(token, partner, pseudonym, purpose)
    return await gateway.subject(partner, pseudonym), (partner, token, pseudonym, purpose, fields), id_


async def test_a_restriction_stands_as_long_as_one_of_its_requests(gateway: Bed) -> None:
    """Rule: refusing or lifting one does not free what another one holds."""
    services, now = gateway.services, gateway.services.clock
    subject, case, _ = await known(gateway, "ml-brume", "support.youth")
    first = await rights.receive(
        services, subject, "restriction", by=COUNTER, now=now(), about=About(reason="unlawful")
    )
    await rights.answer(services, first.id, now=now())
    second = await rights.receive(
        services, subject, "restriction", by=COUNTER, now=now(), about=About(reason="needed_for_claims")
    )
    await rights.refuse(services, second.id, reason="no_ground", now=now())
    assert (await ask(gateway, case)).status_code == 403
    await rights.lift(services, first.id, reason="ground_gone", now=now())
    assert (await ask(gateway, case)).status_code == 200


async def restricted(gateway: Bed, subject: Any) -> str:
    """A restriction that was granted; gives its id."""
    services, now = gateway.services, gateway.services.clock()
    about = About(reason="unlawful")
    asked = await rights.receive(services, subject, "restriction", by=COUNTER, now=now, about=about)
    return (await rights.answer(services, asked.id, now=now)).id


async def test_one_lifted_while_another_is_asked_for_leaves_the_other(
    gateway: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule: the flag goes between stopping and registering the second one: it is set again before that one stands."""
    services, now = gateway.services, gateway.services.clock
    subject, case, _ = await known(gateway, "ml-brume", "support.youth")
    first = await restricted(gateway, subject)
    register, lifted = services.rights.receive, []

    async def late(*given: Any, **named: Any) -> Any:
        if not lifted:
            lifted.append(await rights.lift(services, first, reason="ground_gone", now=now()))
        return await register(*given, **named)

    monkeypatch.setattr(services.rights, "receive", late)
    about = About(reason="accuracy_contested")
    second = await rights.receive(services, subject, "restriction", by=COUNTER, now=now(), about=about)
    assert ([each.standing for each in lifted], second.standing) == ([False], True)
    assert (await ask(gateway, case)).status_code == 403
    flagged = [each for each in await gateway.journal() if each["type"] == "subject.flagged"]
    assert [(each["set"], each["reason"]) for each in flagged] == [
        (True, "unlawful"), (False, "ground_gone"), (True, "accuracy_contested"),
    ]  # fmt: skip
    await rights.refuse(services, second.id, reason="no_ground", now=now())
    assert (await ask(gateway, case)).status_code == 200


async def test_whatever_is_lifted_and_asked_for_at_once_the_flag_says_what_stands(gateway: Bed) -> None:
    """Rule: at the end of any order of the two, exchanges are open exactly when nothing restricts."""
    services, now = gateway.services, gateway.services.clock
    subject, case, _ = await known(gateway, "ml-brume", "support.youth")
    for _ in range(6):
        first = await restricted(gateway, subject)
        _, second = await asyncio.gather(
            rights.lift(services, first, reason="ground_gone", now=now()),
            rights.receive(services, subject, "restriction", by=COUNTER, now=now(), about=About(reason="unlawful")),
        )
        assert (await ask(gateway, case)).status_code == 403
        await rights.refuse(services, second.id, reason="no_ground", now=now())
        assert (await ask(gateway, case)).status_code == 200


@pytest.mark.parametrize("step", ["refuse", "lift"])
async def test_what_was_interrupted_before_exchanges_opened_is_finished_by_repeating_it(
    gateway: Bed, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Rule: a wrong stop delays an income: a process killed between the answer and the flag closes nobody for ever."""
    services, now = gateway.services, gateway.services.clock
    subject, case, _ = await known(gateway, "ml-brume", "support.youth")

    async def killed(*_: Any, **__: Any) -> None:
        raise asyncio.CancelledError

    for begun in ("refuse", "lift"):
        about = About(reason="unlawful")
        asked = await rights.receive(services, subject, "restriction", by=COUNTER, now=now(), about=about)
        if begun == "lift":
            await rights.answer(services, asked.id, now=now())
        end = {
            "refuse": partial(rights.refuse, services, asked.id, reason="no_ground", now=now()),
            "lift": partial(rights.lift, services, asked.id, reason="ground_gone", now=now()),
        }
        with monkeypatch.context() as patched:
            patched.setattr(services.people, "flag", killed)
            with pytest.raises(asyncio.CancelledError):
                await end[begun]()
        assert (await ask(gateway, case)).status_code == 403
        await end[step if begun == "refuse" else "lift"]()
        assert (await ask(gateway, case)).status_code == 200
        await end[begun]()
        assert (await services.rights.get(asked.id)).standing is False


async def test_a_restriction_of_somebody_erased_meanwhile_is_answered(gateway: Bed) -> None:
    """Rule: there is no flag to take away any more, and the answer is owed all the same."""
    services, now = gateway.services, gateway.services.clock()
    subject, _, _ = await known(gateway, "ml-brume", "support.youth")
    about = About(reason="unlawful")
    asked = await rights.receive(services, subject, "restriction", by=COUNTER, now=now, about=about)
    key = await services.vault.open(subject)
    await services.store.write(lambda connection: wipe(connection, subject, key, now=now))
    assert (await rights.refuse(services, asked.id, reason="no_ground", now=now)).state == "refused"


async def test_an_objection_stops_at_once_and_is_upheld_or_set_aside_by_two(gateway: Bed, tmp_path: Path) -> None:
    """Rule (GDPR 21): nothing leaves while it is examined; only controller and DPO together, with grounds, resume."""
    services, now = gateway.services, gateway.services.clock
    text = tmp_path / "grounds.txt"
    text.write_text("Pourquoi le partage continue.", "utf-8")
    grounds = Grounds(file=text, controller="directrice", dpo="dpo")
    for person, outcome in (("lucas-perrin", "upheld"), ("zoe-figurant", "overridden")):
        subject, case, id_ = await known(gateway, "dept-brume", "orientation.rsa", person=person)
        assert (await ask(gateway, case)).status_code == 200
        asked = await rights.receive(
            services, subject, "objection", by=COUNTER, now=now(), about=About(authorisation=id_)
        )
        assert (await ask(gateway, case)).status_code == 403
        if outcome == "upheld":
            await rights.answer(services, asked.id, now=now())
        else:
            with pytest.raises(RightInvalid):
                await rights.refuse(services, asked.id, reason="compelling_grounds", now=now())
            assert (await ask(gateway, case)).status_code == 403
            with pytest.raises(RightInvalid):
                await rights.refuse(services, asked.id, reason="no_ground", now=now(), grounds=grounds)
            await rights.refuse(services, asked.id, reason="compelling_grounds", now=now(), grounds=grounds)
        assert (await ask(gateway, case)).status_code == (403 if outcome == "upheld" else 200)
        types = [each["type"] for each in await gateway.journal()]
        assert f"authorisation.{outcome}" in types


async def test_an_objection_the_law_does_not_leave_is_registered_and_refused(gateway: Bed) -> None:
    """Rule: the person is answered within the month, also when nothing could stop."""
    services, now = gateway.services, gateway.services.clock
    subject, case, id_ = await known(gateway, "ml-brume", "support.youth")
    asked = await rights.receive(services, subject, "objection", by=COUNTER, now=now(), about=About(authorisation=id_))
    assert (await ask(gateway, case)).status_code == 200
    done = await rights.refuse(services, asked.id, reason="no_objection_in_law", now=now())
    assert done.state == "refused"


async def test_a_correction_is_in_the_outbox_of_each_recipient(gateway: Bed) -> None:
    """Rule (GDPR 16, 19): one signal for each who was given the field, in the transaction of the answer."""
    services, now = gateway.services, gateway.services.clock
    cases = await everywhere(gateway, "lucas-perrin")
    given = {
        case[0] for case in cases if "rsa.beneficiary" in case[4] and (await ask(gateway, case)).status_code == 200
    }
    assert len(given) >= 2
    rows = [
        {"id": f"{number:032x}", "partner": name, "url": "https://partner.example/", "types": "source.changed",
         "signature": "hmac", "created_at": 0, "not_before": 0}
        for number, name in enumerate(WHO)
    ]  # fmt: skip
    columns = {each.name: each for each in endpoint.columns}
    defaults = {name: 0 for name, each in columns.items() if not each.nullable and name not in rows[0]}
    await services.store.write(
        lambda connection: connection.execute(sa.insert(endpoint), [{**defaults, **row} for row in rows]) and None
    )
    subject = await gateway.subject(cases[0][0], cases[0][2])
    fields = frozenset({"rsa.beneficiary"})
    about = About(fields=fields, source=rights.source_of(services, fields))
    asked = await rights.receive(services, subject, "rectification", by=COUNTER, now=now(), about=about)
    await rights.answer(services, asked.id, now=now())
    assert (await gateway.journal())[-1]["informed"] == sorted(given)
    told = sa.select(endpoint.c.partner).join(delivery, delivery.c.endpoint == endpoint.c.id)
    partners = await services.store.read(lambda connection: connection.execute(told).scalars().all())
    assert sorted(partners) == sorted(given)


async def test_an_erasure_is_not_answered_before_it_is_done(gateway: Bed) -> None:
    """Rule: what is called done is done."""
    services, now = gateway.services, gateway.services.clock
    subject, _, _ = await known(gateway, "ml-brume", "support.youth")
    asked = await rights.receive(services, subject, "erasure", by=COUNTER, now=now())
    with pytest.raises(RightInvalid):
        await rights.answer(services, asked.id, now=now())
    done = await rights.refuse(services, asked.id, reason="legal_obligation", now=now())
    assert done.state == "refused"


async def test_fields_of_several_sources_are_several_requests(gateway: Bed) -> None:
    """Rule: a request goes to the one institution that can correct it."""
    assert rights.source_of(gateway.services, frozenset({"rsa.since", "aah.since"})) == "caf-brume"
    for fields in ({"rsa.since", "registration.since"}, {"rsa.colour"}):
        with pytest.raises(RightInvalid):
            rights.source_of(gateway.services, frozenset(fields))
