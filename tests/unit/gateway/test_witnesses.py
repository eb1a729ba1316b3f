"""Which addresses of witnesses are asked, and how often anybody may ask us."""

import pytest

from audit.cosignature import Cosigner
from audit.errors import PolicyInvalid
from gateway.pace import Pace
from gateway.witnesses import compare, read_policy
from tests.bed import settings_of

KEY = Cosigner("w.example", b"\1" * 32).vkey


def policy(url: str) -> str:
    return f"witness w {KEY} {url}\nquorum w\n"


@pytest.mark.parametrize("url", ["https://w.example/witness", "http://127.0.0.1:8001/witness", "http://[::1]:1", ""])
def test_witnesses_are_reached_by_https_or_on_this_machine(tmp_path, url):
    """A witness without address is only for verifying."""
    (tmp_path / "policy").write_text(policy(url))
    assert read_policy(str(tmp_path / "policy")).witnesses["w"].url == (url or None)


@pytest.mark.parametrize(
    "url",
    [
        "http://w.example/witness",
        "ftp://127.0.0.1/",
        "https://",
        "https://user:secret@w.example/",
        "https://w.example/?a=b",
        "https://w.example/#a",
        "https://[w/",
        "w.example",
    ],
)
def test_other_addresses_are_refused_without_repeating_them(tmp_path, url):
    """A refusal made up on the way would be believed; an address may hold a secret."""
    (tmp_path / "policy").write_text(policy(url))
    with pytest.raises(PolicyInvalid, match="the URL of w must") as refused:
        read_policy(str(tmp_path / "policy"))
    assert "secret" not in str(refused.value)


def test_a_policy_that_is_not_there_is_refused(tmp_path):
    """The path is told."""
    with pytest.raises(PolicyInvalid, match="cannot be read"):
        read_policy(str(tmp_path / "policy"))


async def test_without_a_policy_there_is_nothing_to_compare(tmp_path):
    """The command says so."""
    settings = settings_of(tmp_path, database_url=f"sqlite:///{tmp_path}/p.db", sandbox_url="http://127.0.0.1:9")
    assert await compare(settings) == {}


def test_the_pace_is_per_address_and_comes_back():
    """Burst, then a steady rate; other addresses are not held up; a /64 is one address."""
    pace = Pace(burst=2, per_second=1)
    assert [pace.allows("192.0.2.1", 0) for _ in range(3)] == [True, True, False]
    assert pace.allows("192.0.2.2", 0)
    assert [pace.allows("192.0.2.1", 1000) for _ in range(2)] == [True, False]
    assert [pace.allows(f"2001:db8::{n}", 0) for n in range(3)] == [True, True, False]
    assert pace.allows("2001:db8:0:1::", 0)


def test_the_pace_remembers_a_bounded_number_of_addresses():
    """The longest silent is forgotten first."""
    pace = Pace(burst=1, per_second=1, addresses=2)
    assert all(pace.allows(address, 0) for address in ("a", "b", "c"))
    assert [pace.allows(address, 0) for address in ("c", "a")] == [False, True]
