"""The file that says which logs and witnesses to believe, and how many witnesses are enough (C2SP tlog-policy).

A log line names a log by its origin, or by the base of its yearly shards: `gateway.example/log` stands for
`gateway.example/log/2026` and the years after, signed by the same key, which the norm lets a file name only once.
Names are opaque octets. Refuses, with the number of the line, whatever the norm does not allow, keys of other
algorithms than Ed25519 (0x01 for logs, 0x04 for witnesses), and a file whose last line is cut.
"""

import re
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from audit.cosignature import WitnessVkey, parse_witness_vkey
from audit.errors import KeyRefused, PolicyInvalid
from audit.keys import Vkey, parse_vkey

_MAX_BYTES = 1 << 18
_NONE = "none"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_BLANK = re.compile(r"[ \t]+")
_NUMBER = re.compile(r"[1-9][0-9]{0,4}")
_YEAR = re.compile(r"/[0-9]{4}")


class Log(NamedTuple):
    """A log line."""

    vkey: Vkey
    url: str | None


class Witness(NamedTuple):
    """A witness line."""

    vkey: WitnessVkey
    url: str | None


class Group(NamedTuple):
    """So many of these witnesses and groups."""

    needed: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy as read; groups in the order of the file, so that members come before their group."""

    logs: tuple[Log, ...]
    witnesses: Mapping[str, Witness]
    groups: Mapping[str, Group]
    quorum: str

    @property
    def binding(self) -> bool:
        """Whether it asks for any witness at all."""
        return self.quorum != _NONE

    def satisfied(self, cosigners: Container[WitnessVkey]) -> bool:
        """Tell whether these witnesses are enough."""
        met = {name for name, witness in self.witnesses.items() if witness.vkey in cosigners}
        for name, group in self.groups.items():
            if sum(member in met for member in group.members) >= group.needed:
                met.add(name)
        return self.quorum == _NONE or self.quorum in met

    def vkeys(self, origin: str) -> tuple[Vkey, ...]:
        """Give the keys believed for the log of this origin, under its own name; none for an unknown log."""
        return tuple(Vkey(origin, log.vkey.public) for log in self.logs if stands_for(log.vkey.name, origin))


def stands_for(name: str, origin: str) -> bool:
    """Tell whether a log line of this name means the log of this origin."""
    return origin.startswith(name) and (origin == name or _YEAR.fullmatch(origin, len(name)) is not None)


def parse_policy(data: str | bytes) -> Policy:
    """Read a policy file."""
    if len(data) > _MAX_BYTES:
        raise PolicyInvalid("the policy is too long")
    text = data if isinstance(data, str) else data.decode("utf-8", "surrogateescape")
    if not text.endswith("\n"):
        raise PolicyInvalid("the last line of the policy has no end: is the file whole?")
    reading = _Reading()
    for number, line in enumerate(text.removesuffix("\n").split("\n"), 1):
        try:
            reading.take(line)
        except (PolicyInvalid, KeyRefused) as error:
            raise PolicyInvalid(f"line {number} of the policy: {error}") from None
    if reading.quorum is None:
        raise PolicyInvalid("the policy has no quorum line")
    return Policy(tuple(reading.logs), reading.witnesses, reading.groups, reading.quorum)


@dataclass(slots=True)
class _Reading:
    """What the lines so far have said."""

    logs: list[Log] = field(default_factory=list)
    witnesses: dict[str, Witness] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    quorum: str | None = None
    members: set[str] = field(default_factory=set)

    def take(self, line: str) -> None:
        """Add one line."""
        if _CONTROL.search(line):
            raise PolicyInvalid("it holds a control character")
        words = [word for word in _BLANK.split(line) if word]
        if not words or words[0].startswith("#"):
            return
        keywords: dict[str, Callable[[list[str]], None]] = {
            "log": self._log,
            "witness": self._witness,
            "group": self._group,
            "quorum": self._quorum,
        }
        if words[0] not in keywords:
            raise PolicyInvalid("it is none of log, witness, group, quorum")
        keywords[words[0]](words[1:])

    def _log(self, words: list[str]) -> None:
        if len(words) not in {1, 2}:
            raise PolicyInvalid("it must be: log <vkey> [<url>]")
        vkey: Vkey = parse_vkey(words[0])
        if any(vkey.public == log.vkey.public for log in self.logs):
            raise PolicyInvalid("the key of this log stands there already")
        self.logs.append(Log(vkey, *words[1:], *[None] * (2 - len(words))))

    def _witness(self, words: list[str]) -> None:
        if len(words) not in {2, 3}:
            raise PolicyInvalid("it must be: witness <name> <vkey> [<url>]")
        self._must_be_new(words[0])
        vkey = parse_witness_vkey(words[1])
        if any(vkey.public == witness.vkey.public for witness in self.witnesses.values()):
            raise PolicyInvalid("the key of this witness stands there already")
        self.witnesses[words[0]] = Witness(vkey, *words[2:], *[None] * (3 - len(words)))

    def _group(self, words: list[str]) -> None:
        if len(words) < 3:
            raise PolicyInvalid("it must be: group <name> all|any|<number> <name>...")
        name, threshold, *members = words
        self._must_be_new(name)
        needed = {"all": str(len(members)), "any": "1"}.get(threshold, threshold)
        if not _NUMBER.fullmatch(needed) or int(needed) > len(members):
            raise PolicyInvalid("the number of members it needs is not one of 1 to all of them")
        for member in members:
            self._must_be_known(member)
            if member in self.members:
                raise PolicyInvalid("a member of it is a member already, here or of another group")
            self.members.add(member)
        self.groups[name] = Group(int(needed), tuple(members))

    def _quorum(self, words: list[str]) -> None:
        if len(words) != 1 or self.quorum is not None:
            raise PolicyInvalid("there must be one quorum, of one name")
        if words[0] != _NONE:
            self._must_be_known(words[0])
        self.quorum = words[0]

    def _must_be_new(self, name: str) -> None:
        if name == _NONE or name in self.witnesses or name in self.groups:
            raise PolicyInvalid("its name is taken")

    def _must_be_known(self, name: str) -> None:
        if name not in self.witnesses and name not in self.groups:
            raise PolicyInvalid("it uses a name that no line before it defines")
