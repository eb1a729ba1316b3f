"""Requests under GDPR 15 to 21 from the pages, what is held, who acts: each checked before anything is written."""

import json

import pytest

from consent.errors import MandateRefused, NotEntitled
from consent.links import create
from consent.representatives import Checked
from consent.rights_law import RIGHTS
from consent.states import By
from consent.vault import new_subject_id
from gateway.web.me import holdings
from gateway.web.me.acting import acting, reader_of, subject_of
from gateway.web.me.asking import OFFERS, REASONS, ask, requests_of, sources
from gateway.web.problems import PageProblem
from gateway.web.visitor import Identity, Visitor

from .conftest import HERSELF, YOUTH, Life

TAG, MANDATE = "cd" * 16, "12" * 16
OWN = {"by": "subject"}
AGENT = By(kind="professional", channel="counter", actor="ab" * 16)


def visitor(subject: object, **more: object) -> Visitor:
    """Somebody signed in."""
    identity = Identity(role="beneficiary", owner="t", subject=subject, **{"actor": "subject", **more})
    return Visitor(session="s", identity=identity, signed_in_at=1, form_token="f")


@pytest.mark.parametrize("right", ["access", "erasure", "portability"])
async def test_asking_starts_a_clock_and_asking_again_is_the_same(life: Life, right: str) -> None:
    """Rule: one open request of a kind; sending twice gives the one there is."""
    await life.known("ml-brume")
    made = await ask(life.services, life.subject, right, by=HERSELF, now=life.now)
    again = await ask(life.services, life.subject, right, by=HERSELF, now=life.now)
    assert again.id == made.id
    (told,) = await requests_of(life.services, life.subject, now=life.now)
    assert (told.id, told.open, told.late, told.said) == (made.id, True, False, OFFERS[right])
    assert (await requests_of(life.services, life.subject, now=made.due))[0].late


async def test_objecting_stops_at_once(life: Life) -> None:
    """Rule: after the request nothing leaves any more; a second form finds the same request."""
    await life.shares("dept-brume")
    assert await life.asks("dept-brume", "rsa.since") == 200
    record = await life.record("dept-brume")
    first = await ask(life.services, life.subject, "objection", by=HERSELF, now=life.now, record=record)
    assert await life.asks("dept-brume", "rsa.since") == 403
    record = await life.record("dept-brume")
    assert record.state == "objection_lodged"
    again = await ask(life.services, life.subject, "objection", by=HERSELF, now=life.now, record=record)
    assert again.id == first.id


async def test_restricting_stops_everything(life: Life) -> None:
    """Rule: also what the law imposes."""
    await life.shares("caf-brume")
    assert await life.asks("caf-brume", "registration.status") == 200
    await ask(life.services, life.subject, "restriction", by=HERSELF, now=life.now, reason="unlawful")
    assert await life.asks("caf-brume", "registration.status") == 403


async def test_a_correction_names_fields_of_one_source(life: Life) -> None:
    """Rule: the source is one that holds them."""
    await life.known("ml-brume")
    made = await ask(
        life.services, life.subject, "rectification", by=HERSELF, now=life.now,
        fields=frozenset({"rsa.since"}), source="caf-brume",
    )  # fmt: skip
    (told,) = await requests_of(life.services, life.subject, now=life.now)
    assert (told.id, told.fields[0][0]) == (made.id, "depuis quand vous touchez le RSA")


@pytest.mark.parametrize(
    ("right", "more"),
    [
        ("objection", {}),
        ("rectification", {"fields": frozenset(), "source": "caf-brume"}),
        ("rectification", {"fields": frozenset({"identity.nir"}), "source": "dept-brume"}),
        ("rectification", {"fields": frozenset({"rsa.since"}), "source": "ml-brume"}),
        ("rectification", {"fields": frozenset({"rsa.since"}), "source": "nobody"}),
        ("restriction", {"reason": "objection_pending"}),
        ("restriction", {"reason": "weather"}),
        ("weather", {}),
    ],
)
async def test_what_is_not_of_the_lists_is_refused(life: Life, right: str, more: dict[str, object]) -> None:
    """Rule: nothing is registered, nothing stopped."""
    await life.known("ml-brume")
    before = await life.bed.size()
    with pytest.raises(PageProblem):
        await ask(life.services, life.subject, right, by=HERSELF, now=life.now, **more)
    assert await life.bed.size() == before


def test_every_right_is_offered_and_said() -> None:
    """Rule: the law's list and the page's are one."""
    assert set(OFFERS) == set(RIGHTS)
    assert "objection_pending" not in REASONS


async def test_what_never_leaves_is_not_offered_for_correction(life: Life) -> None:
    """Rule: the social security number is nobody's to correct here."""
    names = {name for each in sources(life.services.catalogue) for name, _ in each.fields}
    assert "identity.nir" not in names
    assert "rsa.since" in names


