"""The watch list: its rules on built counts, all of it on a built journal, what DPOs make of it; reconciliation."""

import asyncio
import random
import re
from collections.abc import Iterator
from typing import Any

import pytest

from consent.states import By
from gateway.console.kinds import Kind, Scope, day_of
from gateway.oversight import rules, watch
from gateway.oversight.reconciliation import reconcile
from gateway.oversight.rules import Alert, alerts, at_night, seen_by_many
from gateway.settings import PACKAGED_CATALOGUE
from gateway.web.dpo.watch import EXPLAINED, TITLES, VERDICTS
from gateway.web.me.lines import Line
from gateway.web.me.reports import open_reports, report
from policies.catalogue import load
from tests.bed import Bed, professional
from tests.unit.gateway.oversight import browser, dpo, entries

TODAY = 20_600
RELEASED = Kind(type="exchange.released", org="ml-brume", purpose="support.youth", sources=("caf-brume",))
DENIED = Kind(type="exchange.decided", org="ml-brume", purpose="support.youth", decision="deny", reasons=("not_given",))
PERMITTED = Kind(type="exchange.decided", org="ml-brume", purpose="support.youth", decision="permit")
ENDED = Kind(type="exchange.decided", org="ml-brume", purpose="support.youth", decision="deny", reasons=("ended",))


def habit(number: int, days: range = range(TODAY - 28, TODAY)) -> Iterator[tuple[int, Kind, int]]:
    return ((day, RELEASED, number) for day in days)


def found(days: Any) -> list[tuple[str, int, int, int]]:
    return [(each.rule, each.day - TODAY, each.count, each.usual) for each in alerts(days, today=TODAY)]


def test_volume_is_measured_against_the_habit() -> None:
    """More than three times the average of 28 days, and at least twenty."""
    assert found([*habit(10), (TODAY, RELEASED, 31)]) == [("volume", 0, 31, 10)]
    assert found([*habit(10), (TODAY, RELEASED, 30)]) == []
    assert found([*habit(1), (TODAY, RELEASED, 19)]) == []
    assert found([*habit(1), (TODAY, RELEASED, 20)]) == [("volume", 0, 20, 1)]


def test_without_a_habit_nothing_is_far_above_it() -> None:
    """Six days before are none; seven are."""
    assert found([*habit(1, range(TODAY - 6, TODAY)), (TODAY, RELEASED, 500)]) == []
    assert found([*habit(1, range(TODAY - 7, TODAY)), (TODAY, RELEASED, 500)]) == [("volume", 0, 500, 0)]


def test_a_burst_of_refusals() -> None:
    """Twenty in a day, and more than half."""
    assert found([(TODAY, DENIED, 20), (TODAY, PERMITTED, 19)]) == [("refusals", 0, 20, 39)]
    assert found([(TODAY, DENIED, 20), (TODAY, PERMITTED, 20)]) == []
    assert found([(TODAY, DENIED, 19)]) == []


def test_an_ended_agreement_still_called() -> None:
    """Three calls within the month, told once, with first and last day."""
    days = [(TODAY - 9, ENDED, 1), (TODAY - 2, ENDED, 2), (TODAY - 30, ENDED, 50)]
    (alert,) = alerts(days, today=TODAY)
    assert (alert.rule, alert.about, alert.count, alert.since, alert.day) == (
        "ended_called", "ended", 3, TODAY - 9, TODAY - 2
    )  # fmt: skip
    assert alert.address()["reason"] == "ended"
    assert found(days[1:]) == []


def test_a_source_that_falls_silent() -> None:
    """After most days of four weeks, three days without anything; told once, not for ever."""
    assert found(habit(1, range(TODAY - 17, TODAY - 2))) == [("silence", 0, 3, 15)]
    assert found(habit(1, range(TODAY - 17, TODAY - 1))) == []
    assert found(habit(1, range(TODAY - 16, TODAY - 2))) == []
    assert found(habit(1, range(TODAY - 60, TODAY - 30))) == []


