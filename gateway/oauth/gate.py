"""The journal's gate for tokens, in front of the one for people: run once per batch, under the lock of the log's head.

It refuses entries asked with a token that is over, and entries whose one-time ids were used before; it uses up those of
the others, in one INSERT. What is over it remembers, and learns anew only when another process wrote in between
(`Docket.alone`) or this one ended something: an ending is an entry, so without an entry nothing has ended. On one
process the check costs no statement, on several one per batch at most.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from audit.batch import Docket, Draft, Gate, LockNeeded, Ruling
from gateway.oauth.challenges import BearerInvalid
from gateway.oauth.errors import EndedBefore, IdUsed
from gateway.oauth.replay import OneTime, use
from gateway.oauth.revocation import Ended, Ending, TokenRef

_Answer = Mapping[str, str] | Exception


@dataclass(frozen=True, slots=True)
class Spend:
    """The one-time ids an entry uses up, or it is not written. Goes into `Draft.guard`."""

    ids: tuple[OneTime, ...] = field(repr=False)


_WRITTEN = (Spend, Ending)  # guards for which this gate writes, or what comes with it does


class TokenGate:
    """See the module. `then` judges what is about a person; `clock` gives milliseconds UTC."""

    def __init__(self, then: Gate, *, clock: Callable[[], int]) -> None:
        self._then = then
        self._clock = clock
        self._ended = Ended()
        self._behind = True

    def __call__(self, connection: Connection, drafts: Sequence[Draft]) -> Sequence[_Answer]:
        """For each draft, the members to add, or why it is refused."""
        if isinstance(drafts, Docket) and not drafts.locked and any(isinstance(one.guard, _WRITTEN) for one in drafts):
            raise LockNeeded
        if self._behind or not (isinstance(drafts, Docket) and drafts.alone):
            self._behind = True  # until it has been read
            self._ended.follow(connection, self._clock())
            self._behind = False
        answers = self._judge(drafts)
        self._use_up(connection, drafts, answers)
        if not answers:
            return self._then(connection, drafts)
        rest = [place for place in range(len(drafts)) if place not in answers]
        ruling = self._then(connection, [drafts[place] for place in rest]) if rest else []
        answers.update(zip(rest, ruling, strict=True))
        moved = ruling.moved if isinstance(ruling, Ruling) else None
        return Ruling((answers[place] for place in range(len(drafts))), moved=moved)

    def _judge(self, drafts: Sequence[Draft]) -> dict[int, _Answer]:
        """What need not be asked of the next gate: in order, so that an ending stops what follows it in the batch."""
        answers: dict[int, _Answer] = {}
        here: list[Ending] = []
        for place, draft in enumerate(drafts):
            token, guard = draft.token, draft.guard
            if isinstance(token, TokenRef) and (self._ended.covers(token) or any(each.covers(token) for each in here)):
                answers[place] = BearerInvalid("revoked")
            elif isinstance(guard, Spend):
                answers[place] = {}
            elif isinstance(guard, Ending):
                self._behind = True
                answers[place] = EndedBefore(guard.what) if self._ended.has(guard) or guard in here else {}
                here.append(guard)
        return answers

    def _use_up(self, connection: Connection, drafts: Sequence[Draft], answers: dict[int, _Answer]) -> None:
        spends = {
            place: draft.guard.ids
            for place, draft in enumerate(drafts)
            if isinstance(draft.guard, Spend) and answers[place] == {}
        }
        wanted = {one.key: one.keep_until for ids in spends.values() for one in ids}
        fresh = use(connection, wanted) if wanted else set()
        for place, ids in spends.items():
            for one in ids:
                if one.key not in fresh:
                    answers[place] = IdUsed(one.parameter)
                    break
                fresh.discard(one.key)