async def test_what_is_held_is_shown_and_the_files_hold_everything(life: Life) -> None:
    """Rule: identifiers with who gave them; PDF and JSON are the archive; each download is an entry."""
    await life.shares("ml-brume")
    found = await holdings.holdings(life.services, life.subject)
    assert {each.kind[0] for each in found.identifiers} >= {"votre numéro de sécurité sociale", "votre état civil"}
    assert all(each.value for each in found.identifiers)
    assert len(found.passed) == 3
    before = await life.bed.size()
    document = await holdings.as_pdf(life.services, life.subject, lang="fr", reader=OWN, now=life.now)
    helped = reader_of(visitor(life.subject, actor=TAG, mandate=MANDATE))
    content = json.loads(await holdings.as_json(life.services, life.subject, reader=helped, now=life.now))
    assert document.startswith(b"%PDF-")
    assert content["format"] == "passerelle-archive/1"
    entries = await life.bed.journal(before)
    told = ("type", "what", "by", "actor", "mandate")
    assert [tuple(each.get(name) for name in told) for each in entries] == [
        ("log.read", "archive", "subject", None, None), ("log.read", "archive", "representative", TAG, MANDATE),
    ]  # fmt: skip
    (own, by_helper) = (each["sentence"]["fr"] for each in content["entries"][-2:])
    assert own == "Vous avez téléchargé vos informations."
    assert by_helper == "Une personne qui vous aide a téléchargé vos informations."
    assert [each["who"]["fr"] for each in content["entries"][-2:]] == ["vous", "une personne qui vous aide"]


async def test_as_whom_a_visitor_acts(life: Life) -> None:
    """Rule: oneself, or under a mandate looked at again each time; no mandate, no act."""
    await life.known("ml-brume")
    herself = visitor(life.subject, acr="eidas1")
    by = await acting(life.services, herself, purpose=YOUTH, now=life.now)
    assert (by.kind, by.method, by.representative) == ("subject", "eidas1", None)
    assert reader_of(herself) == OWN
    seen = Checked(
        holder=TAG, capacity="aidant", digest="e" * 64, until=life.now + 1_000_000, purposes=frozenset({YOUTH})
    )
    mandates = life.services.channels.mandates
    made = await mandates.record(life.subject, seen, by=AGENT, now=life.now)
    helper = visitor(life.subject, actor=TAG, mandate=made.id)
    by = await acting(life.services, helper, purpose=YOUTH, now=life.now)
    assert (by.kind, by.representative and by.representative.id) == ("representative", made.id)
    assert reader_of(helper) == {"by": "representative", "mandate": made.id, "actor": TAG}
    for who, purpose in ((helper, "orientation.rsa"), (visitor(life.subject, actor="ef" * 16, mandate=made.id), YOUTH)):
        with pytest.raises(PageProblem) as refused:
            await acting(life.services, who, purpose=purpose, now=life.now)
        assert refused.value.code == "forbidden"
    with pytest.raises(PageProblem):
        subject_of(visitor(None))
    assert [each.id for each in await mandates.of(life.subject, now=life.now)] == [made.id]
    await mandates.end(made.id, subject=life.subject, by=HERSELF, now=life.now)
    assert await mandates.of(life.subject, now=life.now) == ()
    assert (await life.bed.journal())[-1]["by"] == "subject"
    with pytest.raises(PageProblem):
        await acting(life.services, helper, purpose=YOUTH, now=life.now)


@pytest.mark.parametrize("capacity", ["curator", "guardian"])
async def test_what_a_judge_or_the_law_gave_is_not_the_persons_to_end(life: Life, capacity: str) -> None:
    """Rule: only an aidant's mandate rests on the person's own choice; nobody else ends one from a page."""
    await life.known("ml-brume")
    mandates = life.services.channels.mandates
    seen = Checked(holder=TAG, capacity=capacity, digest="e" * 64, until=life.now + 1_000_000)
    made = await mandates.record(life.subject, seen, by=AGENT, now=life.now)
    with pytest.raises(MandateRefused):
        await mandates.end(made.id, subject=life.subject, by=HERSELF, now=life.now)
    with pytest.raises(NotEntitled):
        await mandates.end(made.id, subject=life.subject, by=By(kind="representative", channel="page"), now=life.now)
    assert [each.id for each in await mandates.of(life.subject, now=life.now)] == [made.id]


async def test_who_was_never_linked_has_an_archive_too(life: Life) -> None:
    """Rule (GDPR 15): a page that says no number is held, and files that hold the reading alone."""
    services, subject, now = life.services, new_subject_id(), life.now
    await services.vault.create(subject, now=now)
    await services.store.write(lambda connection: create(connection, subject, now=now))
    assert (await holdings.holdings(services, subject)).identifiers == ()
    content = json.loads(await holdings.as_json(services, subject, reader=OWN, now=now))
    person = content["person"]
    assert (person["identifiers"], person["names_at_partners"]) == ([], {})
    assert (await holdings.as_pdf(services, subject, lang="fr", reader=OWN, now=now)).startswith(b"%PDF-")
