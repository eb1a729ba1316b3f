"""What a verifier believes from outside: public keys of logs, a witness policy, roots of time-stamping authorities.

A key of a log's base name stands for its yearly shards, as in a policy file. Refuses to take any of it from what is
being verified, but for the key that lies beside a log when none is given: the report then says so.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography.x509 import Certificate

from audit import succession, years
from audit.cosignature import cosigned
from audit.errors import AuditError, NothingToVerify
from audit.keys import Vkey, parse_vkey
from audit.policy import Policy, parse_policy, stands_for
from audit.timestamps import read_roots

_RECEIPT = "/receipt"
_MAX_FILE = 1 << 20


@dataclass(frozen=True, slots=True)
class Trust:
    """Everything believed; empty trusts nothing."""

    vkeys: tuple[Vkey, ...] = ()
    policy: Policy | None = None
    roots: tuple[Certificate, ...] = ()

    def keys(self, name: str) -> tuple[Vkey, ...]:
        """Give the keys believed for notes of this origin (a log's, a shard's, or their receipts'), under its name."""
        origin = name.removesuffix(_RECEIPT)
        given = (
            Vkey(name, vkey.public)
            for vkey in self.vkeys
            if vkey.name.endswith(_RECEIPT) == name.endswith(_RECEIPT)
            and stands_for(vkey.name.removesuffix(_RECEIPT), origin)
        )
        named = self.policy.vkeys(name) if self.policy else ()
        return tuple(dict.fromkeys((*given, *named)))

    def following(self, keys: str) -> "Trust":
        """Go on to the keys that took over from those believed, as the list `keys` of a log states under both."""
        notes = [one.succession for one in succession.from_json(keys) if one.succession]
        return self._with(succession.follow(self._held(), notes))

    def preceding(self, keys: str) -> "Trust":
        """Go back to the keys from which those believed took over: for heads that are compared with the tree anyway."""
        said = [succession.read(one.succession) for one in succession.from_json(keys) if one.succession]
        believed = self._held()
        for one in sorted(said, key=lambda one: -one.since):
            believed += [one.former] if one.key in believed else []
        return self._with(believed)

    def _held(self) -> list[Vkey]:
        return [_base(vkey) for vkey in (*self.vkeys, *(log.vkey for log in (self.policy.logs if self.policy else ())))]

    def _with(self, vkeys: Iterable[Vkey]) -> "Trust":
        return replace(self, vkeys=tuple(dict.fromkeys((*self.vkeys, *vkeys))))

    def cosigners(self, note: str) -> dict[str, int]:
        """Give the policy's witnesses that cosigned a note, by their names there, with the time in seconds."""
        if self.policy is None:
            return {}
        times = cosigned(note, [witness.vkey for witness in self.policy.witnesses.values()])
        return {name: times[witness.vkey] for name, witness in self.policy.witnesses.items() if witness.vkey in times}

    def attested(self, note: str) -> bool:
        """Tell whether a policy that asks for witnesses has its quorum under a note."""
        return self.policy is not None and self.policy.binding and bool(self.quorum(note)[0])

    def quorum(self, note: str) -> tuple[bool | None, str]:
        """Tell whether enough witnesses cosigned a note, and who did."""
        if self.policy is None:
            return None, "no policy given"
        names = self.cosigners(note)
        enough = self.policy.satisfied({self.policy.witnesses[name].vkey for name in names})
        return enough, f"cosigned by {', '.join(names) or 'none of the policy'}"


def _base(vkey: Vkey) -> Vkey:
    """Give a key under the name its file bears: that of the log over all years."""
    suffix = _RECEIPT if vkey.name.endswith(_RECEIPT) else ""
    return vkey.named(years.base_of(vkey.name.removesuffix(_RECEIPT)) + suffix)


def read_trust(vkeys: Sequence[Path] = (), *, policy: Path | None = None, roots: Path | None = None) -> Trust:
    """Read what is believed from files: public key texts (one per line), a C2SP tlog-policy, PEM certificates."""
    lines = [line for path in vkeys for line in read_text(path).splitlines() if line.strip()]
    try:
        return Trust(
            vkeys=tuple(parse_vkey(line) for line in lines),
            policy=parse_policy(read_text(policy)) if policy else None,
            roots=tuple(read_roots(read_text(roots).encode())) if roots else (),
        )
    except AuditError as error:
        raise NothingToVerify(f"what was given to verify with cannot be used: {error}") from None


def read_text(path: Path) -> str:
    """Read a small text file."""
    try:
        if path.stat().st_size > _MAX_FILE:
            raise NothingToVerify(f"{path} is larger than anything this verifier reads")
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise NothingToVerify(f"{path} cannot be read") from None


def only(vkeys: Iterable[Vkey]) -> Trust:
    """Believe these keys and nothing else."""
    return Trust(tuple(vkeys))
