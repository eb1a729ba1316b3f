"""The pages over HTTP, as a browser without scripts asks for them: every state, one result, easy words."""

import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from consent.representatives import Checked
from consent.states import By
from gateway.web.cookies import NAME
from gateway.web.me.asking import OFFERS
from gateway.web.visitor import Identity
from tests.web.reading import problems, read

from .conftest import HERSELF, Life

AGENT = By(kind="professional", channel="counter", actor="ab" * 16)
TAG = "cd" * 16
LIGHT = 20_000  # bytes of HTML: with the style sheet far below the 60 kB a first load may weigh


class Visit:
    """One signed-in person's browser."""

    def __init__(self, life: Life, secret: str) -> None:
        self.life = life
        self.cookies = {NAME: secret}
        self.token = ""

    async def get(self, path: str, *, status: int = 200, lang: str = "fr") -> httpx.Response:
        answer = await self._sent("GET", path, headers={"accept-language": lang})
        assert answer.status_code == status, (path, answer.status_code, answer.text[-600:])
        found = re.search(r'name="form" value="([0-9a-f]+)"', answer.text) if status == 200 else None
        self.token = found[1] if found else self.token
        return answer

    async def post(self, path: str, *, status: int = 303, **form: Any) -> httpx.Response:
        headers = {"sec-fetch-site": "same-origin"}
        answer = await self._sent("POST", path, headers=headers, data={"form": self.token, **form})
        assert answer.status_code == status, (path, answer.status_code, answer.text[-600:])
        return answer

    async def _sent(self, method: str, path: str, **more: Any) -> httpx.Response:
        http = self.life.bed.http
        http.cookies.clear()
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {**more.pop("headers", {}), "cookie": cookies}
        return await http.request(method, path, headers=headers, **more)


async def visit(life: Life, subject: Any = None, **identity: Any) -> Visit:
    """Sign in as this person."""
    whose = subject or life.subject
    usual = {"actor": "subject", "name": "Lucas", "owner": f"t:{whose}", "provider": "test"}
    who = Identity(role="beneficiary", subject=whose, **{**usual, **identity})
    found = Visit(life, await life.services.sessions.open(who, now=life.now, agent="phone"))
    await found.get("/me/words" if "mandate" not in identity else "/me")
    return found


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """What is stored is tested on both engines beside; here one is enough."""
    return f"sqlite:///{tmp_path}/passerelle.db"


@pytest.fixture
async def full(life: Life) -> Life:
    """Somebody with everything: three bases, accesses, a refusal, a request that waits."""
    for partner in ("ml-brume", "dept-brume", "caf-brume"):
        await life.shares(partner)
        await life.asks(partner, *(["registration.status"] if partner == "caf-brume" else ["rsa", "household"]))
    await life.asks("ml-brume", "aah.beneficiary")
    return life


def pages_of(life: Life) -> list[str]:
    """Every page there is to open, in this state."""
    ids = list(life.ids.values())
    ones = [f"/me/authorisations/{id_}{part}" for id_ in ids for part in ("", "/stop")]
    return [
        "/me", "/me/authorisations", "/me/history", "/me/history?all=1", "/me/history?org=caf-brume&month=2020-01",
        "/me/who", "/me/who?by=information", "/me/who/preview", "/me/data", "/me/rights", "/me/rights/new",
        *(f"/me/rights/new?right={right}" for right in OFFERS), "/me/rights/new?right=rectification&source=caf-brume",
        "/me/connections", "/me/help", "/me/words", *ones,
        *(f"/me/who/preview?authorisation={id_}" for id_ in ids),
    ]  # fmt: skip


def titles(life: Life) -> list[str]:
    """Names of institutions: no words of ours."""
    return [str(name) for party in life.services.catalogue.parties.values() for name in party.name.values()]


@pytest.mark.parametrize("simple", ["0", "1"])
async def test_every_full_page_is_easy_to_read_light_and_not_kept(full: Life, simple: str) -> None:
    """Rule (ux.md §5): Kandel-Moles, sentences, words not to use; no store; no personal value in title or address."""
    me = await visit(full)
    hard: list[str] = []
    for path in pages_of(full):
        answer = await me.get(f"{path}{'&' if '?' in path else '?'}simple={simple}")
        hard += [f"{path}: {each}" for each in problems(read(answer.text, names=titles(full)))]
        assert answer.headers["cache-control"] == "no-store"
        assert len(answer.content) <= LIGHT, path
        title = re.search(r"<title>(.*?)</title>", answer.text)
        assert title is not None
        assert "Lucas" not in title[1] + "".join(re.findall(r'href="([^"]*)"', answer.text))
    assert hard == []