def test_requests_at_night_by_people() -> None:
    """Five between ten in the evening and six in the morning."""
    assert [each.count for each in at_night([(TODAY, "a", 22, 2), (TODAY, "a", 5, 3), (TODAY, "a", 6, 50)])] == [5]
    assert at_night([(TODAY, "a", 21, 50), (TODAY, "a", 23, 4), (TODAY - 1, "a", 23, 4)]) == []


def test_one_person_seen_by_many() -> None:
    """Five different people acting within a week."""
    assert [each.about for each in seen_by_many([("k1", "ps", "a", TODAY, 5), ("k2", "", "a", TODAY, 4)])] == ["k1"]


def test_the_same_counts_give_the_same_alerts() -> None:
    """In whatever order they come; an alert's id depends on what it is about, not on its numbers or who looks."""
    days = [*habit(10), (TODAY, RELEASED, 99), (TODAY, DENIED, 99), (TODAY, ENDED, 9)]
    first = alerts(days, today=TODAY)
    shuffled = random.Random(7)  # noqa: S311  an order, no secret
    for _ in range(5):
        shuffled.shuffle(days)
        assert alerts(days, today=TODAY) == first
    one = Alert(day=TODAY, rule="many_eyes", org="a", about="k", shown="seen here", count=5)
    assert one.id == Alert(day=TODAY, rule="many_eyes", org="a", about="k", shown="", count=9).id
    assert len({each.id for each in first}) == len(first)


@pytest.mark.parametrize("rule", rules.RULES)
def test_every_rule_is_named_and_explained_with_its_numbers(rule: str) -> None:
    """In French and in English."""
    assert all(TITLES[rule])
    assert all(EXPLAINED[rule])
    assert set(VERDICTS) == set(watch.VERDICTS)


async def test_a_built_journal_is_watched(gateway: Bed) -> None:
    """Many people acting on one person, and a person's own report: seen, judged, closed; others see nothing."""
    services, pseudonym = gateway.services, await _many_eyes(gateway)
    await _report(gateway, pseudonym)
    own, other = await browser(gateway, dpo("siae-brume")), await browser(gateway, dpo("ml-brume"))
    text = (await own.get("/dpo/watch")).text
    assert "One person seen by many" in text
    assert "A person says: this is not right" in text
    assert pseudonym not in text
    assert "Nothing to report" in (await other.get("/dpo/watch")).text
    listed = await watch.watched(services, Scope("siae-brume"), now=services.clock())
    eyes, said = (next(each for each in listed if each.alert.rule == rule) for rule in ("many_eyes", "reported"))
    assert eyes.alert.count >= 5
    whole = await watch.watched(services, Scope(None), now=services.clock())
    assert {each.alert.id for each in listed} <= {each.alert.id for each in whole}
    page = (await own.get(f"/dpo/watch/{eyes.alert.id}")).text
    assert pseudonym in page
    assert "Jamais demandé" in (await own.get(f"/dpo/watch/{said.alert.id}")).text
    await other.get(f"/dpo/watch/{said.alert.id}", 404)
    await other.post(f"/dpo/watch/{said.alert.id}", 404, verdict="normal")
    await own.post(f"/dpo/watch/{eyes.alert.id}", 400, verdict="guilty")
    await own.post(f"/dpo/watch/{eyes.alert.id}", 400, verdict="normal", note="x" * 1_001)
    await own.post(f"/dpo/watch/{eyes.alert.id}", verdict="normal", note="Réunion de suivi.")
    assert "Réunion de suivi." in (await own.get(f"/dpo/watch/{eyes.alert.id}")).text
    assert "One person seen by many" not in (await own.get("/dpo/watch")).text
    there = (await own.post(f"/dpo/watch/{said.alert.id}", verdict="incident", note="Vu avec elle.")).headers[
        "location"
    ]
    assert await open_reports(services, "siae-brume") == []
    judgement = (await own.get(there)).text
    assert "Jamais demandé" in judgement
    assert "Vu avec elle." in judgement
    assert f"/dpo/watch/{said.alert.id}" not in (await own.get("/dpo/watch")).text
    assert f"/dpo/watch/{said.alert.id}" in (await own.get("/dpo/watch?all=1")).text
    month = 30 * 86_400_000
    late = await watch.watched(services, Scope("siae-brume"), now=services.clock() + month + 1)
    assert said.alert.id not in {each.alert.id for each in late}
    judged = await entries(gateway, "watch.judged")
    assert [(each["rule"], each["verdict"], each["org"]) for each in judged] == [
        ("many_eyes", "normal", "siae-brume"), ("reported", "incident", "siae-brume"),
    ]  # fmt: skip
    assert "Réunion" not in str(await gateway.journal())


