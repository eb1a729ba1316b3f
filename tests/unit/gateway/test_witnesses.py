"""Which addresses of witnesses are asked, and how often anybody may ask us."""

from pathlib import Path

import pytest

from audit.cosignature import Cosigner
from audit.errors import PolicyInvalid
from audit.policy import parse_policy
from gateway.pace import Pace
from gateway.processes import free_port
from gateway.witnesses import compare, read_policy
from tests.bed import settings_of
from tests.unit.gateway.conftest import Passerelle

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
    """The path is told; so is one of which logs could not show the names."""
    (tmp_path / "octets").write_bytes(b"# \xff\nquorum none\n")
    with pytest.raises(PolicyInvalid, match="cannot be read"):
        read_policy(str(tmp_path / "octets"))
    (tmp_path / "octets").write_bytes(b"quorum none\r\n")
    with pytest.raises(PolicyInvalid, match="control"):
        read_policy(str(tmp_path / "octets"))
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


def test_the_command_prints_the_lines_others_enter(passerelle: Passerelle, tmp_path: Path) -> None:
    """Put into a policy file they name this witness and this log."""
    status, out, err = passerelle("witness", "key")
    assert (status, err) == (0, "")
    policy = parse_policy(f"{out}quorum none\n")
    assert [str(log.vkey).split("+")[0] for log in policy.logs] == ["ip-127.0.0.1/log"]
    witness = policy.witnesses["ip-127.0.0.1/log/witness"]
    assert (witness.vkey.name, witness.url) == ("ip-127.0.0.1/log/witness", "http://127.0.0.1:8000/witness")
    (tmp_path / "policy").write_text(f"{out}quorum none\n")
    assert passerelle("witness", "check", str(tmp_path / "policy")) == (
        0, "1 logs, 1 witnesses, 1 of them with an address\n", "",
    )  # fmt: skip


def test_the_command_refuses_a_policy_with_the_number_of_its_line(passerelle: Passerelle, tmp_path: Path) -> None:
    """One sentence on stderr."""
    (tmp_path / "policy").write_text("quorum none\nquorum none\n")
    status, out, err = passerelle("witness", "check", str(tmp_path / "policy"))
    assert (status, out) == (1, "")
    assert err == "witness_policy_invalid: line 2 of the policy: there must be one quorum, of one name\n"


def test_the_command_compares_without_starting_anything(
    passerelle: Passerelle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a policy there is nobody to ask; a witness that does not answer is named, and the exit code is 1."""
    assert passerelle("database", "migrate")[0] == 0
    assert passerelle("witness", "compare")[:2] == (1, "")
    (tmp_path / "policy").write_text(policy(f"http://127.0.0.1:{free_port(0)}/witness"))
    monkeypatch.setenv("PASSERELLE_WITNESS_POLICY", str(tmp_path / "policy"))
    status, out, _ = passerelle("witness", "compare")
    assert (status, out) == (1, "w: witness_unavailable: not asked yet\n")
