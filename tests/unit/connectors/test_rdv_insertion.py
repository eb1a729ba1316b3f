"""rdv-insertion: sign-in, one person among the pages of a search, appointments by uuid."""

import re

import pytest

from connectors.base import Outcome
from connectors.rdv_insertion import DATASETS
from tests.unit.connectors.factories import BIRTH, NIR, NOW, RDVI, pivot

SIGN_IN = "https://rdvs.example/api/v1/auth/sign_in"
USERS = re.compile(r"https://rdvi\.example/api/v1/organisations/990001/users\?.*")
UUID = "3f2b8a52-6c1d-4a6e-9a57-0d3c5b7e9f10"
OTHER = "3f2b8a52-6c1d-4a6e-9a57-0d3c5b7e9f11"
SESSION = {"access-token": "jeton", "client": "client", "uid": "agent@departement.example", "token-type": "Bearer"}
USER = {
    "id": 1,
    "affiliation_number": "9900107",
    "role": "demandeur",
    "created_at": "2026-01-20T09:00:00.000+01:00",
    "department_internal_id": "VDB1",
    "first_name": "Hélène",
    "last_name": "BRUMAIRE",
    "title": "madame",
    "address": "3 rue des Joncs 99010 Brume",
    "phone_number": "+33639980000",
    "email": "helene@courriel.example",
    "birth_date": BIRTH,
    "rights_opening_date": None,
    "birth_name": None,
    "rdv_solidarites_user_id": 990001,
    "nir": NIR,
    "france_travail_id": None,
    "referents": [{"email": "SECRET"}],
    "tags": [],
}
WITHOUT_ID = {name: value for name, value in USER.items() if name != "id"}
RDV = {
    "id": 2,
    "uuid": UUID,
    "starts_at": "2026-12-01T09:30:00.000+01:00",
    "duration_in_min": 45,
    "cancelled_at": None,
    "address": "5 quai des Brumes",
    "created_by": "agent",
    "status": "unknown",
    "users_count": 1,
    "max_participants_count": None,
    "rdv_solidarites_rdv_id": 3,
    "agents": [{"email": "SECRET"}],
    "lieu": {"name": "Maison du Département", "address": "5 quai des Brumes", "phone_number": None},
    "motif": {"name": "Premier entretien", "collectif": False, "location_type": "public_office"},
    "users": [USER],
    "organisation": {"id": 3},
    "participations": [],
}


def page(*users, number=1, following=None):
    return {"success": True, "users": list(users), "pagination": {"current_page": number, "next_page": following}}


@pytest.fixture
def signed_in(httpx_mock):
    """A sign-in that succeeds."""
    httpx_mock.add_response(url=SIGN_IN, headers=SESSION, json={"data": {"id": 7}})
    return httpx_mock


async def test_the_person_is_found_by_caf_number_and_role(connect, fetch, signed_in):
    """The search knows the CAF number; the role tells the two partners of a household apart."""
    partner = {**USER, "id": 2, "role": "conjoint", "first_name": "Ali", "rdv_solidarites_user_id": 990002}
    signed_in.add_response(url=USERS, json=page(partner, USER))
    fetched = await fetch(
        connect(RDVI),
        *(*DATASETS["identity"].fields, *DATASETS["contact"].fields),
        caf_number="9900107/demandeur",
    )
    sign_in, search = signed_in.get_requests()
    assert sign_in.content == b'{"email":"agent@departement.example","password":"mot de passe"}'
    assert search.url.params["search_query"] == "9900107"
    assert {name: search.headers[name] for name in ("access-token", "client", "uid")} == {
        "access-token": "jeton",
        "client": "client",
        "uid": "agent@departement.example",
    }
    assert fetched["identity"].rows == (
        {
            "identity.family_name": "BRUMAIRE",
            "identity.given_names": "Hélène",
            "identity.birth_date": BIRTH,
            "identity.nir": NIR,
        },
    )
    assert fetched["contact"].rows == (
        {
            "contact.phone": "+33639980000",
            "contact.email": "helene@courriel.example",
            "contact.address": "3 rue des Joncs 99010 Brume",
        },
    )


