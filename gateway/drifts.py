"""Where sources leave their published contracts, told to the operator.

Answers for one warning per source, dataset and path, and one more when it comes back after a day without it; per
process. A path is written by the connectors from published names alone (connectors/reading.py), empty when the answer
as a whole is not the published one. Refuses to see anything else of an answer, and costs an exchange without drift
nothing.
"""

import structlog

from connectors.base import DRIFT_LASTS_MS, Clock, Fetched

_log = structlog.get_logger("gateway.sources")


class Drifts:
    """What was met where, and when last."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._met: dict[tuple[str, str, str], int] = {}

    def tell(self, source: str, fetched: Fetched) -> None:
        """Log the paths of `fetched` that were not met within a day."""
        now = self._clock()
        for path in fetched.drift or ("",):
            place = (source, fetched.dataset, path)
            if now - self._met.get(place, -DRIFT_LASTS_MS) >= DRIFT_LASTS_MS:
                _log.warning("source_drifted", source=source, dataset=fetched.dataset, path=path, detail=fetched.detail)
            self._met[place] = now
