"""Types of entries about who came in: tokens, sign-ins, consoles; `audit/events.py` adds them to the vocabulary."""

from collections.abc import Mapping

from audit.event import Event

ACCESS_EVENTS: Mapping[str, Event] = {}
