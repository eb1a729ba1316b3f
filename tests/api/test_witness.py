"""The witness endpoints are those of C2SP tlog-witness, over the gateway's own stack."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from audit import merkle
from audit.checkpoint import Checkpoint, sign_note
from audit.cosignature import cosigned
from audit.errors import PolicyInvalid
from audit.keys import Ed25519Signer
from audit.witness import log_id
from connectors import sandbox
from gateway.services import open_services
from tests.api.conftest import check_problem
from tests.bed import Bed, bed, served, settings_of

LOG = Ed25519Signer("other.example/log/2026", b"\1" * 32)
LEAVES = [merkle.leaf_hash(bytes([n])) for n in range(9)]
NOW = 1_790_000_000_000


class Clock:
    now = NOW

    def __call__(self) -> int:
        return self.now


def note(size: int, signer: Ed25519Signer = LOG) -> str:
    return sign_note(Checkpoint(signer.name, size, merkle.root(LEAVES[:size])).text(), signer)


def body(old: int, size: int, *proof: bytes, signer: Ed25519Signer = LOG) -> bytes:
    lines = [f"old {old}", *(base64.b64encode(one).decode() for one in proof), "", note(size, signer)]
    return "\n".join(lines).encode()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def gateway(tmp_path: Path, clock: Clock) -> AsyncIterator[Bed]:
    """A gateway that is a witness of one other log."""
    logs = tmp_path / "logs"
    vkey = Ed25519Signer("other.example/log", b"\1" * 32).vkey
    logs.write_text(f"log {vkey}\nquorum none\n")
    async with (
        served(sandbox.build()) as url,
        bed(
            tmp_path,
            database_url=f"sqlite:///{tmp_path}/p.db",
            sandbox_url=url,
            clock=clock,
            witnessed_logs=str(logs),
        ) as opened,
    ):
        yield opened


async def test_a_checkpoint_is_cosigned_without_a_token_and_shown_to_monitors(gateway):
    """Lines of text; then the whole checkpoint under the hash of its origin."""
    answer = await gateway.http.post("/witness/add-checkpoint", content=body(0, 4))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    key = gateway.services.keys.witness.newest.vkey
    assert cosigned(note(4) + answer.text, [key]) == {key: NOW // 1000}
    shown = await gateway.http.get(f"/witness/{log_id(LOG.name)}/checkpoint")
    assert shown.text == note(4) + answer.text


async def test_another_old_size_is_answered_by_the_size_held(gateway):
    """409, in the media type of the norm and nothing but a number."""
    await gateway.http.post("/witness/add-checkpoint", content=body(0, 4))
    answer = await gateway.http.post("/witness/add-checkpoint", content=body(0, 9))
    assert (answer.status_code, answer.headers["content-type"]) == (409, "text/x.tlog.size")
    assert answer.text == "4\n"


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"rubbish", 400, "submission_malformed"),
        (body(5, 4), 400, "submission_malformed"),
        (body(0, 4, signer=Ed25519Signer(LOG.name, b"\2" * 32)), 403, "log_key_missing"),
        (body(0, 4, signer=Ed25519Signer("stranger.example/log", b"\1" * 32)), 404, "log_unknown"),
        (body(0, 4, b"\0" * 32), 422, "inconsistent_checkpoint"),
        (b"x" * 65_537, 413, "body_too_large"),
    ],
)
async def test_refusals_have_the_status_of_the_norm(gateway, content, status, code):
    """As problems, like every error here; the norm leaves their body open."""
    check_problem(await gateway.http.post("/witness/add-checkpoint", content=content), status, code)


async def test_what_was_never_cosigned_is_not_found(gateway):
    """Also when it is no hash at all."""
    for log in (log_id(LOG.name), "x"):
        check_problem(await gateway.http.get(f"/witness/{log}/checkpoint"), 404, "log_unknown")


async def test_one_address_cannot_shout(gateway, clock):
    """Forty at once, then ten per second; a second later it may call again."""
    statuses = [(await gateway.http.post("/witness/add-checkpoint", content=b"")).status_code for _ in range(41)]
    assert statuses == [400] * 40 + [429]
    answer = await gateway.http.post("/witness/add-checkpoint", content=b"")
    check_problem(answer, 429, "too_many_requests", retry_after=1)
    assert answer.headers["retry-after"] == "1"
    clock.now += 1000
    assert (await gateway.http.post("/witness/add-checkpoint", content=body(0, 4))).status_code == 200


async def test_a_gateway_that_is_no_witness_knows_no_log(world):
    """Without the setting the addresses are there, and follow nobody."""
    check_problem(await world.bed.http.post("/witness/add-checkpoint", content=body(0, 4)), 404, "log_unknown")


@pytest.mark.parametrize(
    "content",
    [
        b"quorum",
        b"witness w w.example+00000000+AAAA\nquorum w\n",
        b"",
    ],
)
@pytest.mark.parametrize("setting", ["witness_policy", "witnessed_logs"])
async def test_a_policy_that_cannot_be_read_stops_the_start(tmp_path, setting, content):
    """Better no gateway than one that believes nobody, or anybody."""
    (tmp_path / "policy").write_bytes(content)
    settings = settings_of(
        tmp_path,
        database_url=f"sqlite:///{tmp_path}/p.db",
        sandbox_url="http://127.0.0.1:9",
        **{setting: str(tmp_path / "policy")},
    )
    async with bed(tmp_path, database_url=settings.database_url, sandbox_url="http://127.0.0.1:9"):
        pass
    with pytest.raises(PolicyInvalid):
        async with open_services(settings):
            pass
