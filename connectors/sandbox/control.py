"""What the sandbox says about itself, and the switch that takes an institution down during a demonstration.

Answers for /_sandbox/…: the people and their numbers, and outages. Refuses to do: authentication; the sandbox
listens on the machine itself, and everything it knows is public.
"""

from collections.abc import Iterator, Mapping

from connectors.sandbox.asgi import Answer, Request, Route, Router, reply
from connectors.sandbox.people import INSTITUTIONS, Person


class Control:
    """The routes of the sandbox itself."""

    def __init__(self, router: Router, people: Mapping[str, Person], *, prefixes: tuple[str, ...]) -> None:
        self._router = router
        self._people = people
        self._prefixes = prefixes

    def routes(self) -> Iterator[Route]:
        """Index, people, outages."""
        yield "GET", "/", self._index
        yield "GET", "/_sandbox/people", self._list
        yield "GET", "/_sandbox/outage", self._outages
        yield "PUT", "/_sandbox/outage/{institution}", self._stop
        yield "DELETE", "/_sandbox/outage/{institution}", self._start

    def _index(self, _: Request) -> Answer:
        return reply(200, {"sandbox": "fictional people only", "servers": self._prefixes, "people": "/_sandbox/people"})

    def _list(self, _: Request) -> Answer:
        return reply(200, {"people": [_described(person) for person in self._people.values()]})

    def _outages(self, _: Request) -> Answer:
        return reply(200, {"down": sorted(self._router.outages), "institutions": sorted(self._router.institutions)})

    def _stop(self, request: Request) -> Answer:
        return self._switch(request, down=True)

    def _start(self, request: Request) -> Answer:
        return self._switch(request, down=False)

    def _switch(self, request: Request, *, down: bool) -> Answer:
        institution = request.variables["institution"]
        if institution not in self._router.institutions:
            return reply(404, {"error": "no such institution", "institutions": sorted(self._router.institutions)})
        if down:
            self._router.outages.add(institution)
        else:
            self._router.outages.discard(institution)
        return reply(204)


def _described(person: Person) -> dict[str, object]:
    return {
        "id": person.id,
        "summary": person.summary,
        "flags": person.flags,
        "pivot": person.pivot,
        "identifiers": person.identifiers,
        "situations": {institution: person.standings[institution].situation for institution in INSTITUTIONS},
    }
