"""Which pages `bench.screens` asks for, as whom, each time with another filter, person, entry or date.

A page is known by who asks and a title. Left out: addresses that lead elsewhere or answer a form, and those a provider
sends a browser back to.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from bench.console_log import offers
from bench.lives import Life
from consent.vault import SubjectId
from gateway.console.filters import Filter
from gateway.console.kinds import Scope, date_of, day_of
from gateway.console.persons import Sought
from gateway.oversight import watch
from gateway.oversight.breach import MOST
from gateway.problem_table import PROBLEMS
from gateway.services import Services
from gateway.web.ask.landing import VISIT
from gateway.web.cookies import NAME
from gateway.web.dpo.policies import SIZES
from gateway.web.integrators import ROOT, SHELVES
from gateway.web.me.asking import OFFERS
from gateway.web.visitor import Identity, Role

_MONTHS = 3
_SESSIONS = 40


@dataclass(frozen=True, slots=True)
class Visit:
    """One request: an address, and the cookies it is asked with."""

    path: str
    cookies: Mapping[str, str] = field(default_factory=dict, repr=False)
    status: int = 200


Draw = Callable[[Random], Visit]
Pages = dict[tuple[str, str], Draw]


async def visits(
    services: Services, names: Sequence[tuple[str, str]], lives: Sequence[Life], draft: str, previous: str
) -> Pages:
    """All of them; `names` are (pseudonym, subject) of people of the journal whom nobody has linked."""
    found = {**await _search(services, names), **await _oversight(services, lives, draft, previous)}
    return found | await _person(services, lives) | await _unlinked(services, names) | await _others(services, lives)


async def _search(services: Services, names: Sequence[tuple[str, str]]) -> Pages:
    """The journal: a filter of every kind, dense and rare, the first page and a late one."""
    lines, today = offers(services), day_of(services.clock())
    kinds = list((await services.console.search.kinds()).values())
    datasets = sorted({name for kind in kinds for name in kind.datasets})
    reasons = sorted({name for kind in kinds for name in kind.reasons})
    whole = Filter(since=today - 91, until=today)
    agents = await services.console.search.actors(Scope("ml-brume"), whole, most=200)
    size = (await services.console.search.find(Scope(None), whole)).rows[0].index
    head, own = _dpo("gi-brume", consortium=True), _dpo("ml-brume")
    searches = [
        await services.console.persons.look(
            Sought(by="pseudonym", org="ml-brume", name=name), scope=Scope(None), actor=head.actor,
            organisation="gi-brume",
        )
        for name, _ in names[:40]
    ]  # fmt: skip
    made = await services.console.exports.make(
        Scope("ml-brume"), Filter(since=today - 1, until=today, org="ml-brume"), actor=head.actor,
        organisation="gi-brume", strong=True,
    )  # fmt: skip
    ask, mine = await _as(services, head), await _as(services, own)

    def query(**words: str) -> str:
        return "/dpo/search?" + "&".join(f"{name}={value}" for name, value in words.items())

    def entry(draw: Random) -> str:
        return f"/dpo/entries/{draw.randrange(size)}"

    return {
        ("consortium", "/dpo"): ask("/dpo"),
        ("consortium", "search, no filter"): ask("/dpo/search"),
        ("consortium", "search, far back"): ask(lambda draw: query(after=str(draw.randrange(size // 4, size)))),
        ("consortium", "search, organisation and event"): ask(
            lambda draw: query(
                org=draw.choice(lines).org, type=draw.choice(["exchange.released", "authorisation.withdrawn"])
            )
        ),
        ("consortium", "search, dataset and reason"): ask(
            lambda draw: query(dataset=draw.choice(datasets), reason=draw.choice(reasons))
        ),
        ("consortium", "search, one day"): ask(lambda draw: query(**_days(today - draw.randrange(80), 0))),
        ("consortium", "search, batch job"): ask(query(actor="batch:nightly")),
        ("consortium", "search, a person"): ask(lambda draw: query(person=str(draw.choice(searches)))),
        ("dpo", "/dpo"): mine("/dpo"),
        ("dpo", "search, no filter"): mine("/dpo/search"),
        ("dpo", "search, refused"): mine(lambda draw: query(decision="deny", reason=draw.choice(reasons))),
        ("dpo", "search, an agent"): mine(lambda draw: query(actor=draw.choice(agents)[0])),
        ("consortium", "/dpo/search/person"): ask("/dpo/search/person"),
        ("consortium", "entry"): ask(entry),
        ("consortium", "proof"): ask(lambda draw: f"{entry(draw)}/proof"),
        ("consortium", "integrity"): ask("/dpo/integrity"),
        ("consortium", "/dpo/keys"): ask("/dpo/keys"),
        ("consortium", "consultations"): ask("/dpo/consultations"),
        ("consortium", "export, before it is made"): ask(lambda draw: "/dpo/export?org=" + draw.choice(lines).org),
        ("consortium", "export, made"): ask(f"/dpo/export/{made.id}"),
        ("consortium", "export, its file"): ask(f"/dpo/export/{made.id}/file"),
    }


async def _oversight(services: Services, lives: Sequence[Life], draft: str, previous: str) -> Pages:
    """Registers, rules, requests, breaches, watch list."""
    lines, today = offers(services), day_of(services.clock())
    ask = await _as(services, _dpo("gi-brume", consortium=True))
    mine = await _as(services, _dpo("ml-brume"))
    alerts = [each.alert.id for each in await watch.watched(services, Scope(None), now=services.clock())]
    in_force = services.catalogue.digest
    releases, widest = await _widest(services, today)

    def radius(draw: Random, page: str = "breach", org: str = "") -> str:
        days = _days(today - draw.randrange(60), 2)
        return f"/dpo/{page}?what={org or draw.choice(lines).org}&since={days['since']}&until={days['until']}"

    def right(draw: Random) -> str:
        return f"/dpo/rights/{draw.choice(lives).right}"

    words = ("/dpo/registers", "/dpo/registers/print", "/dpo/registers.json", "/dpo/registers.csv", "/dpo/policies",
             "/dpo/rights", "/dpo/breach", "/dpo/watch", "/dpo/watch?all=1", "/dpo/reconciliation")  # fmt: skip
    return {
        **{("consortium", path): ask(path) for path in words},
        ("consortium", "register of before"): ask(f"/dpo/registers?version={previous}"),
        ("consortium", "registers, difference"): ask(
            f"/dpo/registers/difference?before={previous}&after={in_force}"
        ),
        ("consortium", "draft"): ask(f"/dpo/policies/{draft}"),
        **{
            ("consortium", f"draft, replayed over {last:,} decisions"): ask(f"/dpo/policies/{draft}?last={last}")
            for last in SIZES
        },
        ("consortium", "rights request"): ask(right),
        ("consortium", "rights request, letter"): ask(lambda draw: f"{right(draw)}/letter"),
        ("consortium", "rights request, archive"): ask(lambda draw: f"{right(draw)}/archive.zip"),
        ("consortium", "breach, a partner, three days"): ask(radius),
        ("dpo", "breach, three days"): mine(lambda draw: radius(draw, org="ml-brume")),
        ("consortium", f"breach, {releases:,} releases"): ask(f"/dpo/breach?{widest}"),
        ("consortium", "breach, notice, three days"): ask(lambda draw: radius(draw, "breach/notice")),
        ("consortium", "alert"): ask(lambda draw: f"/dpo/watch/{draw.choice(alerts)}"),
        ("consortium", "entry of a person often asked about"): ask(
            lambda draw: f"/dpo/entries/{draw.choice(draw.choice(lives).seen)}"
        ),
    }  # fmt: skip


async def _person(services: Services, lives: Sequence[Life]) -> Pages:
    """Pages of people with sharings of every kind and some hundred lines of history."""
    sessions = {life.subject: await _session(services, _herself(life.subject)) for life in lives}
    today = day_of(services.clock())
    orgs = sorted({each.org for each in offers(services)})

    def page(path: str | Callable[[Life, Random], str]) -> Draw:
        def drawn(draw: Random) -> Visit:
            life = draw.choice(lives)
            return Visit(path if isinstance(path, str) else path(life, draw), sessions[life.subject])

        return drawn

    def one(what: str, page_: str = "") -> Draw:
        return page(lambda life, _: f"/me/authorisations/{life.ids[what]}{page_}")

    def month(draw: Random) -> str:
        return date_of(today - 30 * draw.randrange(_MONTHS)).isoformat()[:7]

    words = ("/me", "/me/authorisations", "/me/history", "/me/history?all=1", "/me/who", "/me/who?by=information",
             "/me/who/preview", "/me/data", "/me/data.json", "/me/data.pdf", "/me/rights", "/me/rights/new",
             "/me/connections", "/me/help", "/me/words")  # fmt: skip
    return {
        **{("person", path): page(path) for path in words},
        ("person", "an authorisation"): one("given"),
        ("person", "a sharing the law imposes"): one("imposed"),
        ("person", "stop"): one("given", "/stop"),
        ("person", "stopped"): one("stopped", "/stopped"),
        ("person", "narrow"): one("given", "/narrow"),
        ("person", "renew"): one("ending", "/renew"),
        ("person", "history, an organisation"): page(lambda _, draw: f"/me/history?org={draw.choice(orgs)}"),
        ("person", "history, a month"): page(lambda _, draw: f"/me/history?month={month(draw)}"),
        ("person", "history, one sharing"): page(lambda life, _: f"/me/history?under={life.ids['given']}"),
        ("person", "history, further back"): page(lambda _, draw: f"/me/history?before={draw.randrange(20, 100)}"),
        ("person", "report"): page(lambda life, draw: f"/me/history/{draw.choice(life.seen)}/report"),
        ("person", "reported"): page(lambda life, _: f"/me/history/{life.reported}/reported"),
        ("person", "preview, with the sandbox's sources"): page(
            lambda life, _: f"/me/who/preview?authorisation={life.ids['given']}"
        ),
        ("person", "a right to ask"): page(lambda _, draw: f"/me/rights/new?right={draw.choice(list(OFFERS))}"),
        ("person", "a request of theirs"): page(lambda life, _: f"/me/rights/{life.right}"),
        ("person", "request screen"): page(lambda life, _: f"/me/ask/{life.ids['waiting']}"),
        ("person", "request screen, objection"): page(lambda life, _: f"/me/ask/{life.ids['imposed']}"),
        ("person", "receipt"): page(lambda life, _: f"/me/ask/{life.ids['given']}/receipt"),
        ("person", "receipt, PDF"): page(lambda life, _: f"/me/ask/{life.ids['given']}/receipt.pdf"),
        ("person", "receipt, JSON"): page(lambda life, _: f"/me/ask/{life.ids['given']}/receipt.json"),
        ("link", "one-time link"): lambda draw: Visit(f"/r/{draw.getrandbits(128):032x}"),
        ("link", "request screen"): lambda draw: Visit("/r/here", {VISIT: draw.choice(lives).visit}),
    }


async def _unlinked(services: Services, names: Sequence[tuple[str, str]]) -> Pages:
    """People of the journal with a few lines each, whom nobody has linked."""
    some = [await _session(services, _herself(SubjectId(subject))) for _, subject in names[:_SESSIONS]]

    def page(path: str) -> Draw:
        return lambda draw: Visit(path, draw.choice(some))

    words = ("/me", "/me/history", "/me/who", "/me/data", "/me/data.json", "/me/data.pdf", "/me/connections",
             "/me/rights")  # fmt: skip
    return {("person nobody linked", path): page(path) for path in words}


async def _others(services: Services, lives: Sequence[Life]) -> Pages:
    """A professional beside the person, and pages for everybody."""
    pro = await _as(services, _identity("professional", "outil-commun"))
    shelves = {path.stem: path.parent.name for shelf in SHELVES for path in sorted((ROOT / shelf).glob("*.md"))}
    guides = [f"/docs/guides/{shelf}/{name}" for name, shelf in shelves.items()]

    def page(path: str) -> Draw:
        return lambda _: Visit(path)

    words = ("/help", "/signin", "/signout", "/signout/back", "/docs", "/docs/ui/swagger-ui-bundle.js", "/docs/guides",
             "/docs/people")  # fmt: skip
    return {
        ("professional", "/pro"): pro("/pro"),
        ("professional", "request"): pro(lambda draw: f"/pro/ask/{draw.choice(lives).ids['waiting']}"),
        ("professional", "what was noted"): pro(lambda draw: f"/pro/ask/{draw.choice(lives).ids['waiting']}/done"),
        ("anybody", "/ (leads to /signin)"): lambda _: Visit("/", status=303),
        **{("anybody", path): page(path) for path in words},
        ("anybody", "a guide"): lambda draw: Visit(draw.choice(guides)),
        ("anybody", "an error explained"): lambda draw: Visit(f"/errors/{draw.choice(sorted(PROBLEMS))}"),
    }


async def _widest(services: Services, today: int) -> tuple[int, str]:
    """How many releases the widest breach that is counted has, and its query: one partner, up to today."""
    released: Counter[tuple[str, int]] = Counter()
    for day, kind, entries in await services.console.search.counts(
        Scope(None), Filter(since=today - 91, until=today, type="exchange.released")
    ):
        released[kind.org, today - day] += entries
    best = (0, "", 0)
    for org in sorted({org for org, _ in released}):
        count = back = 0
        while back < 92 and count + released[org, back] <= MOST:
            count += released[org, back]
            back += 1
        best = max(best, (count, org, back - 1))
    days = _days(today, best[2])
    return best[0], f"what={best[1]}&since={days['since']}&until={days['until']}"


def _days(until: int, before: int) -> dict[str, str]:
    return {"since": date_of(until - before).isoformat(), "until": date_of(until).isoformat()}


async def _as(services: Services, identity: Identity) -> Callable[[str | Callable[[Random], str]], Draw]:
    """Pages of one human: an address, or what draws one."""
    cookies = await _session(services, identity)

    def page(path: str | Callable[[Random], str]) -> Draw:
        return lambda draw: Visit(path if isinstance(path, str) else path(draw), cookies)

    return page


async def _session(services: Services, identity: Identity) -> Mapping[str, str]:
    return {NAME: await services.sessions.open(identity, now=services.clock(), agent="bench")}


def _dpo(organisation: str, *, consortium: bool = False) -> Identity:
    return _identity("dpo", organisation, consortium=consortium)


def _identity(role: Role, organisation: str, *, consortium: bool = False) -> Identity:
    return Identity(
        role=role, actor=organisation.encode().hex().ljust(32, "0")[:32], owner=f"bench:{role}:{organisation}",
        organisation=organisation, consortium=consortium, name="Camille Vernier", strong=True, provider="bench",
    )  # fmt: skip


def _herself(subject: SubjectId) -> Identity:
    return Identity(role="beneficiary", actor="subject", owner=f"bench:{subject}", subject=subject, provider="bench")
