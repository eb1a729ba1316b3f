"""Cards, detail and what stopping means, from the records; who sees what; values in words."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from connectors import sandbox
from consent.states import CHANNELS, KINDS, TRANSITIONS
from gateway.archive import words
from gateway.archive.labels import CODES
from gateway.preview import Preview, Seen
from gateway.web.me.history import month_of, months
from gateway.web.me.lines import Person
from gateway.web.me.looking import parts, reduced, shown
from gateway.web.me.matrix import matrix
from gateway.web.me.sharing import detail, record_of, sort_out, standing
from gateway.web.problems import PageProblem
from policies.catalogue import load

from .conftest import HERSELF, Life

CATALOGUE = load("policies/catalogue")
YEAR = 365 * 86_400_000


async def test_one_card_per_organisation_and_how_each_is_stopped(life: Life) -> None:
    """Rule: consent is withdrawn, a public task objected to, a legal obligation has no button."""
    for partner in ("ml-brume", "dept-brume", "caf-brume"):
        await life.shares(partner)
    found = await standing(life.services, life.subject, purposes=None, now=life.now)
    assert {card.org: card.sharings[0].stop for card in found.cards} == {
        "ml-brume": "withdraw", "dept-brume": "object_to", "caf-brume": None,
    }  # fmt: skip
    assert (found.waiting, found.over) == ((), ())
    assert all(card.line for card in found.cards)


async def test_what_is_over_is_no_card_and_stays_readable(life: Life) -> None:
    """Rule: withdrawn leaves the home page at once, its detail remains with what was given."""
    await life.shares("ml-brume")
    record = await life.record("ml-brume")
    await life.services.authorisations.withdraw(record.id, subject=life.subject, by=HERSELF, now=life.now)
    found = await standing(life.services, life.subject, purposes=None, now=life.now)
    assert found.cards == ()
    assert [each.state for each in found.over] == ["withdrawn"]
    told = await detail(life.services, await life.record("ml-brume"), now=life.now)
    assert told.groups
    assert told.sharing.stop is None
    assert told.digest is not None


async def test_the_detail_is_the_record_as_it_was_given(life: Life) -> None:
    """Rule: what was left out is said, retention per source, limits, law and version are there."""
    kept = frozenset({"rsa.beneficiary", "rsa.since", "c2s.beneficiary"})
    await life.shares("ml-brume", fields=kept)
    record = await life.record("ml-brume")
    told = await detail(life.services, record, now=life.now)
    assert {group.dataset for group in told.groups} == {"rsa", "c2s"}
    assert len(told.left_out) == len(record.requested - kept)
    assert told.kept[0].number == 24
    assert told.kept[0].unit == ("mois", "months")
    assert told.limits == ((30, ("mois", "month")),)
    assert told.laws == ("RGPD art. 6-1-a",)
    assert told.version == record.notice
    assert [(each.event[0], each.how[0]) for each in told.events][-1] == (
        "Vous avez dit oui à Mission locale de la Brume.", "vous",
    )  # fmt: skip


def test_every_event_of_a_record_is_told_in_words() -> None:
    """Rule: no event, and nobody who acts, is shown as a code."""
    assert {f"authorisation.{rule.event}" for rule in TRANSITIONS.values() if rule.event} <= set(words.EVENTS)
    assert set(KINDS) <= set(words.BY)
    assert set(CHANNELS) - {"library", "system"} <= set(words.CHANNELS)


async def test_another_persons_record_does_not_exist(life: Life) -> None:
    """Rule (IDOR): the page of what does not exist, for theirs as for an id nobody has."""
    await life.shares("ml-brume")
    other = await life.known("ml-brume", "zoe-figurant")
    theirs = await life.bed.subject("ml-brume", other)
    for id_ in (life.ids["ml-brume"], "0" * 32, "x"):
        with pytest.raises(PageProblem) as refused:
            await record_of(life.services, theirs, id_, purposes=None)
        assert refused.value.code == "not_found"


async def test_a_tombstone_still_has_a_page(life: Life) -> None:
    """Rule: when the content is gone the page says so instead of failing."""
    await life.shares("ml-brume")
    gone = replace(await life.record("ml-brume"), state="tombstoned", fields=frozenset(), requested=frozenset())
    told = await detail(life.services, gone, now=life.now)
    assert (told.groups, told.laws, told.digest) == ((), (), None)


async def test_every_state_has_words(life: Life) -> None:
    """Rule: no state of the life cycle is shown as a code."""
    await life.shares("ml-brume")
    record = await life.record("ml-brume")
    for state in sorted({rule.to for rule in TRANSITIONS.values() if rule.to}):
        found = sort_out(CATALOGUE, [replace(record, state=state, due=life.now + YEAR)], now=life.now)
        told = [*found.over, *found.waiting, *(each for card in found.cards for each in card.sharings)]
        assert told[0].state_said[0] != state


async def test_the_matrix_has_a_word_in_every_cell(life: Life) -> None:
    """Rule: all, a part, no; by organisation and by information say the same."""
    await life.shares("ml-brume", fields=frozenset({"rsa.beneficiary", "rsa.majoration", "rsa.since"}))
    await life.shares("dept-brume")
    records = await life.services.authorisations.authorisations_of(life.subject)
    found = matrix(life.services.catalogue, records, now=life.now)
    assert {org for org, _ in found.orgs} == {"ml-brume", "dept-brume"}
    assert found.cells["rsa"]["ml-brume"].word == ("oui", "yes")
    assert found.cells["registration"]["ml-brume"].word == ("non", "no")
    for dataset, row in found.cells.items():
        for org, cell in row.items():
            assert (cell in found.of_org(org)) == (cell in found.of_dataset(dataset)) == (cell.sees != "none")
            assert bool(cell.by) == (cell.sees != "none")


def test_nobody_sees_anything_is_an_empty_matrix() -> None:
    """Rule: no record, no row, no column."""
    found = matrix(CATALOGUE, [], now=0)
    assert (found.orgs, found.datasets) == ((), ())


@pytest.mark.parametrize(
    ("value", "fr", "en"),
    [
        (False, "non", "no"), (True, "oui", "yes"), (None, "rien", "nothing"), (512, "512", "512"),
        ("2026-06-01", "1er juin 2026", "1 June 2026"), ("2026-06", "2026-06", "2026-06"),
        ("2026-07-01T08:30:00Z", "1er juillet 2026 à 10:30", "1 July 2026 at 10:30"), ("12 rue", "12 rue", "12 rue"),
        ("2026-99-99", "2026-99-99", "2026-99-99"),
    ],
)  # fmt: skip
def test_values_are_written_as_people_write_them(value: object, fr: str, en: str) -> None:
    """Rule: yes and no, dates in the language, everything else as it is."""
    assert (shown(value, "fr"), shown(value, "en")) == (fr, en)


@pytest.mark.parametrize(
    ("how", "fr"),
    [
        ("", None), ("clear", None), ("generalise:band:50", "une valeur arrondie"),
        ("mask:last:4", "une partie cachée"),
        ("predicate:lt:800", "seulement oui ou non : moins de 800 ?"), ("pseudonymise", "un code à la place"),
        ("truncate:commune", "la commune seulement"), ("truncate:month", "le mois seulement"),
        ("truncate:week", "une partie seulement"),
    ],
)  # fmt: skip
def test_what_was_reduced_is_said(how: str, fr: str | None) -> None:
    """Rule: an obligation of the catalogue is words, not a code."""
    found = reduced(how)
    assert (found and found[0]) == fr


def test_every_obligation_of_the_catalogue_is_said() -> None:
    """Rule: whatever the catalogue does to a value, the preview says it."""
    hows = {str(rule.obligation) for table in CATALOGUE.tables.values() for rule in table.rules.values()}
    assert {how for how in hows if how not in {"clear", "never"} and reduced(how) is None} == set()


def test_a_preview_in_words() -> None:
    """Rule: names of fields and sources, the sentence of each reason; an unknown reason is still a sentence."""
    seen = Seen(
        dataset="rsa", source="caf-brume", state="released", rows=({"rsa.since": "2026-06-01"},),
        hidden={"rsa.majoration": "not_authorised", "rsa.beneficiary": "weather"},
        reduced={"rsa.since": "truncate:month"},
    )  # fmt: skip
    (part,) = parts(CATALOGUE, Preview(datasets=(seen,), stopped=None), "fr")
    assert part.rows[0][0].text == "1er juin 2026"
    assert part.rows[0][0].reduced == ("le mois seulement", "the month only")
    assert {why[0] for why, _ in part.missing} == {
        "L'accord ne couvre pas cette information.", "Cette information ne part pas.",
    }  # fmt: skip


@pytest.mark.parametrize(("field", "code", "fr", "en"), [
    ("rdv.status", "unknown", "pas encore noté", "not noted yet"),
    ("rdv.status", "revoked", "annulé par le service", "cancelled by the service"),
    ("rdv.status", "seen", "a eu lieu", "took place"),
    ("ft_appointments.mode", "VISIO", "en vidéo", "by video"),
    ("rdv.status", "newer", "newer", "newer"),
    ("rdv.place", "seen", "seen", "seen"),
])  # fmt: skip
def test_a_code_of_a_source_is_shown_in_words(field: str, code: str, fr: str, en: str) -> None:
    """Rule: what the table of that field knows; anything else as it is written."""
    row = Seen(dataset="rdv", source=None, state="released", rows=({field: code},), hidden={}, reduced={})
    for lang, told in (("fr", fr), ("en", en)):
        (part,) = parts(CATALOGUE, Preview(datasets=(row,), stopped=None), lang)  # type: ignore[arg-type]
        assert part.rows[0][0].text == told


def test_every_code_of_the_sandbox_has_words() -> None:
    """Rule: the states of appointments that a source may give are all in the tables, in both languages."""
    schema = yaml.safe_load((Path(sandbox.__file__).parent / "person.schema.yaml").read_text("utf-8"))
    untold = {"IND", "NON_EXPLORE", "NON_ABORDEE"}  # its meaning is not published, or the connector drops it
    lists = {frozenset(each) - untold for each in _enums(schema)}
    assert {frozenset(CODES[name]) for name in CODES} <= lists
    assert all(fr and en and fr != code for codes in CODES.values() for code, (fr, en) in codes.items())


def _enums(schema: Any) -> Iterator[list[str]]:
    for name, each in schema.items() if isinstance(schema, dict) else enumerate(schema):
        if name == "enum":
            yield each
        elif isinstance(each, (dict, list)):
            yield from _enums(each)


def test_months_go_back_to_the_first_line_and_three_years_at_most() -> None:
    """Rule: Paris months, newest first; an address that is no month is none."""
    november = 1_795_000_000_000
    person = Person(counter=1, created_at=november - 70 * 86_400_000, flags=frozenset())
    assert [each.key for each in months(person, now=november)] == ["2026-11", "2026-10", "2026-09"]
    old = Person(counter=1, created_at=0, flags=frozenset())
    assert len(months(old, now=november)) == 36
    for wrong in ("", "2026", "2026-13", "2026-00", "x026-11", "2026-1\u0661", "2026/11", "0001-01"):
        assert month_of(wrong) is None
    found = month_of("2026-12")
    assert found is not None
    assert (found.said, found.until - found.since) == (("décembre 2026", "December 2026"), 31 * 86_400_000)
