"""The gateway's own secrets: files made on first run, readable by their owner only, never printed.

kek            wraps the persons' keys (a key management service stands behind the same `consent.vault.Kek`)
blind          finds persons by identifier without storing any
actors         names professionals in the journal
token.pem      signs access tokens; log.key signs checkpoints; receipt.key signs receipts
witness.key    cosigns the checkpoints of other logs; signals.key signs what partners are told
log.next.key   (and receipt, witness) beside the one it takes over from (`audit/rotation.py`)
token.<ms>.pem signs from that time on, signals.<ms>.key too (`key_schedule.py`)
"""

import contextlib
import hashlib
import hmac
import os
import secrets
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from audit.cosignature import Cosigner, create_cosigner, load_cosigner
from audit.errors import KeyRefused
from audit.keys import Ed25519Signer, create_key, load_key
from audit.receipts import receipt_name
from audit.ring import K, Ring
from gateway.key_schedule import Schedule
from gateway.oauth.keys import TokenKey
from gateway.oauth.keys import load as load_token_keys
from gateway.settings import Settings

SIGNALS_AHEAD_MS = 86_400_000  # receivers read our keys when they like: a day
SIGNALS_KEPT_MS = 30 * 86_400_000  # a signal may be checked long after it came


class KeyFileRefused(Exception):  # noqa: N818  the start is refused, with a sentence
    """A key file cannot be used; the text says which and what to do, never what it holds."""

    code = "key_file_refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayKeys:
    """Everything secret that one gateway holds."""

    kek: bytes = field(repr=False)
    blind: bytes = field(repr=False)
    actors: bytes = field(repr=False)
    repeats: bytes = field(repr=False)
    links: bytes = field(repr=False)
    """Of the links, visits and codes that people are given."""
    sealing: bytes = field(repr=False)
    """Of the secrets that receivers of signals share with us."""
    nonces: bytes = field(repr=False)
    """Of the nonces that proofs of possession may have to hold."""
    naming: bytes = field(repr=False)
    """Of the names by which sources know authorisations."""
    codes: bytes = field(repr=False)
    """Of the codes that leave in the place of values."""
    flows: bytes = field(repr=False)
    """Of what partners send along with a person they send to choose."""
    sessions: bytes = field(repr=False)
    """Of the sessions of those who sign in, and of their forms."""
    tokens: Schedule[TokenKey] = field(repr=False)
    log: Ring[Ed25519Signer] = field(repr=False)
    receipt: Ring[Ed25519Signer] = field(repr=False)
    witness: Ring[Cosigner] = field(repr=False)
    signals: Schedule[Ed25519Signer] = field(repr=False)


def wall_clock() -> int:
    """Milliseconds UTC."""
    return time.time_ns() // 1_000_000


def load(settings: Settings, clock: Callable[[], int] = wall_clock) -> GatewayKeys:
    """Read the keys under `home/keys`, making those that do not exist yet."""
    folder = settings.keys_folder
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    master = _secret(folder / "index.key")
    return GatewayKeys(
        kek=_secret(folder / "kek.key"),
        blind=_derived(master, b"passerelle-blind-index/v1"),
        actors=_derived(master, b"passerelle-actors/v1"),
        repeats=_derived(master, b"passerelle-repeats/v1"),
        links=_derived(master, b"passerelle-links/v1"),
        sealing=_derived(master, b"passerelle-signal-secrets/v1"),
        nonces=_derived(master, b"passerelle-dpop-nonces/v1"),
        naming=_derived(master, b"passerelle-signal-names/v1"),
        codes=_derived(master, b"passerelle-codes/v1"),
        sessions=_derived(master, b"passerelle-sessions/v1"),
        flows=_derived(master, b"passerelle-flows/v1"),
        tokens=load_token_keys(folder / "token.pem", clock),
        log=_ring(Ring(folder, "log", load_key), settings.origin, create_key),
        receipt=_ring(Ring(folder, "receipt", load_key), receipt_name(settings.origin), create_key),
        witness=_ring(Ring(folder, "witness", load_cosigner), f"{settings.origin}/witness", create_cosigner),
        signals=_signals(folder / "signals.key", f"{settings.origin}/signals", clock),
    )


def _signals(path: Path, name: str, clock: Callable[[], int]) -> Schedule[Ed25519Signer]:
    def create(file: Path) -> None:
        with contextlib.suppress(KeyRefused):  # another process was first
            create_key(file, name)

    def read(file: Path) -> Ed25519Signer:
        key = load_key(file)
        if key.vkey.name != name:
            raise KeyFileRefused(f"{file} is the key of another log: {key.vkey.name}")
        return key

    schedule = Schedule(path, load=read, create=create, ahead_ms=SIGNALS_AHEAD_MS, kept_ms=SIGNALS_KEPT_MS, clock=clock)
    schedule.make_first()
    return schedule


def _derived(master: bytes, label: bytes) -> bytes:
    return hmac.digest(master, label, hashlib.sha256)


def _secret(path: Path) -> bytes:
    if not path.exists():
        _write(path, secrets.token_bytes(32).hex().encode())
    if path.stat().st_mode & 0o077:
        raise KeyFileRefused(f"{path} can be read by others: chmod 600 {path}")
    try:
        secret = bytes.fromhex(path.read_text("ascii").strip())
    except ValueError:
        secret = b""
    if len(secret) != 32:
        raise KeyFileRefused(f"{path} does not hold 64 hexadecimal digits: restore it from its backup")
    return secret


def _write(path: Path, content: bytes) -> None:
    """Make the file whole or not at all; when another process was first, its file stays."""
    with tempfile.NamedTemporaryFile(dir=path.parent) as handle:  # mode 0600
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(handle.name, path)


def _ring(ring: Ring[K], name: str, create: Callable[[Path, str], K]) -> Ring[K]:
    if not ring.file.exists() and not ring.next_file.exists():  # else a rotation was interrupted: it has a key
        with contextlib.suppress(KeyRefused):  # another process was first
            create(ring.file, name)
    if ring.name != name:
        raise KeyFileRefused(f"{ring.file} is the key of another log: {ring.name}")
    return ring
