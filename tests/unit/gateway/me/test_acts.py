"""What a person does on the pages, and somebody who helps them: one result, at once, kept."""

import re

import pytest

from consent.representatives import Checked
from gateway.web.cookies import NAME
from tests.web.reading import problems, read

from .conftest import HERSELF, Life
from .visits import AGENT, TAG, database_url, main_part, titles, visit

__all__ = ["database_url"]


async def test_stopping_takes_two_activations_and_holds_at_the_next_exchange(full: Life) -> None:
    """Rule (P3, GDPR 7-3): « Arrêter », « Oui, arrêter »; no reason, no sign-in; the next exchange is refused."""
    me = await visit(full)
    id_ = full.ids["ml-brume"]
    assert f"/me/authorisations/{id_}/stop" in (await me.get("/me")).text  # 1
    stop = (await me.get(f"/me/authorisations/{id_}/stop")).text
    assert "CAF du Val-de-Brume" in stop
    assert "24 mois" in stop
    assert "contact@ml-brume.example" in stop
    assert await full.asks("ml-brume", "rsa.since") == 200
    answer = await me.post(f"/me/authorisations/{id_}/stop")  # 2
    assert await full.asks("ml-brume", "rsa.since") == 403
    proof = (await me.get(answer.headers["location"])).text
    assert "C&#39;est arrêté" in proof or "C'est arrêté" in proof
    entry = (await full.record("ml-brume")).entry
    assert f'<span class="code">{entry}</span>' in proof
    assert (await full.bed.journal(entry))[0]["type"] == "authorisation.withdrawn"


@pytest.mark.parametrize(("partner", "field"), [("dept-brume", "rsa.since"), ("ml-brume", "rsa.since")])
async def test_sent_twice_or_after_going_back_it_is_one_result(full: Life, partner: str, field: str) -> None:
    """Rule: the same page twice, one entry, one request."""
    me = await visit(full)
    path = f"/me/authorisations/{full.ids[partner]}/stop"
    await me.get(path)
    first = await me.post(path)
    size = await full.bed.size()
    again = await me.post(path)
    assert (again.headers["location"], await full.bed.size()) == (first.headers["location"], size)
    assert (await me.get(path, status=303)).headers["location"] == first.headers["location"]
    assert await full.asks(partner, field) == 403


async def test_pausing_resuming_and_sharing_less(full: Life) -> None:
    """Rule: each effective at once, shown on the page that follows, harmless when repeated."""
    me, base = await visit(full), f"/me/authorisations/{full.ids['ml-brume']}"
    for _ in range(2):
        assert (await me.post(f"{base}/pause")).headers["location"] == f"{base}?done=paused"
    assert await full.asks("ml-brume", "rsa.since") == 403
    assert "En pause" in (await me.get("/me")).text
    for _ in range(2):
        assert (await me.post(f"{base}/resume")).headers["location"] == f"{base}?done=resumed"
    assert await full.asks("ml-brume", "rsa.since") == 200
    await me.post(f"{base}/narrow", status=422)
    await me.post(f"{base}/narrow", status=400, field="identity.nir")
    for _ in range(2):
        assert (await me.post(f"{base}/narrow", field="rsa.since")).headers["location"] == f"{base}?done=narrowed"
    assert await full.asks("ml-brume", "rsa.since") == 403
    assert await full.asks("ml-brume", "c2s.beneficiary") == 200
    everything = sorted((await full.record("ml-brume")).fields)
    assert (await me.post(f"{base}/narrow", field=everything)).headers["location"] == f"{base}/stop"
    assert await full.asks("ml-brume", "c2s.beneficiary") == 200


async def test_reporting_keeps_what_was_typed_and_proves_itself(full: Life) -> None:
    """Rule: a missing answer asks again with the text kept; then a page with the reference, and only one report."""
    me = await visit(full)
    index = re.findall(r"/me/history/(\d+)/report", (await me.get("/me/history")).text)[0]
    path = f"/me/history/{index}/report"
    assert index in (await me.get(path)).text
    wrong = await me.post(path, status=422, text="Je n'étais pas là <b>")
    assert "pas là &lt;b&gt;" in wrong.text
    for _ in range(2):
        answer = await me.post(path, reason="not_asked", text="Je n'étais pas là")
        assert answer.headers["location"] == f"/me/history/{index}/reported"
    proof = (await me.get(answer.headers["location"])).text
    assert "pas là" in proof
    assert problems(read(proof, names=titles(full))) == []
    assert (await me.get(path, status=303)).headers["location"] == answer.headers["location"]
    assert "Vous l" in (await me.get("/me/history")).text
    types = [each["type"] for each in await full.bed.journal()]
    assert types.count("access.reported") == 1