async def test_every_page_is_compared_until_one_user_is_left(connect, fetch, signed_in):
    """The search knows names, not ids: its pages are read to the last."""
    homonym = {**USER, "id": 9, "rdv_solidarites_user_id": 990009, "birth_date": None, "nir": None}
    signed_in.add_response(url=USERS, json=page(homonym, following=2))
    signed_in.add_response(url=USERS, json=page(USER, number=2))
    fetched = await fetch(connect(RDVI), "contact.email", rdvi_user="990001", pivot=pivot())
    assert fetched["contact"].rows == ({"contact.email": "helene@courriel.example"},)
    first, second = signed_in.get_requests()[1:]
    assert dict(first.url.params) == {"search_query": "HÉLÈNE BRUMAIRE"}
    assert dict(second.url.params) == {"search_query": "HÉLÈNE BRUMAIRE", "page": "2"}


async def test_the_search_widens_from_the_usual_name_to_the_family_name(connect, fetch, signed_in):
    """Narrowest first, for each finding shows people who are not concerned."""
    signed_in.add_response(url=USERS, json=page(), is_reusable=True)
    fetched = await fetch(connect(RDVI), "contact.email", nir=NIR, pivot=pivot(usual_name="D'ORÉE"))
    assert (fetched["contact"].outcome, fetched["contact"].detail) == (Outcome.unknown_person, "no_file")
    assert [request.url.params["search_query"] for request in signed_in.get_requests()[1:]] == [
        "HÉLÈNE D'ORÉE",
        "HÉLÈNE BRUMAIRE",
        "D'ORÉE",
        "BRUMAIRE",
    ]


@pytest.mark.parametrize(
    ("users", "detail"),
    [
        ([USER, {**USER, "id": 2}], "several_persons"),
        ([{**USER, "id": None, "last_name": "AUBE"}, {**USER, "id": None}], "several_persons"),
        ([WITHOUT_ID, {**WITHOUT_ID, "last_name": "AUBE"}], "several_persons"),
        ([{**USER, "birth_date": "1971-01-01"}], "identity_mismatch"),
        ([{**USER, "rdv_solidarites_user_id": 5}], "identity_mismatch"),
        ([{**USER, "nir": "188019910000100"}], "identity_mismatch"),
    ],
)
async def test_no_one_is_picked_when_in_doubt(connect, fetch, signed_in, users, detail):
    """Several users, or one whom another identifier contradicts, are no match."""
    signed_in.add_response(url=USERS, json=page(*users))
    fetched = await fetch(
        connect(RDVI),
        "identity.family_name",
        caf_number="9900107/demandeur",
        rdvi_user="990001",
        nir=NIR,
        pivot=pivot(),
    )
    assert (fetched["identity"].outcome, fetched["identity"].detail) == (Outcome.ambiguous, detail)
    assert fetched["identity"].rows == ()


async def test_the_same_user_on_two_pages_is_one_user(connect, fetch, signed_in):
    """Pages shift while they are read."""
    signed_in.add_response(url=USERS, json=page(USER, "?", following=2))
    signed_in.add_response(url=USERS, json=page({**USER}, number=2))
    fetched = await fetch(connect(RDVI), "contact.phone", caf_number="9900107/demandeur")
    assert fetched["contact"].outcome is Outcome.found


async def test_a_search_without_end_is_ambiguous(connect, fetch, signed_in):
    """Ten pages of homonyms are not read further, and nobody among them is trusted to be the only one."""
    for number in range(1, 11):
        signed_in.add_response(url=USERS, json=page(*([USER] if number == 1 else []), following=number + 1))
    fetched = await fetch(connect(RDVI), "contact.phone", caf_number="9900107/demandeur")
    assert (fetched["contact"].outcome, fetched["contact"].detail) == (Outcome.ambiguous, "several_persons")
    assert len(signed_in.get_requests()) == 11


async def test_a_masked_nir_is_no_drift(connect, fetch, signed_in):
    """Some kinds of organisation do not see the NIR at all."""
    masked = {name: value for name, value in USER.items() if name != "nir"}
    signed_in.add_response(url=USERS, json=page(masked))
    fetched = await fetch(connect(RDVI), "identity.nir", "identity.family_name", caf_number="9900107/demandeur")
    assert fetched["identity"].rows == ({"identity.family_name": "BRUMAIRE"},)
    assert fetched["identity"].drift == ()


