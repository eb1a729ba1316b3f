"""The list of a person over a change of the log's key: what one may still sign, and the other not any more."""

from collections.abc import Callable
from typing import Any

import pytest

from audit.checkpoint import sign_note, split_note
from audit.cosignature import Cosigner
from audit.keys import Ed25519Signer
from audit.policy import parse_policy
from audit.report import Report
from audit.succession import declare
from audit.trust import Trust
from tests.unit.audit import test_person
from tests.unit.audit.test_person import BASE, SIGNER

Content = dict[str, Any]
NEWER = Ed25519Signer(BASE, b"n" * 32)
WITNESS = Cosigner("witness.example/w", b"w" * 32)
content, check = test_person.content, test_person.check  # fixtures


@pytest.fixture
def rotated(content: Content) -> Content:
    """Both years signed by the key that was replaced; the list names the one that took over."""
    note = declare("log", SIGNER, NEWER, now=1_790_000_000_000)
    newer = {"use": "log", "key": str(NEWER.vkey), "since": 1, "until": None, "succession": note}
    content["keys"] = [*content["keys"], newer]
    return content


def policy(quorum: str) -> Trust:
    return Trust((), parse_policy(f"log {NEWER.vkey}\nwitness W {WITNESS.vkey}\nquorum {quorum}\n"))


def test_a_key_that_was_replaced_makes_no_new_list(rotated: Content, check: Callable[..., Report]) -> None:
    """Whoever stole it after its time cannot write what a holder of the newer key accepts."""
    assert check(rotated, Trust((SIGNER.vkey,))).ok
    assert check(rotated, Trust((NEWER.vkey,))).failed() == ["checkpoints"]
    assert check(rotated, policy("none")).failed() == ["checkpoints"]
    assert check(rotated, policy("W")).failed() == ["checkpoints"]


def test_what_the_witnesses_saw_holds_whichever_key_signed_it(rotated: Content, check: Callable[..., Report]) -> None:
    """A list made before the change, with the quorum of then."""
    texts = [split_note(note)[0] for note in rotated["checkpoints"]]
    rotated["checkpoints"] = [
        note + WITNESS.cosign(text, 1_790_000_000) for note, text in zip(rotated["checkpoints"], texts, strict=True)
    ]
    assert check(rotated, policy("W")).ok
    assert check(rotated, policy("none")).failed() == ["checkpoints"]


def test_a_later_year_of_another_log_makes_this_one_no_former(rotated: Content, check: Callable[..., Report]) -> None:
    """Years before the newest are those of one log."""
    other = Ed25519Signer("z.example/log", b"z" * 32)
    text = split_note(rotated["checkpoints"][1])[0].replace(f"{BASE}/2027", f"{other.name}/2027")
    rotated["checkpoints"].append(sign_note(text, other.named(f"{other.name}/2027")))
    assert check(rotated, Trust((NEWER.vkey, other.vkey))).failed() == ["checkpoints"]


def test_a_key_that_took_over_is_believed_both_ways(content: Content, check: Callable[..., Report]) -> None:
    """Whoever holds the newer key checks the older year with the one before, by the statement both have signed."""
    newer = Ed25519Signer(BASE, b"n" * 32)
    note = declare("log", SIGNER, newer, now=1_790_000_000_000)
    content["keys"] = [
        *content["keys"],
        {"use": "log", "key": str(newer.vkey), "since": 1, "until": None, "succession": note},
    ]
    text = split_note(content["checkpoints"][1])[0]
    content["checkpoints"][1] = sign_note(text, newer.named(content["trees"][1].origin))
    for signer in (newer, SIGNER):
        assert check(content, Trust((signer.vkey,))).ok
    content["keys"][1]["succession"] = note.replace("1790", "1791")
    assert check(content, Trust((newer.vkey,))).failed() == ["checkpoints"]
