"""What is in doubt chooses nobody and does not leave; what is merely short is no drift."""

import pytest

from connectors.base import Outcome
from tests.unit.connectors.ap_answers import FAMILY, STATUS, data
from tests.unit.connectors.factories import AP, BIRTH, FT, KNOWN, RDVI, pivot
from tests.unit.connectors.ft_answers import APPOINTMENTS, FOUND, SEARCH, TOKEN
from tests.unit.connectors.test_rdv_insertion import RDV, SESSION, SIGN_IN, USER, USERS, UUID, page


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
    connector = connect(RDVI)
    fetched = await fetch(connector, "contact.phone", caf_number="9900107/demandeur")
    assert (fetched["contact"].outcome, fetched["contact"].detail) == (Outcome.drift, "unreadable")
    assert fetched["contact"].rows == ()
    assert fetched["contact"].drift == connector.health().drift == ("/pagination/next_page",)


@pytest.mark.parametrize("kind", ["home", "phone", "visio", None, 5, ...])
async def test_the_persons_own_address_is_never_a_place(connect, fetch, signed_in, kind):
    """Without a place of its own, an appointment has the address of whoever it is with, unless it is at an office."""
    motif = {name: value for name, value in RDV["motif"].items() if name != "location_type"}
    motif |= {} if kind is ... else {"location_type": kind}
    signed_in.add_response(json={"rdv": {**RDV, "lieu": None, "address": USER["address"], "motif": motif}})
    fetched = await fetch(connect(RDVI), "rdv.place", rdvi_rdv=UUID)
    assert fetched["rdv"].rows == ({"rdv.place": None},)


async def test_a_named_place_serves_whatever_the_kind(connect, fetch, signed_in):
    """The name and address of a place are nobody's own."""
    signed_in.add_response(json={"rdv": {**RDV, "motif": {**RDV["motif"], "location_type": "phone"}}})
    fetched = await fetch(connect(RDVI), "rdv.place", rdvi_rdv=UUID)
    assert fetched["rdv"].rows == ({"rdv.place": "Maison du Département, 5 quai des Brumes"},)


@pytest.mark.parametrize("wanted", ["household.postcode", "household.commune"])
async def test_a_postcode_without_a_town_is_no_drift(connect, fetch, httpx_mock, wanted):
    """So is the example of the published description: the postcode is given, the town is not supplied."""
    httpx_mock.add_response(**data({**FAMILY, "adresse": {**FAMILY["adresse"], "code_postal_ville": "75002"}}))
    fetched = (await fetch(connect(AP), wanted, pivot=pivot()))["household"]
    row = {"household.postcode": "75002"} if wanted == "household.postcode" else {}
    assert (fetched.outcome, fetched.rows, fetched.drift) == (Outcome.found, (row,), ())


async def test_a_registration_without_a_start_is_told(connect, fetch, httpx_mock):
    """The contract has none: whether somebody is registered is not derived from it."""
    httpx_mock.add_response(**data({**STATUS, "inscription": {**STATUS["inscription"], "date_debut": None}}))
    fetched = (await fetch(connect(AP), "job_seeker.registered", ft_login="helene.b"))["job_seeker"]
    assert (fetched.outcome, fetched.detail) == (Outcome.drift, "unreadable")
    assert fetched.drift == ("/data/inscription/date_debut",)


@pytest.mark.parametrize(
    ("echo", "outcome", "detail"),
    [
        ("helene.brumaire", Outcome.ambiguous, "identity_mismatch"),
        (None, Outcome.drift, "unreadable"),
        (["helene.b"], Outcome.drift, "unreadable"),
    ],
)
async def test_an_answer_to_another_login_is_about_somebody_else(connect, fetch, httpx_mock, echo, outcome, detail):
    """The source repeats the login it was asked with; what it repeats otherwise is not the person's."""
    httpx_mock.add_response(**data({**STATUS, "identifiant": echo}))
    fetched = (await fetch(connect(AP), "job_seeker.since", ft_login="helene.b"))["job_seeker"]
    assert (fetched.outcome, fetched.detail, fetched.rows) == (outcome, detail, ())
    assert fetched.drift == (("/data/identifiant",) if outcome is Outcome.drift else ())


