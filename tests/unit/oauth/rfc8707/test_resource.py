"""RFC 8707: the one resource that tokens are for, and every other one."""

import pytest

ISSUER = "https://passerelle.example.org"


@pytest.mark.parametrize(
    "resource", [ISSUER, f"{ISSUER}/", "HTTPS://PASSERELLE.example.org", "https://passerelle.example.org:443"]
)
async def test_the_resource_may_be_named(world, resource):
    """§2: the gateway, however its address is written; the token is for it and for nothing else."""
    token = await world.token(resource=resource)
    assert world.read(token)[1]["aud"] == ISSUER


@pytest.mark.parametrize(
    "resource",
    [
        "https://elsewhere.example.org", "https://passerelle.example.org.evil.example", f"{ISSUER}/v1/exchanges",
        f"{ISSUER}?a=b", f"{ISSUER}#a", "http://passerelle.example.org", "https://passerelle.example.org:8443",
        "passerelle", "/", "urn:passerelle", "https://a@passerelle.example.org",
    ],
)  # fmt: skip
@pytest.mark.parametrize("grant", ["client_credentials", "token_exchange"])
async def test_another_resource_is_an_invalid_target(world, resource, grant):
    """§2: no token for a resource that is not ours, and none for ours in its place."""
    form = world.form if grant == "client_credentials" else world.exchange_form
    answer = await world.post(form(resource=resource))
    assert answer.status_code == 400
    world.refused(answer, "invalid_target", "target")


async def test_several_resources_are_an_invalid_target(world):
    """§2.2: legal to ask, but a token of ours has one audience; even the same one twice."""
    form = world.form()
    for others in ([ISSUER, "https://elsewhere.example.org"], [ISSUER, ISSUER]):
        answer = await world.post(form | {"resource": others})
        world.refused(answer, "invalid_target", "target")


async def test_an_audience_of_the_exchange_is_held_to_the_same(world):
    """RFC 8693 §2.1 `audience`: ours or none, once."""
    assert await world.person_token(audience=ISSUER)
    for audience in ("siae-brume", ["a", "b"]):
        answer = await world.post(world.exchange_form() | {"audience": audience})
        world.refused(answer, "invalid_target", "target")


async def test_another_parameter_twice_stays_an_invalid_request(world):
    """RFC 6749 §3.2, also beside a resource that is there twice."""
    answer = await world.post(world.form() | {"resource": [ISSUER, ISSUER], "scope": ["data:rsa", "data:rsa"]})
    world.refused(answer, "invalid_request", "duplicate")
