"""Where a process's CPU goes: a sampling profiler of all its threads, by stage of the exchange.

A timer on the process's CPU time (setitimer, ITIMER_PROF) stops it each millisecond of work. Each thread's frames
are noted with the CPU time which that thread itself has spent since the last stop (its own clock), so a thread
that waits weighs nothing and one that works in C weighs what it worked. Time inside the C loop goes to the
callback that follows it. Starts at SIGUSR1, writes and starts anew at SIGUSR2.
"""

import json
import signal
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from types import CodeType, FrameType

_EVERY = 0.001
_DEEPEST = 80


class Sampler:
    """Counts nanoseconds per stack."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._spent: Counter[tuple[int, ...]] = Counter()
        self._codes: dict[int, CodeType] = {}
        self._clocks: dict[int, tuple[int, int]] = {}

    def install(self) -> None:
        """From the main thread, before the loop runs."""
        signal.signal(signal.SIGUSR1, self._start)
        signal.signal(signal.SIGUSR2, self._write)
        signal.signal(signal.SIGPROF, self._note)

    def _start(self, _signal: int, _frame: FrameType | None) -> None:
        self._spent.clear()
        self._elapsed()
        signal.setitimer(signal.ITIMER_PROF, _EVERY, _EVERY)

    def _elapsed(self) -> dict[int, int]:
        """Nanoseconds of CPU each thread has spent since the last call."""
        spent = {}
        for thread in threading.enumerate():
            ident = thread.ident or 0
            if ident not in self._clocks:
                self._clocks[ident] = (time.pthread_getcpuclockid(ident), 0)
            clock, before = self._clocks[ident]
            now = time.clock_gettime_ns(clock)
            self._clocks[ident] = (clock, now)
            spent[ident] = now - before
        return spent

    def _note(self, _signal: int, frame: FrameType | None) -> None:
        frames: dict[int, FrameType | None] = dict(sys._current_frames())  # noqa: SLF001  the documented way
        frames[threading.main_thread().ident or 0] = frame
        for ident, spent in self._elapsed().items():
            if spent > 0:
                self._spent[self._stack(frames.get(ident))] += spent

    def _stack(self, frame: FrameType | None) -> tuple[int, ...]:
        """Code and line of each frame, innermost first."""
        stack: list[int] = []
        while frame is not None and len(stack) < 2 * _DEEPEST:
            code = frame.f_code
            key = id(code)
            self._codes[key] = code
            stack += (key, frame.f_lineno)
            frame = frame.f_back
        return tuple(stack)

    def _write(self, _signal: int, _frame: FrameType | None) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        stacks = []
        for stack, spent in self._spent.items():
            calls = [(self._codes[key], line) for key, line in zip(stack[::2], stack[1::2], strict=True)]
            stacks.append((spent, [(code.co_filename, code.co_qualname, line) for code, line in calls]))
        self._out.with_suffix(".part").write_text(json.dumps(stacks))
        self._out.with_suffix(".part").rename(self._out)