async def test_an_answer_that_repeats_no_login_is_read(connect, fetch, httpx_mock):
    """What is not there contradicts nothing."""
    httpx_mock.add_response(**data({name: value for name, value in STATUS.items() if name != "identifiant"}))
    fetched = (await fetch(connect(AP), "job_seeker.since", ft_login="helene.b", pivot=pivot()))["job_seeker"]
    assert fetched.rows == ({"job_seeker.since": "2025-02-01"},)


@pytest.mark.parametrize(
    ("born", "outcome", "detail"),
    [
        ([None], Outcome.drift, "unreadable"),
        (["21/03/1999"], Outcome.drift, "unreadable"),
        ([f"{BIRTH}T00:00:00Z"], Outcome.drift, "unreadable"),
        ([19990321], Outcome.drift, "unreadable"),
        (["1971-01-01", None], Outcome.drift, "unreadable"),
        (["1971-01-01", "1972-01-01"], Outcome.ambiguous, "identity_mismatch"),
        ([BIRTH, None], Outcome.found, ""),
        (["1999-00-00"], Outcome.found, ""),
        ([], Outcome.found, ""),
    ],
)
async def test_a_birth_date_that_cannot_be_read_vouches_for_nobody(connect, fetch, httpx_mock, born, outcome, detail):
    """One of those named is the person for certain, or nothing leaves; an answer that names nobody is the person's."""
    people = [{**FAMILY["allocataires"][0], "date_naissance": date} for date in born]
    httpx_mock.add_response(**data({**FAMILY, "allocataires": people}))
    fetched = (await fetch(connect(AP), "quotient_familial.value", pivot=pivot()))["quotient_familial"]
    assert (fetched.outcome, fetched.detail, bool(fetched.rows)) == (outcome, detail, outcome is Outcome.found)
    assert fetched.drift == (("/data/allocataires/*/date_naissance",) if outcome is Outcome.drift else ())


@pytest.mark.parametrize("born", [None, "21/03/1999"])
async def test_a_job_seekers_birth_date_must_be_readable(connect, fetch, httpx_mock, born):
    """The same where one person is named: no published answer lacks the date."""
    httpx_mock.add_response(**data({**STATUS, "identite": {**STATUS["identite"], "date_naissance": born}}))
    connector = connect(AP)
    fetched = (await fetch(connector, "job_seeker.since", ft_login="helene.b", pivot=pivot()))["job_seeker"]
    assert (fetched.outcome, fetched.detail) == (Outcome.drift, "unreadable")
    assert fetched.drift == connector.health().drift == ("/data/identite/date_naissance",)


@pytest.mark.parametrize("start", [{"date": None}, {"date": "null"}, {"date": "01/12/2026 10:30"}, {}])
async def test_an_appointment_without_its_start_does_not_leave(connect, fetch, httpx_mock, start):
    """A place alone would mislead; who asked for places alone has them."""
    httpx_mock.add_response(url=TOKEN, json={"access_token": "jeton-1", "expires_in": 1499, "token_type": "Bearer"})
    httpx_mock.add_response(url=SEARCH, json=FOUND, is_reusable=True)
    httpx_mock.add_response(url=APPOINTMENTS, json=[{**start, "libelleAdresse": "Agence"}], is_reusable=True)
    connector = connect(FT)
    fetched = (await fetch(connector, "ft_appointments.starts_at", "ft_appointments.place", **KNOWN))["ft_appointments"]
    assert (fetched.outcome, fetched.rows, fetched.drift) == (Outcome.drift, (), ("/*/date",))
    places = await fetch(connector, "ft_appointments.place", **KNOWN)
    assert places["ft_appointments"].rows == ({"ft_appointments.place": "Agence"},)