async def test_each_institution_judges_an_alert_for_itself(gateway: Bed) -> None:
    """A source closes nothing of whom it answers and reads no note of theirs; the consortium's judgement is for all."""
    await _many_eyes(gateway)
    own, source = await browser(gateway, dpo("siae-brume")), await browser(gateway, dpo("ft-brume"))
    head = await browser(gateway, dpo("dept-brume", consortium=True))
    found = [each for org in ("siae-brume", "ft-brume") for each in await _alerts(gateway, org)]
    (same,) = {each.id for each in found if each.rule == "many_eyes"}
    here, title = f"/dpo/watch/{same}", "One person seen by many"
    await own.post(here, verdict="seen", note="Note de la SIAE.")
    await source.post(here, verdict="normal", note="Note de la source.")
    assert title in (await own.get("/dpo/watch")).text
    assert title not in (await source.get("/dpo/watch")).text
    assert title in (await head.get("/dpo/watch")).text
    assert "Note de la source." not in (await own.get(here)).text
    assert "Note de la SIAE." not in (await source.get(here)).text
    everything = (await head.get(here)).text
    assert "Note de la SIAE." in everything
    assert "Note de la source." in everything
    await head.post(here, verdict="incident", note="Note du consortium.")
    for each in (own, source):
        assert title not in (await each.get("/dpo/watch")).text
        assert "Note du consortium." in (await each.get(here)).text
    await source.post(here, verdict="seen")
    assert title in (await source.get("/dpo/watch")).text
    for each in (own, head):
        assert title not in (await each.get("/dpo/watch")).text
    linked = {each: re.findall("/dpo/entries/([0-9]+)", (await each.get(here)).text) for each in (own, head)}
    assert [len(linked[each]) for each in (own, head)] == [1, 4]
    await gateway.services.console.projector.catch_up()
    await own.get(f"/dpo/entries/{linked[own][0]}")


async def test_a_judgement_sent_three_times_at_once_is_one(gateway: Bed) -> None:
    """The same verdict and note of the same human, as long as nobody judged in between; a note too long is kept."""
    await _many_eyes(gateway)
    own = await browser(gateway, dpo("siae-brume"))
    colleague = await browser(gateway, dpo("siae-brume", tag="colleague"))
    (same,) = (each.id for each in await _alerts(gateway, "siae-brume") if each.rule == "many_eyes")
    here = f"/dpo/watch/{same}"
    await asyncio.gather(*(own.post(here, verdict="normal", note="Une fois.") for _ in range(3)))
    assert len(await entries(gateway, "watch.judged")) == 1
    await own.post(here, verdict="normal", note="Autre note.")
    await colleague.post(here, verdict="incident")
    await own.post(here, verdict="normal", note="Autre note.")
    assert [each["verdict"] for each in await entries(gateway, "watch.judged")] == [
        "normal", "normal", "incident", "normal",
    ]  # fmt: skip
    assert "trop long " * 101 in (await own.post(here, 400, verdict="normal", note="trop long " * 101 + "!")).text


