"""RFC 7636: only who asked for a code can exchange it; S256 and nothing weaker."""

import secrets

import pytest

from tests.unit.oauth.presence import challenge_of

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize(
    "changes",
    [
        {"code_challenge": ...},
        {"code_challenge": "short"},
        {"code_challenge": "=" * 43},
        {"code_challenge": "a" * 44},
        {"code_challenge_method": ...},
        {"code_challenge_method": "plain"},
        {"code_challenge_method": "s256"},
    ],
    ids=["none", "short", "padding", "long", "no method", "plain", "small letters"],
)
async def test_a_request_without_a_challenge_of_s256_is_refused(site, changes):
    """§4.4.1, RFC 9700 §2.1.1: before any person is involved."""
    answer = await site.push(**changes)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    "verifier",
    [..., "", "x" * 43, "x" * 42, "x" * 129, "é" * 43, "challenge"],
    ids=["none", "empty", "another", "short", "long", "not ASCII", "the challenge itself"],
)
async def test_a_code_without_its_verifier_gives_nothing_and_is_not_used_up(given, verifier):
    """§4.6: invalid_grant; who has the verifier can still come."""
    sent = challenge_of(given.site.verifier) if verifier == "challenge" else verifier
    answer = await given.site.redeem(given.code, code_verifier=sent)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert (await given.site.redeem(given.code)).status_code == 200


async def test_the_verifier_of_another_request_does_not_fit(given):
    """A code taken from one browser cannot be put into another's session (RFC 9700 §4.5)."""
    answer = await given.site.redeem(given.code, code_verifier=secrets.token_urlsafe(32))
    assert answer.json()["error"] == "invalid_grant"
