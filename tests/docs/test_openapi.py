"""The written description and the router are the same API, and real answers have the described shapes."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from starlette.routing import Route

from connectors import sandbox
from gateway.web.page import wants_page
from tests.bed import bed, served

DESCRIPTION = yaml.safe_load((Path(__file__).parents[2] / "openapi" / "gateway.yaml").read_text("utf-8"))


def schema(name: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": DESCRIPTION["components"]})


@pytest.fixture
async def gateway(tmp_path: Path):
    async with (
        served(sandbox.build()) as url,
        bed(tmp_path, database_url=f"sqlite:///{tmp_path}/p.db", sandbox_url=url) as it,
    ):
        yield it


def is_page(path: str) -> bool:
    return wants_page({"path": path}) or path.startswith(("/docs", "/static/"))


async def test_description_and_router_have_the_same_paths_and_methods(gateway: Any) -> None:
    """Nothing is served that is not described, nothing described that is not served: but for pages, read by people."""
    router = gateway.http._transport.app._app
    # a class endpoint answers every method itself, so that its errors keep the form of RFC 6749
    served_paths = {
        (route.path.replace(":path}", "}"), method)
        for route in router.routes
        if isinstance(route, Route) and not is_page(route.path)
        for method in (route.methods or {"POST"}) - {"HEAD"}
    }
    described = {(path, method.upper()) for path, operations in DESCRIPTION["paths"].items() for method in operations}
    assert served_paths == described


async def test_real_answers_have_the_described_shape(gateway: Any) -> None:
    """Request bodies, answers and problems validate against the description."""
    await gateway.partner("ml-brume")
    token = await gateway.token("ml-brume")
    pseudonym = await gateway.link(token, "lucas-perrin")
    refused = await gateway.exchange(token, pseudonym, "support.youth", ["rsa"])
    schema("Problem").validate(refused.json())
    asked = {"subject": {"pseudonym": pseudonym}, "purpose": "support.youth"}
    schema("AuthorisationRequest").validate(asked)
    requested = await gateway.post("/v1/authorisation-requests", asked, token)
    schema("AuthorisationAnswer").validate(requested.json())
    subject = await gateway.subject("ml-brume", pseudonym)
    from tests.bed import PERSON_HERSELF

    await gateway.services.authorisations.give(
        requested.json()["id"],
        subject=subject,
        fields=frozenset(requested.json()["fields"]),
        by=PERSON_HERSELF,
        now=gateway.services.clock(),
    )
    answer = await gateway.exchange(token, pseudonym, "support.youth", ["rsa", "rdv", "household", "aah"])
    assert answer.status_code == 200, answer.text
    schema("ExchangeAnswer").validate(answer.json())
    catalogue = await gateway.http.get("/v1/catalogue", headers={"Authorization": f"Bearer {token}"})
    assert {"recipient", "catalogue", "purposes"} <= set(catalogue.json())
    await gateway.services.publisher.publish_once(gateway.services.clock())
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
    receipt = await gateway.http.get("/log/entries/0/receipt", headers=headers)
    schema("LogReceipt").validate(receipt.json())
    for key in (await gateway.http.get("/log/keys", headers=headers)).json()["keys"]:
        schema("LogKey").validate(key)
