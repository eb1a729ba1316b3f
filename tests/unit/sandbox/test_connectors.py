"""Every person through every real connector, over a real socket: the outcome named in the person's file."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from connectors import registry
from connectors.base import Ask, AskActor, Connector, Fetched
from connectors.sandbox import sources
from connectors.sandbox.people import INSTITUTIONS, Person, load

from .conftest import SIRET

PATIENCE = 3.0  # seconds; less than the delay of a slow person, more than a busy machine needs for the others


async def fetch(connector: Connector, person: Person) -> Mapping[str, Fetched]:
    ask = Ask(
        fields=tuple(sorted(name for supply in connector.datasets.values() for name in supply.fields)),
        identifiers={**person.identifiers, "pivot": json.dumps(person.pivot)},
        actor=AskActor(id="YK0001", family_name="KERMADEC", given_name="Yann"),
        recipient_siret=SIRET,
    )
    try:
        return await connector.fetch(ask, deadline=asyncio.get_running_loop().time() + PATIENCE)
    finally:
        await connector.close()


async def everything(served: str, person: Person) -> dict[str, Mapping[str, Fetched]]:
    """A fresh connector for each source: a person who is rate limited must not silence the next one."""
    configured = sources(served)
    answers = await asyncio.gather(
        *(fetch(registry.build(configured[name]), person) for name in INSTITUTIONS), return_exceptions=False
    )
    return dict(zip(INSTITUTIONS, answers, strict=True))


@pytest.mark.parametrize("name", sorted(load()))
async def test_every_connector_reports_the_outcome_of_the_file(
    name: str, served: str, everybody: dict[str, Person]
) -> None:
    """What `expect` says, dataset by dataset, at the three institutions at once."""
    person = everybody[name]
    answers = await everything(served, person)
    reported = {source: {one: str(f.outcome) for one, f in datasets.items()} for source, datasets in answers.items()}
    expected = {
        source: {one: person.standings[source].expected(one) for one in datasets}
        for source, datasets in answers.items()
    }
    assert reported == expected


async def test_the_demonstration_brings_what_the_story_tells(served: str, everybody: dict[str, Person]) -> None:
    """Amina Delorme: a quotient below 800, RSA with supplement, registered, and no word from the Département."""
    answers = await everything(served, everybody["amina-delorme"])
    [quotient] = answers["caf-brume"]["quotient_familial"].rows
    [household] = answers["caf-brume"]["household"].rows
    [registration] = answers["ft-brume"]["registration"].rows
    assert quotient["quotient_familial.value"] == 512
    assert (household["household.postcode"], household["household.commune"]) == ("99010", "BRUME-SUR-LOIRE")
    assert registration["registration.status"] == "Inscrit"
    assert {str(one.outcome) for one in answers["dept-brume"].values()} == {"unavailable"}


async def test_drift_names_the_places_and_drops_what_is_new(served: str, everybody: dict[str, Person]) -> None:
    """The paths of the changed members, never their values."""
    answers = await everything(served, everybody["maxime-tessier"])
    assert "/data/*" in answers["caf-brume"]["c2s"].drift
    assert "/rdv/starts_at" in answers["dept-brume"]["rdv"].drift
    assert "9719" not in str([one.rows for one in answers["caf-brume"].values()])


async def test_a_cut_connection_and_a_late_answer_look_so_from_outside(
    served: str, everybody: dict[str, Person], identity_query: Any, known: Any
) -> None:
    """Over a socket, with a client that is not ours."""
    headers = {"Authorization": f"Bearer {known.tokens[0]}"}
    async with httpx.AsyncClient(base_url=served, headers=headers, timeout=0.5) as client:

        async def ask(name: str) -> httpx.Response:
            query = identity_query(everybody[name])
            return await client.get("/api-particulier/v3/dss/prime_activite/identite", params=query)

        assert (await ask("lucas-perrin")).status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            await ask("theo-garnier")
        with pytest.raises(httpx.ReadTimeout):
            await ask("odile-masson")
