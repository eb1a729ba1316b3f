"""In doubt nobody is chosen, and nothing leaves that the rest of an answer leaves in doubt."""

import pytest

from connectors.base import Outcome
from tests.unit.connectors.factories import RDVI
from tests.unit.connectors.test_rdv_insertion import SESSION, SIGN_IN, USER, USERS, page


@pytest.fixture
def signed_in(httpx_mock):
    """A session of rdv-insertion."""
    httpx_mock.add_response(url=SIGN_IN, headers=SESSION, json={})
    return httpx_mock


@pytest.mark.parametrize(
    "pagination",
    [None, [], {}, {"next_page": "2"}, {"next_page": 3}, {"next_page": 1}, {"next_page": 2.0}, {"next_page": False}],
)
async def test_pages_that_cannot_be_followed_choose_nobody(connect, fetch, signed_in, pagination):
    """Only `next_page: null` ends a search: who stands on a page that was not read cannot be told."""
    signed_in.add_response(url=USERS, json={**page(USER), "pagination": pagination})
    fetched = await fetch(connect(RDVI), "contact.phone", caf_number="9900107/demandeur")
    assert (fetched["contact"].outcome, fetched["contact"].detail) == (Outcome.drift, "unreadable")
    assert fetched["contact"].rows == ()