async def test_every_empty_page_is_easy_to_read_and_honest(life: Life) -> None:
    """Rule: nobody sees anything, said so plainly; no empty list, no table of nothing."""
    await life.known("ml-brume")
    me = await visit(life)
    for path in pages_of(life):
        answer = await me.get(path)
        assert problems(read(answer.text, names=titles(life))) == [], path
    home = (await me.get("/me")).text
    assert "Personne ne voit vos informations en ce moment." in home
    assert "Personne n&#39;a demandé vos informations." in home or "Personne n'a demandé vos informations." in home
    assert "On vous demande" not in home


async def test_every_page_is_complete_in_english(full: Life) -> None:
    """Rule: `lang` right, and no French sentence of ours left."""
    me = await visit(full)
    for path in pages_of(full):
        text = (await me.get(path, lang="en")).text
        assert '<html lang="en">' in text, path
        assert not re.search(r"\b(?:Vous|Voici|Votre|Personne|partage|informations)\b", _main(text)), path


async def test_home_answers_three_questions_without_a_click(full: Life) -> None:
    """Rule: each organisation with what for, until when and how to stop; the last three accesses; one request."""
    waits = await full.requests("outil-commun")
    text = (await (await visit(full)).get("/me")).text
    assert text.count('/stop"') == 2
    assert len(re.findall(r"/me/history/\d+/report", text)) == 3
    for name in ("CAF du Val-de-Brume", "Mission locale de la Brume", "Département du Val-de-Brume"):
        assert name in text
    assert text.count("On vous demande") == 1
    assert f"/me/ask/{waits}" in text
    assert re.search(r"Jusqu(?:'|&#39;)au \d+ ", text)


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


async def test_the_three_kinds_are_never_mixed(full: Life) -> None:
    """Rule: a choice is stopped, a public task objected to, a legal obligation has no button and no form."""
    me = await visit(full)
    texts = {name: _main((await me.get(f"/me/authorisations/{id_}/stop")).text) for name, id_ in full.ids.items()}
    assert "Oui, arrêter" in texts["ml-brume"]
    assert re.search(r"Oui, je m(?:'|&#39;)oppose", texts["dept-brume"])
    assert "Oui, arrêter" not in texts["dept-brume"]
    assert "<form" not in texts["caf-brume"]
    assert "L.262-27" in texts["caf-brume"]
    await me.post(f"/me/authorisations/{full.ids['caf-brume']}/stop", status=409)
    assert await full.asks("caf-brume", "registration.status") == 200


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


async def test_another_persons_pages_do_not_exist(full: Life) -> None:
    """Rule (IDOR): authorisation, entry, report, request, session of somebody else: the same page as for nothing."""
    me = await visit(full)
    index = re.findall(r"/me/history/(\d+)/report", (await me.get("/me/history")).text)[0]
    await me.post(f"/me/history/{index}/report", reason="other", text="x")
    right = (await me.post("/me/rights/new", right="access")).headers["location"]
    name = await full.known("ml-brume", "zoe-figurant")
    zoe = await visit(full, await full.bed.subject("ml-brume", name))
    nothing = _without_reference((await zoe.get(f"/me/authorisations/{'0' * 32}", status=404)).text)
    id_ = full.ids["ml-brume"]
    for path in (
        f"/me/authorisations/{id_}", f"/me/authorisations/{id_}/stop", f"/me/authorisations/{id_}/stopped",
        f"/me/authorisations/{id_}/narrow", f"/me/authorisations/{id_}/renew", f"/me/history/{index}/report",
        f"/me/history/{index}/reported", f"/me/who/preview?authorisation={id_}", right,
    ):  # fmt: skip
        assert _without_reference((await zoe.get(path, status=404)).text) == nothing, path
    await zoe.get("/me/words")
    for path, form in (
        (f"/me/authorisations/{id_}/stop", {}), (f"/me/authorisations/{id_}/pause", {}),
        (f"/me/authorisations/{id_}/resume", {}), (f"/me/authorisations/{id_}/narrow", {"field": "rsa.since"}),
        (f"/me/authorisations/{id_}/renew", {"answer": "yes"}), (f"/me/history/{index}/report", {"reason": "other"}),
        ("/me/rights/new", {"right": "objection", "authorisation": full.ids["dept-brume"]}),
    ):  # fmt: skip
        await zoe.post(path, status=404, **form)
    mine = (await full.services.sessions.find(me.cookies[NAME], full.now)).session
    await zoe.post("/me/connections", session=mine)
    await me.get("/me")
    assert await full.asks("ml-brume", "rsa.since") == 200
    assert "Lucas" not in (await zoe.get("/me/history?all=1")).text


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