async def _alerts(gateway: Bed, org: str | None) -> list[Alert]:
    services = gateway.services
    return [each.alert for each in await watch.watched(services, Scope(org), now=services.clock())]


async def _many_eyes(gateway: Bed) -> str:
    """Five professionals of one institution ask for one person: gives the person's pseudonym."""
    for number in range(5):
        who = professional("conseiller")
        token = await gateway.token("siae-brume", professional=type(who)(**{**_parts(who), "id": f"c-{number}"}))
        pseudonym = await gateway.link(token, "lucas-perrin")
        await gateway.exchange(token, pseudonym, "iae.eligibility", ["registration.status"])
    await gateway.services.console.projector.catch_up()
    return pseudonym


async def _report(gateway: Bed, pseudonym: str) -> None:
    """This person says of the first access that it is not right."""
    services, journal = gateway.services, await gateway.journal()
    subject = await gateway.subject("siae-brume", pseudonym)
    access = next(n for n, each in enumerate(journal) if each["type"] == "exchange.released")
    line, by = Line(**_line(access, journal[access])), By(kind="subject", channel="page")
    await report(services, subject, line, reason="not_asked", words="Jamais demandé.", by=by, now=services.clock())


def _parts(who: Any) -> dict[str, Any]:
    return {name: getattr(who, name) for name in who.__slots__}


def _line(index: int, entry: dict[str, Any]) -> dict[str, Any]:
    import dataclasses

    given = {"index": index, "entry": entry}
    return given | {each.name: None for each in dataclasses.fields(Line) if each.name not in given}


def test_what_is_declared_and_not_used() -> None:
    """Purposes, fields, what is not declared any more, what ends: for everybody and for one institution."""
    catalogue = load(PACKAGED_CATALOGUE)
    used = {
        ("siae-brume", "iae.eligibility", "registration.status"): 4,
        ("siae-brume", "iae.eligibility", "rsa.gone"): 1,
    }
    whole = reconcile(catalogue, used, now=0)
    assert ("siae-brume", "iae.eligibility") not in {(each.recipient, each.purpose) for each in whole.idle}
    assert len(whole.idle) == len(catalogue.tables) - 1
    (partly,) = whole.partly
    assert partly.used == {"registration.status": 4}
    assert "registration.category_code" in partly.unused
    assert whole.undeclared == (("siae-brume", "iae.eligibility", "rsa.gone", 1),)
    mine = reconcile(catalogue, used, now=0, org="siae-brume")
    assert {each.recipient for each in mine.idle} == {"siae-brume"}
    assert reconcile(catalogue, used, now=0, org="ml-brume").undeclared == ()


def test_exchanges_in_use_that_end() -> None:
    """Within three months, or ended; not those nobody uses."""
    from tests.unit.policies.factories import exchange, small

    catalogue = small([exchange("one")])
    ends = catalogue.counted["one"].ends
    assert ends is not None
    used = {("partner-p", "alpha.one", "d.a"): 7}
    (found,) = reconcile(catalogue, used, now=ends - 89 * 86_400_000).ending
    assert (found.exchange, found.releases) == ("one@1", 7)
    assert reconcile(catalogue, used, now=ends - 91 * 86_400_000).ending == ()
    assert reconcile(catalogue, {}, now=ends).ending == ()
    assert reconcile(catalogue, used, now=ends, org="partner-q").ending == ()


async def test_the_page_of_what_is_not_used(gateway: Bed) -> None:
    """An institution sees its own lines; a period that is not offered is not found."""
    own = await browser(gateway, dpo("siae-brume"))
    text = (await own.get("/dpo/reconciliation")).text
    assert "registration.months_of_24" in text
    assert "orientation.rsa" not in text
    await own.get("/dpo/reconciliation", 404, days="7")
    assert day_of(gateway.services.clock()) > TODAY - 1_000
