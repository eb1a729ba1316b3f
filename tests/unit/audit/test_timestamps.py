"""RFC 3161 tokens on checkpoints, against an authority of `openssl ts`; every refusal by its name."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from audit import timestamps
from audit.checkpoint import Checkpoint, sign_note
from audit.errors import TimestampRefused, TimestampUnchecked
from audit.keys import Ed25519Signer
from tests.tsa import Authority, authority

ORIGIN = "journal.val-de-brume.example/log/2026"
HEAD = Checkpoint(ORIGIN, 7, bytes(range(32)))
NOTE = sign_note(HEAD.text(), Ed25519Signer(ORIGIN, b"k" * 32))


@pytest.fixture(scope="module")
def tsa(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """One authority for all tests: making tokens is slow."""
    return authority(tmp_path_factory.mktemp("tsa") / "good")


@pytest.fixture(scope="module")
def asked() -> timestamps.Request:
    return timestamps.request(NOTE)


@pytest.fixture(scope="module")
def token(tsa: Authority, asked: timestamps.Request) -> bytes:
    return tsa.answer(asked.der)


def roots(of: Authority) -> list[timestamps.x509.Certificate]:
    return timestamps.read_roots(of.roots.read_bytes())


def refusal(token: bytes, note: str, of: Authority, nonce: int | None = None) -> str:
    with pytest.raises(TimestampRefused) as refused:
        timestamps.verify(token, note, roots(of), nonce=nonce)
    return refused.value.reason


def test_a_token_tells_who_and_when(tsa: Authority, asked: timestamps.Request, token: bytes) -> None:
    """The time is the authority's, the name its certificate's."""
    stamp = timestamps.verify(token, NOTE, roots(tsa), nonce=asked.nonce)
    assert abs(stamp.at - time.time_ns() // 1_000_000) < 60_000
    assert stamp.authority == "CN=Horodatage d'essai,C=FR"


def test_openssl_says_the_same(tsa: Authority, token: bytes) -> None:
    """The bytes that are stamped are the note's text, as anyone can cut it out."""
    assert tsa.accepts(token, HEAD.text().encode())
    assert not tsa.accepts(token, HEAD.text().encode() + b"x")


def test_the_commands_of_the_page_check_a_token(tsa: Authority, token: bytes, tmp_path: Path) -> None:
    """docs/how-to/timestamps.md, as it is written: `sed` and `openssl`, nothing of ours."""
    page = (Path(__file__).parents[3] / "docs" / "how-to" / "timestamps.md").read_text("utf-8")
    commands = page.split("```")[1]
    (tmp_path / "checkpoint").write_text(f"{NOTE}— witness.example AAAAAAAA\n", "utf-8")
    (tmp_path / "1234.tsr").write_bytes(token)
    (tmp_path / "timestamp-roots.pem").write_bytes(tsa.roots.read_bytes())
    done = subprocess.run(["sh", "-e"], input=commands, text=True, cwd=tmp_path, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (0, "Verification: OK\n"), done.stderr


def test_a_cosignature_added_later_changes_nothing(tsa: Authority, token: bytes) -> None:
    """What is stamped is the head, not who signed it."""
    later = f"{NOTE}— witness.example AAAAAAAA\n"
    assert timestamps.verify(token, later, roots(tsa)) == timestamps.verify(token, NOTE, roots(tsa))


def test_an_altered_checkpoint_is_refused(tsa: Authority, token: bytes) -> None:
    """Another size is another text."""
    assert refusal(token, NOTE.replace("\n7\n", "\n8\n"), tsa) == "other_text"


def test_the_answer_to_another_request_is_refused(tsa: Authority, asked: timestamps.Request, token: bytes) -> None:
    """An old answer cannot be played again."""
    assert refusal(token, NOTE, tsa, nonce=asked.nonce + 1) == "nonce"


def test_an_authority_nobody_named_is_refused(tmp_path: Path, token: bytes) -> None:
    """The certificate in the answer proves nothing by itself."""
    assert refusal(token, NOTE, authority(tmp_path / "other")) == "untrusted"


def test_an_altered_signature_is_refused(tsa: Authority, token: bytes) -> None:
    """The last byte of a token belongs to its signature."""
    assert refusal(token[:-1] + bytes([token[-1] ^ 1]), NOTE, tsa) == "untrusted"


def test_a_certificate_that_had_ended_is_refused(tmp_path: Path) -> None:
    """It must have been valid at the moment the token names."""
    late = authority(tmp_path / "late", expired=True)
    assert refusal(late.answer(timestamps.request(NOTE).der), NOTE, late) == "expired"


def test_a_request_that_is_not_granted_is_refused(tsa: Authority, tmp_path: Path) -> None:
    """An authority may answer that it does not stamp this."""
    config = (tsa.folder / "tsa.cnf").read_text("ascii")
    strict = Authority(tmp_path / "strict")
    strict.folder.mkdir()
    for name in ("root.pem", "signer.pem", "signer.key", "serial"):
        (strict.folder / name).write_bytes((tsa.folder / name).read_bytes())
    changed = config.replace("sha256, sha384, sha512", "sha512").replace(str(tsa.folder), str(strict.folder))
    (strict.folder / "tsa.cnf").write_text(changed, "ascii")
    assert refusal(strict.answer(timestamps.request(NOTE).der), NOTE, strict) == "not_granted"


def test_a_token_without_certificate_is_refused(tsa: Authority) -> None:
    """It could not be checked once the authority is gone."""
    query = timestamps.request(NOTE).der
    assert query.endswith(b"\x01\x01\xff")  # certReq
    assert refusal(tsa.answer(query[:1] + bytes([query[1] - 3]) + query[2:-3]), NOTE, tsa) == "certificate"


def test_a_broken_hash_is_refused(tsa: Authority, token: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only hashes of the SHA-2 family of 256 bits and more are known."""
    monkeypatch.setattr(timestamps, "_HASHES", {})
    assert refusal(token, NOTE, tsa) == "algorithm"


@pytest.mark.parametrize("answer", [b"", b"<html>busy</html>", b"\x30\x03\x02\x01\x00"])
def test_what_is_no_token_is_refused(tsa: Authority, answer: bytes) -> None:
    """A page of a proxy, an empty body, a status alone."""
    assert refusal(answer, NOTE, tsa) == "malformed"


def test_any_flipped_byte_is_refused_or_changes_nothing(tsa: Authority, token: bytes) -> None:
    """Nothing but a refusal comes out, whatever the bytes; and no flip moves the time."""
    right = timestamps.verify(token, NOTE, roots(tsa))
    trusted, refused = roots(tsa), 0
    for position in range(len(token)):
        altered = token[:position] + bytes([token[position] ^ 0x01]) + token[position + 1 :]
        try:
            assert timestamps.verify(altered, NOTE, trusted).at == right.at
        except TimestampRefused:
            refused += 1
    assert refused > len(token) * 0.9


def test_what_is_no_note_or_no_certificate_is_refused(tsa: Authority, token: bytes) -> None:
    """The caller's own files are named too."""
    assert refusal(token, "no note", tsa) == "not_a_note"
    with pytest.raises(TimestampRefused, match="roots_unreadable"):
        timestamps.read_roots(b"no certificate")


def test_without_the_library_nothing_is_said(tsa: Authority, token: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """An auditor with `cryptography` alone is told that tokens were not checked."""
    monkeypatch.setitem(sys.modules, "rfc3161_client", None)
    with pytest.raises(TimestampUnchecked):
        timestamps.verify(token, NOTE, roots(tsa))