async def test_an_unknown_member_of_a_user_is_told(connect, fetch, signed_in, clock):
    """A member that no contract names is dropped and its place told, not its name, until a day without it."""
    signed_in.add_response(url=USERS, json=page({**USER, "favourite_colour": "bleu", "BRUMAIRE Hélène": 1}))
    connector = connect(RDVI)
    fetched = await fetch(connector, "contact.phone", caf_number="9900107/demandeur")
    assert fetched["contact"].drift == ("/users/*/*",)
    assert connector.health().drift == ("/users/*/*",)
    assert connector.health().state == "degraded"
    clock.advance(86_400)
    assert connector.health().drift == ()
    assert connector.health().state == "up"


async def test_a_user_without_a_name_is_drift(connect, fetch, signed_in):
    """An identity without its name is none."""
    signed_in.add_response(url=USERS, json=page({**USER, "last_name": 5}))
    fetched = await fetch(connect(RDVI), "identity.family_name", caf_number="9900107/demandeur")
    assert (fetched["identity"].outcome, fetched["identity"].drift) == (Outcome.drift, ("/users/*/last_name",))


@pytest.mark.parametrize(
    ("known", "detail"),
    [
        ({}, "identifier_missing"),
        ({"rdvi_user": "990001"}, "identifier_missing"),
        ({"caf_number": "9900107"}, "identifier_unusable"),
        ({"nir": "1", "pivot": pivot()}, "identifier_unusable"),
    ],
)
async def test_without_a_search_term_nobody_is_listed(connect, fetch, httpx_mock, known, detail):
    """An organisation's users are never listed for the sake of one."""
    fetched = await fetch(connect(RDVI), "contact.phone", "rdv.status", **known)
    assert (fetched["contact"].outcome, fetched["contact"].detail) == (Outcome.unknown_person, detail)
    assert fetched["rdv"].detail == "identifier_missing"
    assert not httpx_mock.get_requests()


async def test_an_appointment_is_read_by_its_uuid(connect, fetch, signed_in):
    """Other participants and agents stay behind."""
    signed_in.add_response(url=f"https://rdvi.example/api/v1/rdvs/{UUID}", json={"rdv": RDV})
    fetched = await fetch(connect(RDVI), *DATASETS["rdv"].fields, "rsa.since", rdvi_rdv=UUID.upper())
    assert fetched["rdv"].rows == (
        {
            "rdv.starts_at": "2026-12-01T09:30:00.000+01:00",
            "rdv.minutes": 45,
            "rdv.cancelled_at": None,
            "rdv.status": "unknown",
            "rdv.reason": "Premier entretien",
            "rdv.collective": False,
            "rdv.place": "Maison du Département, 5 quai des Brumes",
        },
    )
    assert fetched["rsa"].detail == "not_supplied"


async def test_a_visit_at_home_has_no_place(connect, fetch, signed_in):
    """Its address is the person's own, which is another field."""
    motif = {**RDV["motif"], "location_type": "home", "collectif": True}
    signed_in.add_response(json={"rdv": {**RDV, "motif": motif, "lieu": None, "collectif": False}})
    fetched = await fetch(connect(RDVI), "rdv.place", "rdv.collective", rdvi_rdv=UUID)
    assert fetched["rdv"].rows == ({"rdv.place": None, "rdv.collective": False},)


async def test_without_a_named_place_the_address_serves(connect, fetch, signed_in):
    """An appointment without `lieu` still has an address."""
    signed_in.add_response(json={"rdv": {**RDV, "lieu": None}})
    fetched = await fetch(connect(RDVI), "rdv.place", rdvi_rdv=UUID)
    assert fetched["rdv"].rows == ({"rdv.place": "5 quai des Brumes"},)


