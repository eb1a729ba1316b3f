"""Registered today or not: the day is the one where the dates were written."""

from datetime import datetime

import pytest

from connectors.api_particulier_answers import row_of
from connectors.reading import Notes


@pytest.mark.parametrize(
    ("moment", "since", "until", "registered"),
    [
        ("2026-06-30T22:30:00+00:00", "2026-07-01", None, True),  # half past midnight on 1 July in Paris
        ("2026-06-30T22:30:00+00:00", "2026-01-01", "2026-07-01", False),
        ("2026-06-30T21:30:00+00:00", "2026-07-01", None, False),
        ("2026-12-31T23:30:00+00:00", "2027-01-01", None, True),
        ("2026-12-31T22:59:59+00:00", "2026-01-01", "2027-01-01", True),
        ("2028-02-28T23:30:00+00:00", "2028-02-29", None, True),
    ],
)
def test_a_registration_begins_and_ends_at_midnight_in_paris(
    moment: str, since: str, until: str | None, *, registered: bool
) -> None:
    """Rule: neither an hour nor two later; at a year's end and on a leap day too."""
    data = {"inscription": {"date_debut": since, "date_fin": until, "categorie": None}}
    now = int(datetime.fromisoformat(moment).timestamp()) * 1000
    wanted = frozenset({"job_seeker.registered"})
    assert row_of("job_seeker", data, wanted=wanted, notes=Notes(), now=now) == {"job_seeker.registered": registered}
