"""Settings of a source: every mistake names its key and shows no value."""

import pytest

from connectors.base import now_ms
from connectors.errors import ConnectorConfigInvalid, ConnectorError
from connectors.registry import build
from tests.unit.connectors.factories import AP, FT, RDVI, with_options

SECRET = "valeur-secrete"


@pytest.mark.parametrize(
    ("config", "key"),
    [
        ({}, "connector"),
        ({**AP, "connector": "minitel"}, "connector"),
        ({**AP, "connector": 5}, "connector"),
        ({**AP, "base_url": None}, "base_url"),
        ({**AP, "base_url": f"/{SECRET}"}, "base_url"),
        ({**AP, "base_url": f"https://[{SECRET}"}, "base_url"),
        ({**AP, "base_url": f"https://ap.example:{SECRET}"}, "base_url"),
        ({**AP, "base_url": "ftp://ap.example"}, "base_url"),
        ({**AP, "base_url": f"https://u:{SECRET}@ap.example"}, "base_url"),
        ({**AP, "base_url": f"https://ap.example/?k={SECRET}"}, "base_url"),
        ({**AP, "base_url": f"https://ap.example/#{SECRET}"}, "base_url"),
        ({**AP, "base_url": "http://ap.example"}, "base_url"),
        ({**AP, "auth_url": "https://ap.example"}, "auth_url"),
        ({**FT, "auth_url": ""}, "auth_url"),
        ({**AP, "colour": SECRET}, "colour"),
        ({**AP, "credentials": SECRET}, "credentials"),
        ({**AP, "credentials": {}}, "credentials.token"),
        ({**AP, "credentials": {"token": 5}}, "credentials.token"),
        ({**AP, "credentials": {"token": f"{SECRET}\n"}}, "credentials.token"),
        ({**AP, "credentials": {"token": f"{SECRET}…"}}, "credentials.token"),
        ({**AP, "credentials": {"token": "x", "secret": SECRET}}, "credentials.secret"),
        ({**FT, "credentials": {"client_id": SECRET}}, "credentials.client_secret"),
        ({**AP, "options": [SECRET]}, "options"),
        (with_options(AP, colour=SECRET), "options.colour"),
        (with_options(AP, concurrency="many"), "options.concurrency"),
        (with_options(AP, concurrency=0), "options.concurrency"),
        (with_options(AP, concurrency=True), "options.concurrency"),
        (with_options(AP, call_timeout=-1), "options.call_timeout"),
        (with_options(AP, call_timeout=1e9), "options.call_timeout"),
        (with_options(AP, ca_file="/nowhere"), "options.ca_file"),
        (with_options(AP, ca_file=__file__), "options.ca_file"),
        (with_options(RDVI, organisation="brume"), "options.organisation"),
        ({**RDVI, "options": {}}, "options.organisation"),
    ],
)
def test_a_mistake_names_its_key_and_shows_no_value(config, key):
    """The operator learns where, and a log learns nothing else."""
    with pytest.raises(ConnectorConfigInvalid) as raised:
        build(config)
    assert raised.value.key == key
    assert raised.value.code == "connector_config_invalid"
    assert isinstance(raised.value, ConnectorError)
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize(
    "config",
    [
        {**AP, "base_url": "http://127.0.0.1:8001/"},
        {**AP, "base_url": "http://[::1]:8001"},
        {**AP, "base_url": "http://localhost:8001"},
        with_options({**AP, "base_url": "http://sandbox:8001"}, allow_http=True),
        with_options(RDVI, organisation=990001, concurrency=4, call_timeout=3, proxy="http://proxy.example:3128"),
        {key: value for key, value in FT.items() if key != "options"},
    ],
)
async def test_a_local_or_allowed_server_needs_no_tls(config):
    """The sandbox speaks plain HTTP; anything else must be allowed by name."""
    connector = build(config)
    assert connector.health().state == "unknown"
    await connector.close()


async def test_secrets_are_in_no_repr():
    """The settings of a source may be shown: not its credentials."""
    from connectors.config import read_config

    settings = read_config(AP, credentials=frozenset({"token"}), auth=False, options={})
    assert AP["credentials"]["token"] not in repr(settings)


def test_the_wall_clock_is_in_milliseconds():
    """Every time of a record is integer milliseconds UTC."""
    assert isinstance(now_ms(), int)
    assert now_ms() > 1_700_000_000_000