async def test_history_filters_and_pages(full: Life) -> None:
    """Rule: filters stay in the address, foreign words in it change nothing, older lines are one link away."""
    me = await visit(full)
    for _ in range(22):
        await full.asks("ml-brume", "rsa.since")
    text = (await me.get("/me/history?org=ml-brume")).text
    assert len(re.findall(r"/me/history/\d+/report", text)) == 20
    older = re.search(r'href="(/me/history\?before=[^"]+)"', text)
    assert older is not None
    assert "org=ml-brume" in older[1]
    rest = (await me.get(older[1].replace("&amp;", "&"))).text
    assert len(re.findall(r"/me/history/\d+/report", rest)) == 4
    for odd in ("?org=<b>", "?month=9", "?before=-1", "?before=99999999999999999999", "?under=x", "?all=2"):
        await me.get(f"/me/history{odd}")


async def test_downloads_are_files_for_the_person_alone(full: Life) -> None:
    """Rule: saved, not shown, not kept on the way; each is an entry of the journal."""
    me = await visit(full)
    for path, kind in (
        ("/me/data.pdf", "application/pdf"), ("/me/data.json", "application/json"), ("/me/data.csv", "text/csv"),
    ):  # fmt: skip
        answer = await me.get(path)
        assert answer.headers["content-type"].startswith(kind)
        assert answer.headers["content-disposition"].startswith("attachment")
        assert answer.headers["cache-control"] == "no-store"
        assert (await full.bed.journal())[-1]["what"] == "archive"


async def test_the_receipt_is_one_link_away(full: Life) -> None:
    """Rule: « Télécharger mon reçu » of a detail opens, whatever the basis."""
    me = await visit(full)
    for partner in ("ml-brume", "dept-brume", "caf-brume"):
        text = (await me.get(f"/me/authorisations/{full.ids[partner]}")).text
        found = re.search(r'href="(/me/ask/[0-9a-f]{32}/receipt\.pdf)"', text)
        assert found is not None, partner
        assert (await me.get(found[1])).content.startswith(b"%PDF-")


async def test_another_site_has_nothing_fetched_or_written(full: Life) -> None:
    """Rule: a link from elsewhere to a download or a preview leads to the page before it; no entry, no call."""
    me = await visit(full)
    size = await full.bed.size()
    for path in (
        "/me/data.pdf",
        "/me/data.json",
        "/me/data.csv",
        f"/me/who/preview?authorisation={full.ids['ml-brume']}",
    ):
        answer = await me._sent("GET", path, headers={"sec-fetch-site": "cross-site"})
        assert answer.status_code == (200 if "preview" in path else 303)
        assert "2026-" not in answer.text
    assert await full.bed.size() == size


async def test_looking_too_often_is_a_plain_sentence(full: Life) -> None:
    """Rule: 429, what to do, nothing fetched."""
    me = await visit(full)
    for _ in range(12):
        full.services.looks.allows(str(full.subject), full.now)
    answer = await me.get(f"/me/who/preview?authorisation={full.ids['ml-brume']}", status=429)
    assert problems(read(answer.text, names=titles(full))) == []


async def test_connections_are_ended_one_by_one_or_all(full: Life) -> None:
    """Rule: ending the other leaves this one; ending all signs out everywhere."""
    me, other = await visit(full), await visit(full)
    session = (await full.services.sessions.find(other.cookies[NAME], full.now)).session
    await me.post("/me/connections", session=session)
    assert (await other.get("/me", status=303)).headers["location"].startswith("/signin")
    assert _main((await me.get("/me/connections")).text).count("Téléphone (ici)") == 1
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


@pytest.mark.parametrize("path", ["/me", "/me/data.pdf", "/me/history", "/me/who/preview"])
async def test_nobody_else_opens_a_page_of_a_person(full: Life, path: str) -> None:
    """Rule: signed out leads to sign-in, another role to a refusal."""
    out = Visit(full, "invented")
    assert (await out.get(path, status=303)).headers["location"].startswith("/signin?next=")
    dpo = Identity(role="dpo", actor=TAG, owner="t:dpo", organisation="ml-brume", name="C", provider="test")
    inside = Visit(full, await full.services.sessions.open(dpo, now=full.now))
    await inside.get(path, status=403)


def _main(text: str) -> str:
    return text[text.index("<main") : text.index("</main>")]


def _without_reference(text: str) -> str:
    return re.sub(r"[0-9a-f]{32}", "", re.sub(r'href="[^"]*"', "", text))
