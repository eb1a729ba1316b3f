"""Two readers, one meaning: how a token's JSON is written decides how fast it is read, never what it says."""

import json
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.oauth import jose
from gateway.oauth.errors import JwtRefused

HEADER = '{"alg":"ES256"}'

names = st.sampled_from(["a", "b", "é", "\ud800", 'a"'])
leaves = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=3)


def written(separators: tuple[str, str], *, ascii_only: bool) -> st.SearchStrategy[str]:
    """Texts of objects, some with a member twice, which no encoder would write."""
    comma, colon = separators

    def text(value: object) -> str:
        return json.dumps(value, ensure_ascii=ascii_only)

    def members(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        pairs = st.lists(st.tuples(names.map(text), inner), max_size=3)
        return pairs.map(lambda some: "{" + comma.join(name + colon + value for name, value in some) + "}")

    lists = st.recursive(leaves.map(text), lambda inner: members(inner) | inner.map("[{}]".format), max_leaves=6)
    return members(lists)


texts = st.one_of(
    written((",", ":"), ascii_only=False), written((",", ":"), ascii_only=True), written((", ", ": "), ascii_only=True)
)


def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError
    return dict(pairs)


def refuse(_constant: str) -> NoReturn:
    raise ValueError


def token(claims: bytes) -> str:
    return ".".join((jose.encode(HEADER.encode()), jose.encode(claims), jose.encode(b"signature")))


@given(texts)
def test_claims_say_the_same_however_they_are_written(text):
    """RFC 8725 §2.4: one meaning, the one of a strict reader, or a refusal."""
    try:
        data = text.encode()
        value = json.loads(text, object_pairs_hook=once, parse_constant=refuse)
        json.dumps(value, ensure_ascii=False).encode()
        expected = repr(value)
    except ValueError:  # a member twice; no finite number; or a lone surrogate, escaped or not
        data, expected = text.encode("utf-8", "surrogatepass"), None
    if expected is None:
        with pytest.raises(JwtRefused):
            jose.parse(token(data), types=frozenset({""}))
    else:
        assert repr(jose.parse(token(data), types=frozenset({""})).claims) == expected


@pytest.mark.parametrize(
    "text", [r'{"a":"\ud800"}', r'{"\uDFFF":1}', r'{"a":[{"b":"x\udc00\ud800"}]}', r'{"a":"\ud83d"}']
)
def test_half_of_a_character_is_refused(text):
    """It could be compared, stored and answered nowhere: said once, for every reader of a token."""
    with pytest.raises(JwtRefused):
        jose.parse(token(text.encode()), types=frozenset({""}))


def test_both_halves_are_a_character():
    """However they are written."""
    assert jose.parse(token(rb'{"a":"\ud83d\ude00\\ud800"}'), types=frozenset({""})).claims == {
        "a": "\U0001f600\\ud800"
    }


@pytest.mark.parametrize("depth", [200, 300, 600])
def test_what_the_faster_writer_cannot_write_is_still_read(depth):
    """Its writer goes 254 deep, its reader 1,024: neither is a limit of ours."""
    text = '{"deep":' + "[" * depth + "]" * depth + "}"
    assert jose.parse(token(text.encode()), types=frozenset({""})).claims == json.loads(text)