async def test_requests_have_their_page_and_their_clock(full: Life) -> None:
    """Rule: each right can be asked from the page, answers with its own page, and twice is once."""
    me = await visit(full)
    forms = (
        {"right": "access"}, {"right": "portability"}, {"right": "erasure"},
        {"right": "rectification", "source": "caf-brume", "field": "rsa.since"},
        {"right": "objection", "authorisation": full.ids["dept-brume"]}, {"right": "restriction", "reason": "unlawful"},
    )  # fmt: skip
    for form in forms:
        first, again = [(await me.post("/me/rights/new", **form)).headers["location"] for _ in range(2)]
        assert first == again
        text = (await me.get(first)).text
        assert first.rpartition("/")[2] in text
        assert problems(read(text, names=titles(full))) == []
    assert len(re.findall(r'href="/me/rights/[0-9a-f]{32}"', (await me.get("/me/rights")).text)) == len(forms)
    assert "Tout est arrêté" in (await me.get("/me")).text
    for form in (
        {"right": "weather"}, {"right": "restriction"}, {"right": "objection"}, {"right": "rectification"},
        {"right": "rectification", "source": "caf-brume"},
    ):  # fmt: skip
        await me.post("/me/rights/new", status=422, **form)
    await me.post("/me/rights/new", status=400, right="rectification", source="caf-brume", field="identity.nir")


async def test_connections_are_ended_one_by_one_or_all(full: Life) -> None:
    """Rule: ending the other leaves this one; ending all signs out everywhere."""
    me, other = await visit(full), await visit(full)
    session = (await full.services.sessions.find(other.cookies[NAME], full.now)).session
    await me.post("/me/connections", session=session)
    assert (await other.get("/me", status=303)).headers["location"].startswith("/signin")
    assert main_part((await me.get("/me/connections")).text).count("Téléphone (ici)") == 1
    assert (await me.post("/me/connections", all="1")).headers["location"] == "/signin"
    await me.get("/me", status=303)


async def test_wishes_are_kept_or_asked_again(full: Life) -> None:
    """Rule: what was typed stays when it cannot be kept."""
    me = await visit(full)
    await me.post("/me/words", preference="sms", sms="06 39 98 00 01", lang="en")
    saved = (await me.get("/me/words?done=1")).text
    assert "+33639980001" in saved
    wrong = await me.post("/me/words", status=422, preference="email", sms="06 39 98 00 02", lang="fr")
    assert "06 39 98 00 02" in wrong.text
    assert problems(read(wrong.text)) == []


async def test_a_helper_acts_under_the_mandate_and_changes_no_wish(full: Life) -> None:
    """Rule: what a helper does is noted as such; wishes and mandates are the person's own."""
    mandates = full.services.channels.mandates
    seen = Checked(holder=TAG, capacity="aidant", digest="e" * 64, until=full.now + 10_000_000)
    made = await mandates.record(full.subject, seen, by=AGENT, now=full.now)
    helper = await visit(full, actor=TAG, mandate=made.id, owner="t:helper")
    assert "Vous aidez une autre personne" in (await helper.get("/me")).text
    await helper.post("/me/words", status=403, preference="none", lang="fr")
    await helper.post("/me/help", status=403, mandate=made.id)
    me = await visit(full)
    base = f"/me/authorisations/{full.ids['ml-brume']}"
    await helper.get("/me")
    await helper.post(f"{base}/stop")
    withdrawn = next(each for each in await full.bed.journal() if each["type"] == "authorisation.withdrawn")
    assert (withdrawn["by"], withdrawn["mandate"]) == ("representative", made.id)
    await me.get("/me/help")
    assert (await me.post("/me/help", mandate=made.id)).headers["location"] == "/me/help?done=1"
    await helper.post(f"/me/authorisations/{full.ids['dept-brume']}/stop", status=401)


async def test_a_renewal_is_offered_before_the_end_only(life: Life) -> None:
    """Rule: not before the last month; said no, it runs out; said yes, a new record takes over, once."""
    for partner, days in (("outil-commun", 90), ("ml-brume", 20)):
        id_ = await life.requests(partner)
        record = await life.record(partner)
        await life.services.authorisations.give(
            id_, subject=life.subject, fields=record.requested, by=HERSELF, now=life.now,
            valid_until=life.now + days * 86_400_000,
        )  # fmt: skip
        me, base = await visit(life), f"/me/authorisations/{id_}"
        if days == 90:
            await me.get(f"{base}/renew", status=303)
            assert (await me.post(f"{base}/renew", answer="yes")).headers["location"] == base
            continue
        assert problems(read((await me.get(f"{base}/renew")).text, names=titles(life))) == []
        assert (await me.post(f"{base}/renew", answer="no")).headers["location"] == base
        done = (await me.post(f"{base}/renew", answer="yes")).headers["location"]
        assert done.endswith("?done=renewed")
        assert done != f"{base}?done=renewed"
        assert (await me.post(f"{base}/renew", answer="yes")).headers["location"] == base
        assert "prolongé" in (await me.get(done)).text
