"""docs/how-to/ask-a-person.md says what the code does: its table is the code's, its requests fit the description."""

import json
import re
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from consent.assistance import GIVING, STOPPING

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "how-to" / "ask-a-person.md").read_text("utf-8")
DESCRIPTION = yaml.safe_load((ROOT / "openapi" / "gateway.yaml").read_text("utf-8"))
REQUESTS = re.findall(r"```http\n(\S+) (\S+)\n(.*?)```", PAGE, re.DOTALL)


def test_the_table_of_channels_is_the_codes() -> None:
    """Every channel, every step, nothing else."""
    rows = re.findall(r"^\| (`\w+`) \| ([`\w ]+) \| ([`\w ]+) \|$", PAGE, re.MULTILINE)
    told = {row[0].strip("`"): tuple(frozenset(re.findall(r"`(\w+)`", cell)) for cell in row[1:]) for row in rows}
    assert told == {channel: (GIVING[channel], STOPPING[channel]) for channel in GIVING}


@pytest.mark.parametrize(("method", "path", "body"), REQUESTS)
def test_every_request_of_the_page_is_in_the_description_and_fits_it(method: str, path: str, body: str) -> None:
    """Copied, they are read."""
    operation = DESCRIPTION["paths"][path][method.lower()]
    if body.strip():
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        Draft202012Validator({**schema, "components": DESCRIPTION["components"]}).validate(json.loads(body))
    else:
        assert "requestBody" not in operation


def test_the_page_shows_every_way_of_asking() -> None:
    """Nine requests."""
    assert len(REQUESTS) == 9