async def test_the_status_is_the_persons_own(connect, fetch, signed_in):
    """At a collective appointment each participant has a status."""
    own = [
        "?",
        {"status": "noshow", "user": {"rdv_solidarites_user_id": 5}},
        {"status": "seen", "user": {"rdv_solidarites_user_id": 990001}},
    ]
    signed_in.add_response(json={"rdv": {**RDV, "participations": own}}, is_reusable=True)
    connector = connect(RDVI)
    mine = await fetch(connector, "rdv.status", rdvi_rdv=UUID, rdvi_user="990001")
    unknown = await fetch(connector, "rdv.status", rdvi_rdv=UUID)
    assert mine["rdv"].rows == ({"rdv.status": "seen"},)
    assert unknown["rdv"].rows == ({"rdv.status": "unknown"},)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"starts_at": "01/12/2026"}, "/rdv/starts_at"),
        ({"motif": None}, "/rdv/motif"),
        ({"status": 3}, "/rdv/status"),
        ({"motif": {"name": 5, "collectif": False}}, "/rdv/motif/name"),
        ({"motif": {"name": "x", "collectif": "non"}}, "/rdv/motif/collectif"),
    ],
)
async def test_an_appointment_of_another_shape_is_told(connect, fetch, signed_in, change, path):
    """Without its start the appointment is dropped; without another member that field is."""
    signed_in.add_response(json={"rdv": {**RDV, **change}})
    fetched = await fetch(connect(RDVI), *DATASETS["rdv"].fields, rdvi_rdv=UUID)
    assert path in fetched["rdv"].drift
    assert fetched["rdv"].outcome is (Outcome.drift if "starts_at" in change else Outcome.found)


async def test_appointments_come_in_the_order_kept_and_a_lost_one_is_skipped(connect, fetch, signed_in):
    """404 for one uuid: that appointment is gone, the others are told."""
    signed_in.add_response(url=re.compile(f".*/{OTHER}"), status_code=404, json={"not_found": "Rdv"})
    signed_in.add_response(url=re.compile(f".*/{UUID}"), json={"rdv": {**RDV, "users": "?"}})
    fetched = await fetch(connect(RDVI), "rdv.minutes", rdvi_rdv=f"{OTHER} {UUID}")
    assert fetched["rdv"].rows == ({"rdv.minutes": 45},)


@pytest.mark.parametrize(
    ("answer", "outcome", "detail"),
    [
        ({"status_code": 404, "json": {"not_found": "Rdv"}}, Outcome.no_data, "no_file"),
        ({"status_code": 404, "json": {"not_found": "Page"}}, Outcome.drift, "unexpected_status"),
        ({"status_code": 403, "json": {"errors": ["…"]}}, Outcome.refused, "no_right"),
        ({"status_code": 503, "text": "<html>"}, Outcome.unavailable, "source_failed"),
        ({"status_code": 200, "html": "<html>"}, Outcome.drift, "not_json"),
        ({"json": {"rdv": []}}, Outcome.drift, "unreadable"),
        ({"json": []}, Outcome.drift, "unreadable"),
        ({"json": {"rdv": {**RDV, "uuid": OTHER}}}, Outcome.ambiguous, "identity_mismatch"),
    ],
)
async def test_what_an_appointment_cannot_tell(connect, fetch, signed_in, answer, outcome, detail):
    """Each answer that is not the appointment has its outcome, and one of several is enough for none."""
    signed_in.add_response(url=re.compile(f".*/{UUID}"), **answer)
    fetched = await fetch(connect(RDVI), "rdv.minutes", rdvi_rdv=UUID)
    assert (fetched["rdv"].outcome, fetched["rdv"].detail, fetched["rdv"].rows) == (outcome, detail, ())


async def test_an_appointment_of_somebody_else_puts_everything_in_doubt(connect, fetch, signed_in):
    """The uuid may have been linked to the wrong person, or the person to the wrong file."""
    signed_in.add_response(url=USERS, json=page(USER))
    signed_in.add_response(url=re.compile(".*rdvs.*"), json={"rdv": {**RDV, "users": [{"rdv_solidarites_user_id": 5}]}})
    fetched = await fetch(
        connect(RDVI),
        *("rdv.minutes", "contact.phone"),
        rdvi_rdv=UUID,
        rdvi_user="990001",
        caf_number="9900107/demandeur",
    )
    assert {item.outcome for item in fetched.values()} == {Outcome.ambiguous}
    assert not any(item.rows for item in fetched.values())


@pytest.mark.parametrize("uuids", ["../users", "3f2b8a52", " ".join([UUID] * 51)])
async def test_only_uuids_go_into_an_address(connect, fetch, httpx_mock, uuids):
    """What is not a uuid, or too many of them, is not asked for."""
    fetched = await fetch(connect(RDVI), "rdv.minutes", rdvi_rdv=uuids)
    assert (fetched["rdv"].outcome, fetched["rdv"].detail) == (Outcome.unknown_person, "identifier_unusable")


