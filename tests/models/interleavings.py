"""Every interleaving of exchanges and changes over two processes, in a model small enough to visit all of it.

`python -m tests.models.interleavings [BASIS] [VARIANT]` tells the sizes, or the shortest way to break a variant.

What is kept of the system: epoch and state of one person's one authorisation, the lock of the journal's head, and per
process the transaction that holds it, with its batch in order. A batch of exchanges may also go without the lock: it
is written if the head has not moved since. An exchange reads, writes its decision, fetches, writes its release if the
epoch is unchanged; a change is planned on an epoch, written with epoch + 1, acknowledged afterwards.
A process may crash at any moment, once. The life cycle is `consent.states.TRANSITIONS`. `seen` is a ghost: how many
changes were committed (or, wrongly, acknowledged) so far; an exchange remembers it as it read.
"""

import sys
from collections.abc import Iterator
from itertools import permutations
from typing import Any, NamedTuple

from consent.states import TRANSITIONS, VALID

PLACES = (0, 1, 0, 1)  # process of each actor
EXCHANGES = (0, 1)  # the other two change what the person chose
CHANGES = {
    "consent": ("withdraw", "pause", "resume", "narrow"),
    "public_task": ("object_to", "override", "invalidate"),
}
BROKEN = {
    "guard omitted": "the release is written whatever the epoch",
    "guard before the lock": "the epoch is compared first, the lock taken afterwards",
    "guard once per batch": "a change does not count for a release later in its own batch",
    "epoch after commit": "the change is committed, its epoch advanced by a second transaction",
    "acknowledged before commit": "the person reads that it is done while the entry is not yet durable",
    "epoch not advanced": "pausing or objecting leaves the epoch as it was",
    "no lock": "two transactions number their entries from the same head",
    "no condition": "a batch without the lock is written wherever the head is",
}
START, READ, TOLD, WRITTEN, FETCHED, DONE = range(6)  # READ: of a change, planned; TOLD: acknowledged before commit


class State(NamedTuple):
    """All there is. An actor is (step, epoch and `seen` as read, name of the change)."""

    standing: str
    epoch: int = 1
    size: int = 0  # entries in the log
    seen: int = 0
    lock: int | None = None
    transactions: tuple[Any, ...] = (None, None)  # (batch, size as read, what the gate admitted, locked)
    actors: tuple[tuple[int, int, int, str], ...] = ((START, 0, 0, ""),) * len(PLACES)
    owed: tuple[int, ...] = ()  # changes whose epoch is still to be advanced
    crashed: bool = False

    def moved(self, who: int, step: int, read: tuple[int, int] | None = None, name: str = "") -> "State":
        """An actor one step on; what does not matter any more is dropped, it would only multiply the states."""
        _, epoch, seen, known = self.actors[who]
        actor = (step, 0, 0, "") if step in (START, DONE) else (step, *(read or (epoch, seen)), name or known)
        return self._replace(actors=(*self.actors[:who], actor, *self.actors[who + 1 :]))

    def carrying(self, process: int, transaction: Any, lock: int | None) -> "State":
        """A process with this transaction."""
        both = [transaction if place == process else each for place, each in enumerate(self.transactions)]
        return self._replace(transactions=tuple(both), lock=lock)


Step = tuple[str, State, str]
"""What happens, what is then, and which promise that breaks."""


