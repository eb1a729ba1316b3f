"""The form reader reads what the standard library reads, and refuses what it refuses."""

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.oauth.form import MAX_PARAMETERS, _fields, _pair

TEXT = st.text(st.sampled_from("ab%+&=:/23AFaf5é ~"), max_size=40) | st.text(max_size=20)


def ours(body: str) -> list[tuple[str, str]] | None:
    try:
        return [_pair(field) for field in _fields(body)]
    except ValueError:
        return None


def theirs(body: str) -> list[tuple[str, str]] | None:
    try:
        return parse_qsl(
            body, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=MAX_PARAMETERS
        )
    except ValueError:
        return None


@given(TEXT)
def test_every_body_is_read_as_by_the_standard_library(body: str) -> None:
    """Names, values, percent signs, plus signs, what is missing."""
    assert ours(body) == theirs(body)


@pytest.mark.parametrize(
    "body",
    ["", "a", "a=", "=a", "a=b&", "&", "a=b&&c=d", "a=%3A%2F", "a=%253A", "a=%%3A", "a=%2%3A5", "a=%3a", "a=+%3A",
     "%3A=%2f", "a=%zz", "a=%", "a=%ff", "a=%C3%A9", "a=b=c", "a=1&a=2",
     "&".join(["a=b"] * 32), "&".join(["a=b"] * 33)],
)  # fmt: skip
def test_the_hard_ones_too(body: str) -> None:
    """By hand."""
    assert ours(body) == theirs(body)