@pytest.mark.parametrize(
    ("answer", "outcome", "detail", "wait"),
    [
        ({"status_code": 404, "json": {"not_found": "Organisation"}}, Outcome.refused, "invalid_request", None),
        ({"status_code": 429, "json": {"retry_after": 300}}, Outcome.rate_limited, "too_many_requests", 300),
        ({"status_code": 429, "json": {"retry_after": "x"}}, Outcome.rate_limited, "too_many_requests", None),
        ({"json": {"success": False}}, Outcome.drift, "unreadable", None),
        ({"json": []}, Outcome.drift, "unreadable", None),
        ({"json": page({**USER, "id": [1]})}, Outcome.drift, "unreadable", None),
        ({"json": page({**USER, "id": "1"})}, Outcome.drift, "unreadable", None),
    ],
)
async def test_what_a_search_cannot_tell(connect, fetch, signed_in, answer, outcome, detail, wait):
    """Both datasets of a user share the outcome of the search."""
    signed_in.add_response(url=USERS, **answer)
    fetched = await fetch(connect(RDVI), "contact.phone", "identity.nir", caf_number="9900107/demandeur")
    assert {(item.outcome, item.detail, item.retry_after) for item in fetched.values()} == {(outcome, detail, wait)}


async def test_a_session_that_ended_early_is_opened_again(connect, fetch, httpx_mock):
    """401 drops the session once."""
    httpx_mock.add_response(url=SIGN_IN, headers=SESSION, json={})
    httpx_mock.add_response(url=SIGN_IN, headers={**SESSION, "access-token": "neuf"}, json={})
    httpx_mock.add_response(url=USERS, match_headers={"access-token": "jeton"}, status_code=401, json={"errors": []})
    httpx_mock.add_response(url=USERS, match_headers={"access-token": "neuf"}, json=page(USER))
    fetched = await fetch(connect(RDVI), "contact.phone", caf_number="9900107/demandeur")
    assert fetched["contact"].outcome is Outcome.found


@pytest.mark.parametrize(("expiry", "lasts"), [(NOW // 1000 + 3600, 3600), (5, 86_400), (NOW // 1000 + 10**6, 86_400)])
async def test_a_session_lasts_as_long_as_it_says(connect, fetch, httpx_mock, clock, expiry, lasts):
    """24 hours at most, less when the sign-in says so."""
    httpx_mock.add_response(url=SIGN_IN, headers={**SESSION, "expiry": str(expiry)}, json={}, is_reusable=True)
    httpx_mock.add_response(url=USERS, json=page(), is_reusable=True)
    connector = connect(RDVI)

    async def sign_ins():
        await fetch(connector, "contact.phone", caf_number="9900107/demandeur")
        return sum(str(request.url) == SIGN_IN for request in httpx_mock.get_requests())

    assert await sign_ins() == 1
    clock.advance(lasts - 61)
    assert await sign_ins() == 1
    clock.advance(2)
    assert await sign_ins() == 2


@pytest.mark.parametrize(
    ("answer", "outcome", "detail"),
    [
        ({"status_code": 401, "json": {"errors": ["…"]}}, Outcome.refused, "credentials_rejected"),
        ({"status_code": 422, "json": {}}, Outcome.refused, "credentials_rejected"),
        ({"status_code": 503, "text": "x"}, Outcome.unavailable, "source_failed"),
        ({"status_code": 429}, Outcome.rate_limited, "too_many_requests"),
        ({"json": {}}, Outcome.drift, "unreadable"),
        ({"html": "<html>"}, Outcome.drift, "not_json"),
        ({"json": {}, "headers": {**SESSION, "client": ""}}, Outcome.drift, "unreadable"),
    ],
)
async def test_without_a_session_nothing_is_asked(connect, fetch, httpx_mock, answer, outcome, detail):
    """Why nobody is signed in is why there is no data."""
    httpx_mock.add_response(url=SIGN_IN, **answer)
    fetched = await fetch(connect(RDVI), "rdv.minutes", rdvi_rdv=UUID)
    assert (fetched["rdv"].outcome, fetched["rdv"].detail) == (outcome, detail)