class Model:
    """The steps on one legal basis, as they are or broken in one way."""

    def __init__(self, basis: str = "consent", variant: str = "") -> None:
        self.changes, self.variant = CHANGES[basis], variant
        self.initial = State("given" if basis == "consent" else "active")

    def steps(self, now: State) -> Iterator[Step]:
        """All that may happen next."""
        for who, actor in enumerate(now.actors):
            yield from self._exchange(now, who, actor[0]) if who in EXCHANGES else self._change(now, who, *actor)
        for process, transaction in enumerate(now.transactions):
            yield from self._write(now, process, transaction)
        for who in now.owed:
            owed = tuple(each for each in now.owed if each != who)
            yield f"the epoch of {who} advances", now._replace(epoch=now.epoch + 1, owed=owed), ""
        for process in () if now.crashed else (0, 1):
            lost = now.carrying(process, None, None if now.lock == process else now.lock)._replace(crashed=True)
            for who in (who for who, place in enumerate(PLACES) if place == process):
                lost = lost.moved(who, DONE)
            yield f"process {process} crashes", lost, ""

    def _exchange(self, now: State, who: int, step: int) -> Iterator[Step]:
        if step == START:
            to = READ if now.standing in VALID else DONE  # a refusal ends here
            yield f"exchange {who} reads epoch {now.epoch}", now.moved(who, to, (now.epoch, now.seen)), ""
        elif step == WRITTEN:
            yield f"exchange {who} fetches", now.moved(who, FETCHED), ""

    def _change(self, now: State, who: int, step: int, _epoch: int, _seen: int, name: str) -> Iterator[Step]:
        if step == START:
            for each in (each for each in self.changes if now.standing in TRANSITIONS[each].of):
                yield f"{each} ({who}) is planned", now.moved(who, READ, (now.epoch, now.seen), each), ""
        elif step == WRITTEN and who not in now.owed:
            yield f"{name} ({who}) is acknowledged", now.moved(who, DONE), ""
        elif step == READ and self.variant == "acknowledged before commit":
            yield f"{name} ({who}) is acknowledged", now.moved(who, TOLD)._replace(seen=now.seen + 1), ""

    def _write(self, now: State, process: int, transaction: Any) -> Iterator[Step]:
        if transaction is None:
            yield from self._begin(now, process)
            return
        batch, size, admitted, locked = transaction
        if admitted is None:
            admitted = self._admitted(now, batch)
            ruled = now.carrying(process, (batch, size, admitted, locked), now.lock)
            yield f"process {process} passes the gate with {admitted}", ruled, ""
        elif locked or (now.lock is None and (now.size == size or self.variant == "no condition")):
            yield self._commit(now, process, batch, size, admitted)
        elif now.lock is None:  # else it waits for whoever holds the lock
            yield f"process {process} finds the head moved", now.carrying(process, None, None), ""

    def _begin(self, now: State, process: int) -> Iterator[Step]:
        early = self.variant in ("guard before the lock", "no lock")
        ready = [who for who, each in enumerate(now.actors) if PLACES[who] == process
                 and each[0] in ((READ, FETCHED) if who in EXCHANGES else (READ, TOLD))]  # fmt: skip
        for batch in (each for count in range(1, len(ready) + 1) for each in permutations(ready, count)):
            if early or now.lock is None:
                begun = now.carrying(process, (batch, now.size, None, True), now.lock if early else process)
                yield f"process {process} begins {batch}", begun, ""
            if set(batch) <= set(EXCHANGES):
                begun = now.carrying(process, (batch, now.size, None, False), now.lock)
                yield f"process {process} begins {batch} without the lock", begun, ""

    def _admitted(self, now: State, batch: tuple[int, ...]) -> tuple[int, ...]:
        """The gate: in order, each against the epoch as the batch has left it."""
        epoch, admitted = now.epoch, []
        for who in batch:
            step, read, _, name = now.actors[who]
            unguarded = who in EXCHANGES and (step == READ or self.variant == "guard omitted")  # a decision is free
            if unguarded or read == epoch:
                admitted.append(who)
                epoch += who not in EXCHANGES and self._bumps(name) and self.variant != "guard once per batch"
        return tuple(admitted)

    def _bumps(self, name: str) -> bool:
        forgets = self.variant == "epoch not advanced" and TRANSITIONS[name].to in ("paused", "objection_lodged")
        return TRANSITIONS[name].bump and not forgets

    def _commit(self, now: State, process: int, batch: tuple[int, ...], size: int, admitted: tuple[int, ...]) -> Step:
        then, told = now.carrying(process, None, None if now.lock == process else now.lock), []
        wrong = f"two entries at index {size}" if self.variant == "no lock" and admitted and size != now.size else ""
        for who in batch:
            step, _, seen, name = now.actors[who]
            if who not in admitted:  # a change is planned again, an exchange has ended
                then = then.moved(who, DONE if who in EXCHANGES else TOLD if step == TOLD else START)
                told.append(f"refuses {who}")
                continue
            then = then._replace(size=then.size + 1)
            if who not in EXCHANGES:
                told.append(f"changes by {who}")
                then = self._changed(then, who, name, known=step == TOLD)
            elif step == READ:
                told.append(f"decides {who}")
                then = then.moved(who, WRITTEN)
            else:
                told.append(f"releases {who}")
                wrong = wrong or (f"{who} leaves on what had changed by then" if seen != then.seen else "")
                then = then.moved(who, DONE)
        if then.epoch < now.epoch:
            wrong = wrong or "the epoch goes back"
        return f"process {process} {', '.join(told)}: epoch {then.epoch}, {then.standing}", then, wrong

    def _changed(self, then: State, who: int, name: str, *, known: bool) -> State:
        later = self.variant == "epoch after commit"
        return then.moved(who, DONE if known else WRITTEN)._replace(
            epoch=then.epoch + (self._bumps(name) and not later),
            owed=(*then.owed, who) if later else then.owed,
            standing=TRANSITIONS[name].to or then.standing,
            seen=then.seen + (not known),
        )


class Visited(NamedTuple):
    """What a visit found: `way` is the shortest to a broken promise, empty when none can be broken."""

    states: int
    steps: int
    happened: frozenset[str]
    way: list[str]


def explore(model: Model) -> Visited:
    """Visit every state, nearest first."""
    came: dict[State, tuple[State, str] | None] = {model.initial: None}
    frontier, steps, happened = [model.initial], 0, set[str]()
    while frontier:
        following = []
        for now in frontier:
            for what, then, wrong in model.steps(now):
                steps += 1
                happened.add(what)
                if wrong:
                    return Visited(len(came), steps, frozenset(happened), [*_way(came, now), what, f"BROKEN: {wrong}"])
                if then not in came:
                    came[then] = (now, what)
                    following.append(then)
        frontier = following
    return Visited(len(came), steps, frozenset(happened), [])


def _way(came: dict[State, tuple[State, str] | None], state: State) -> list[str]:
    told: list[str] = []
    while (before := came[state]) is not None:
        state, what = before
        told.insert(0, what)
    return told


if __name__ == "__main__":
    basis, variant = (*sys.argv[1:], *("consent", "")[len(sys.argv) - 1 :])
    found = explore(Model(basis, variant))
    head = f"{basis}, {variant or 'as it is'}: {found.states} states, {found.steps} steps"
    sys.stdout.write("\n  ".join([head, *found.way]) + "\n")
