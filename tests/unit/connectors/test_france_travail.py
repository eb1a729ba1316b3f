"""France Travail: the walk token → person → datasets, the business codes and the quirks of its answers."""

import asyncio
import re

import pytest

from connectors.base import AskActor, Outcome
from connectors.france_travail import DATASETS, agent_headers
from tests.unit.connectors.factories import BATCH, BIRTH, FT, NIR, pivot, with_options

TOKEN = "https://auth.ft.example/connexion/oauth2/access_token?realm=%2Fagent"
SEARCH = "https://ft.example/partenaire/rechercher-usager/v2/usagers/par-datenaissance-et-nir"
BY_NUMBER = "https://ft.example/partenaire/rechercher-usager/v2/usagers/par-numero-francetravail"
CONTRACT = "https://ft.example/partenaire/contrat-usager/v2/contrat"
RQTH = "https://ft.example/partenaire/donnees-rqth/v1/rqth"
ORIENTATION = "https://ft.example/partenaire/orientationusager/v1/lectureOrientation?etatOrientation=OUVERT"
APPOINTMENTS = "https://ft.example/partenaire/rendez-vous-partenaire/v1/rendez-vous-usager"
DIAGNOSIS = "https://ft.example/partenaire/diagnosticargumente/v4/dossiers"
KNOWN = {"nir": NIR, "pivot": pivot()}
FOUND = {"codeRetour": "S001", "message": "Usager trouvé", "jetonUsager": "jeton.usager", "topIdentiteCertifiee": "O"}
REGISTERED = {
    "m_contrat": {
        "m_statut": "Inscrit",
        "m_date_effet_statut": "2026-02-03",
        "m_duree_inscription_12": 9,
        "m_duree_inscription_24": 9,
        "m_duree_inscription_36": 9,
        "m_categ_inscription_code": "1",
        "m_categ_inscription_lib": "SANS EMPLOI",
        "m_motif_cloture_code": "null",
        "m_motif_cloture_lib": "null",
    }
}


@pytest.fixture
def signed_in(httpx_mock):
    """A token endpoint that grants, and a search that finds."""
    httpx_mock.add_response(url=TOKEN, json={"access_token": "jeton-1", "expires_in": 1499, "token_type": "Bearer"})
    httpx_mock.add_response(url=SEARCH, json=FOUND)
    return httpx_mock


async def test_the_walk_is_token_then_person_then_datasets(connect, fetch, signed_in):
    """Each call carries the access token, the professional, and once the person is found the user token."""
    signed_in.add_response(url=CONTRACT, json=REGISTERED)
    fetched = await fetch(connect(FT), *DATASETS["registration"].fields, **KNOWN)
    token, search, contract = signed_in.get_requests()
    assert token.content == (
        b"grant_type=client_credentials&client_id=PAR_gateway&client_secret=tres-secret"
        b"&scope=api_rechercher-usagerv2+rechercheusager"
    )
    assert token.headers["content-type"] == "application/x-www-form-urlencoded"
    assert search.content == b'{"dateNaissance":"%s","nir":"%s"}' % (BIRTH.encode(), NIR.encode())
    for request in (search, contract):
        assert request.headers["authorization"] == "Bearer jeton-1"
        assert request.headers["pa-identifiant-agent"] == "agent-0042"
        assert request.headers["pa-nom-agent"] == "Leveque"
        assert request.headers["pa-prenom-agent"] == "Noemie"
    assert contract.headers["ft-jeton-usager"] == "jeton.usager"
    assert fetched["registration"].outcome is Outcome.found
    assert fetched["registration"].rows == (
        {
            "registration.status": "Inscrit",
            "registration.since": "2026-02-03",
            "registration.months_of_12": 9,
            "registration.months_of_24": 9,
            "registration.months_of_36": 9,
            "registration.category_code": "1",
            "registration.category_label": "SANS EMPLOI",
            "registration.closing_code": None,
            "registration.closing_label": None,
        },
    )


async def test_datasets_are_fetched_together_and_only_those_asked(connect, fetch, signed_in):
    """One search, then one call per permitted dataset."""
    signed_in.add_response(url=CONTRACT, status_code=204)
    signed_in.add_response(
        url=RQTH, json={"topValiditeRQTH": False, "dateDebutRqth": "", "dateFinRqth": "", "source": ""}
    )
    fetched = await fetch(connect(FT), "registration.status", *DATASETS["rqth"].fields, "rsa.since", **KNOWN)
    assert (fetched["registration"].outcome, fetched["registration"].detail) == (Outcome.no_data, "no_file")
    assert fetched["rqth"].rows == ({"rqth.valid": False, "rqth.since": None, "rqth.until": None, "rqth.source": None},)
    assert fetched["rsa"].detail == "not_supplied"
    assert len(signed_in.get_requests()) == 4


async def test_a_recognition_without_end_has_no_end(connect, fetch, signed_in):
    """9999-12-31 stands for no end."""
    signed_in.add_response(
        url=RQTH,
        json={"topValiditeRQTH": True, "dateDebutRqth": "2024-01-20", "dateFinRqth": "9999-12-31", "source": "MDPH"},
    )
    fetched = await fetch(connect(FT), "rqth.until", "rqth.since", **KNOWN)
    assert fetched["rqth"].rows == ({"rqth.since": "2024-01-20", "rqth.until": None},)


async def test_orientations_are_rows_without_their_criteria(connect, fetch, signed_in):
    """Health, housing and family criteria are in the answer and never in a row."""
    signed_in.add_response(
        url=ORIENTATION,
        json=[
            {
                "parcours": "PED",
                "organisme": "CD",
                "structure": {"code_safir": "99000", "libelle_structure": "Agence de la Brume"},
                "statut": "DECIDE",
                "etat": "OUVERT",
                "date_entree_parcours": "2026-02-02",
                "date_creation": "2026-01-20T08:00:00.000+01:00",
                "criteres_orientation": {"contrainte_sante": "SECRET"},
                "decision": {"commentaire_refus": "SECRET"},
            },
            {"parcours": "PSO", "structure": None, "etat": 4},
            "?",
            {"parcours": 7},
        ],
    )
    fetched = await fetch(connect(FT), *DATASETS["orientation"].fields, **KNOWN)
    assert fetched["orientation"].rows == (
        {
            "orientation.path": "PED",
            "orientation.body": "CD",
            "orientation.structure": "Agence de la Brume",
            "orientation.status": "DECIDE",
            "orientation.state": "OUVERT",
            "orientation.entered_on": "2026-02-02",
            "orientation.created_on": "2026-01-20",
        },
        {"orientation.path": "PSO", "orientation.structure": None},
    )
    assert fetched["orientation"].drift == ("/*/etat", "/*", "/*/parcours")


async def test_the_whole_history_is_a_choice_of_the_settings(connect, fetch, signed_in):
    """Without a state asked for, no state is sent."""
    signed_in.add_response(url=ORIENTATION.partition("?")[0], json=[])
    fetched = await fetch(connect(with_options(FT, orientation_state="")), "orientation.path", **KNOWN)
    assert fetched["orientation"].outcome is Outcome.no_data


async def test_appointments_are_rows(connect, fetch, signed_in):
    """Phone numbers, free information and the agent of an appointment stay behind."""
    signed_in.add_response(
        url=APPOINTMENTS,
        json=[
            {
                "id": "1",
                "date": "2026-12-01T10:30:00.000Z",
                "duree": 30,
                "statut": "PRIS",
                "modaliteContact": "PHYSIQUE",
                "motif": "ACC",
                "libelleAdresse": "Agence",
                "adresse": "2 place du Port",
                "telephoneContactUsager": "0600000000",
                "interlocuteur": {"nom": "X"},
            },
            {"date": "2026-12-02T10:30:00+01:00", "modaliteContact": "VISIO", "organisme": {}},
        ],
    )
    fetched = await fetch(connect(FT), *DATASETS["ft_appointments"].fields, **KNOWN)
    assert fetched["ft_appointments"].rows == (
        {
            "ft_appointments.starts_at": "2026-12-01T10:30:00.000Z",
            "ft_appointments.minutes": 30,
            "ft_appointments.status": "PRIS",
            "ft_appointments.mode": "PHYSIQUE",
            "ft_appointments.reason": "ACC",
            "ft_appointments.place": "Agence, 2 place du Port",
        },
        {
            "ft_appointments.starts_at": "2026-12-02T10:30:00+01:00",
            "ft_appointments.mode": "VISIO",
            "ft_appointments.place": None,
        },
    )


async def test_the_place_of_an_appointment_may_stay_behind(connect, fetch, signed_in):
    """A field that is not asked for is not composed."""
    signed_in.add_response(url=APPOINTMENTS, json=[{"date": "2026-12-01T10:30:00.000Z", "libelleAdresse": "Agence"}])
    fetched = await fetch(connect(FT), "ft_appointments.starts_at", **KNOWN)
    assert fetched["ft_appointments"].rows == ({"ft_appointments.starts_at": "2026-12-01T10:30:00.000Z"},)


DOSSIER = {
    "besoinsParDiagnostic": [
        {
            "diagnostic": {"nomMetier": "Boulangère"},
            "thematiquesBesoins": [
                {
                    "code": "1",
                    "libelle": "Choisir un métier",
                    "besoins": [
                        {
                            "libelle": "Découvrir",
                            "valeur": "BESOIN",
                            "dateExploration": "2026-05-17T16:47:11.000+02:00",
                        },
                        {"libelle": "Confirmer", "valeur": "NON_EXPLORE", "dateExploration": None},
                        {"libelle": "Sans valeur"},
                    ],
                },
                {"libelle": "Se former", "besoins": None},
            ],
        }
    ],
    "thematiqueContrainte": {
        "libelle": "Résoudre ses contraintes",
        "contraintes": [
            {"libelle": "DÃ©velopper sa mobilitÃ©", "valeur": "OUI", "situations": [{"libelle": "SECRET"}]},
            {"libelle": "Famille", "valeur": "NON_ABORDEE"},
        ],
    },
    "pouvoirAgir": {"resultatAnalyse": "SECRET"},
    "autonomieNumerique": {
        "contrainte": {"libelle": "Ãternel", "valeur": "NON"},
        "besoin": {"libelle": "Services", "valeur": "POINT_FORT", "dateExploration": "2026-01-02"},
    },
}


async def test_the_diagnosis_is_what_was_explored(connect, fetch, signed_in):
    """Needs, constraints and digital autonomy that have a value, one row each; twice-decoded labels are mended."""
    signed_in.add_response(url=DIAGNOSIS, json=DOSSIER)
    fetched = await fetch(connect(FT), *DATASETS["diagnosis"].fields, **KNOWN)
    names = ("diagnosis.theme", "diagnosis.need", "diagnosis.finding", "diagnosis.explored_on")
    assert [tuple(row.get(name) for name in names) for row in fetched["diagnosis"].rows] == [
        ("Choisir un métier", "Découvrir", "BESOIN", "2026-05-17"),
        ("Résoudre ses contraintes", "Développer sa mobilité", "OUI", None),
        ("Autonomie numérique", "Ãternel", "NON", None),
        ("Autonomie numérique", "Services", "POINT_FORT", "2026-01-02"),
    ]
    assert fetched["diagnosis"].drift == ()


async def test_a_diagnosis_may_be_asked_without_its_themes(connect, fetch, signed_in):
    """Only the wanted fields are in a row."""
    signed_in.add_response(url=DIAGNOSIS, json=DOSSIER)
    fetched = await fetch(connect(FT), "diagnosis.finding", **KNOWN)
    assert fetched["diagnosis"].rows[0] == {"diagnosis.finding": "BESOIN"}


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"besoinsParDiagnostic": {}}, "/besoinsParDiagnostic"),
        ({"besoinsParDiagnostic": ["?"]}, "/besoinsParDiagnostic/*"),
        ({"thematiqueContrainte": []}, "/thematiqueContrainte"),
        ({"autonomieNumerique": {"besoin": 3}}, "/autonomieNumerique/besoin"),
        ({"meteo": {}}, "/*"),
        (
            {"thematiqueContrainte": {"libelle": 3, "contraintes": [{"libelle": "x", "valeur": 5}]}},
            "/thematiqueContrainte/contraintes/*/valeur",
        ),
        (
            {"thematiqueContrainte": {"libelle": 3, "contraintes": [{"libelle": "x", "valeur": "OUI"}]}},
            "/thematiqueContrainte/libelle",
        ),
    ],
)
async def test_a_diagnosis_of_another_shape_is_told_by_its_paths(connect, fetch, signed_in, change, path):
    """What is not where the contract says is noted; the rest is read."""
    signed_in.add_response(url=DIAGNOSIS, json={**DOSSIER, **change})
    fetched = await fetch(connect(FT), "diagnosis.need", "diagnosis.theme", "diagnosis.finding", **KNOWN)
    assert path in fetched["diagnosis"].drift


@pytest.mark.parametrize(
    ("url", "field", "body"),
    [
        (CONTRACT, "registration.status", {"contrat": {}}),
        (CONTRACT, "registration.status", []),
        (CONTRACT, "registration.status", {"m_contrat": {"m_date_effet_statut": "2026-01-01"}}),
        (RQTH, "rqth.valid", {"valide": True}),
        (RQTH, "rqth.valid", []),
        (ORIENTATION, "orientation.path", {"parcours": "PED"}),
        (ORIENTATION, "orientation.structure", [{"parcours": "PED", "structure": "Agence"}]),
        (DIAGNOSIS, "diagnosis.need", []),
    ],
)
async def test_an_answer_of_another_shape_is_drift(connect, fetch, signed_in, url, field, body):
    """An unreadable answer is never an absence."""
    signed_in.add_response(url=url, json=body)
    [fetched] = (await fetch(connect(FT), field, **KNOWN)).values()
    assert (fetched.outcome, fetched.rows) == (Outcome.drift, ())


@pytest.mark.parametrize(
    ("url", "field", "body"),
    [
        (CONTRACT, "registration.since", {"m_contrat": {}}),
        (RQTH, "rqth.since", {}),
        (ORIENTATION, "orientation.path", []),
        (DIAGNOSIS, "diagnosis.need", {}),
    ],
)
async def test_a_missing_member_is_no_drift_at_france_travail(connect, fetch, signed_in, url, field, body):
    """France Travail asks its readers to accept missing members."""
    signed_in.add_response(url=url, json=body)
    [fetched] = (await fetch(connect(FT), field, **KNOWN)).values()
    assert (fetched.outcome, fetched.drift) == (Outcome.no_data, ())


async def test_a_list_beyond_measure_is_cut_and_told(connect, fetch, signed_in):
    """At most 200 rows are read."""
    signed_in.add_response(url=ORIENTATION, json=[{"parcours": "PED"}] * 201)
    fetched = await fetch(connect(FT), "orientation.path", **KNOWN)
    assert len(fetched["orientation"].rows) == 200
    assert fetched["orientation"].drift == ("/*",)


def result(code, **changes):
    return {"codeRetour": code, "message": "…", "topIdentiteCertifiee": "null", "jetonUsager": "null", **changes}


@pytest.mark.parametrize(
    ("status", "body", "outcome", "detail"),
    [
        (200, result("S002"), Outcome.unknown_person, "no_file"),
        (200, result("S003"), Outcome.ambiguous, "several_persons"),
        (200, result("S001"), Outcome.drift, "unreadable"),
        (200, result("S001", jetonUsager=None), Outcome.drift, "unreadable"),
        (200, result("S001", jetonUsager="a\nb"), Outcome.drift, "unreadable"),
        (200, result("S009", jetonUsager="x"), Outcome.drift, "unreadable"),
        (200, [], Outcome.drift, "unreadable"),
        (204, None, Outcome.unknown_person, "no_file"),
        (400, result("R997"), Outcome.refused, "invalid_request"),
        (403, result("R001"), Outcome.refused, "no_right"),
        (403, result("R002"), Outcome.refused, "person_not_attached"),
        (403, {"codeErreur": "X", "codeHttp": 403, "message": "…"}, Outcome.refused, "no_right"),
        (500, result("R998"), Outcome.unavailable, "backend_failed"),
        (503, result("R999"), Outcome.unavailable, "source_failed"),
        (302, None, Outcome.drift, "redirected"),
        (429, None, Outcome.rate_limited, "too_many_requests"),
    ],
)
async def test_business_codes_decide_whatever_the_status(connect, fetch, httpx_mock, status, body, outcome, detail):
    """S002, S003 and the rest come with 200 as with other statuses; nothing is asked about nobody."""
    httpx_mock.add_response(url=TOKEN, json={"access_token": "j", "expires_in": 1499})
    httpx_mock.add_response(url=SEARCH, status_code=status, **({"json": body} if body is not None else {}))
    fetched = await fetch(connect(FT), "registration.status", "rqth.valid", **KNOWN)
    assert {item.outcome for item in fetched.values()} == {outcome}
    assert {item.detail for item in fetched.values()} == {detail}


async def test_a_failure_for_one_person_does_not_close_the_source(connect, fetch, httpx_mock):
    """R998 includes a person without address: it is not repeated and says nothing about the others."""
    httpx_mock.add_response(url=TOKEN, json={"access_token": "j", "expires_in": 1499})
    httpx_mock.add_response(url=SEARCH, status_code=500, json=result("R998"), is_reusable=True)
    connector = connect(FT)
    for _ in range(6):
        fetched = await fetch(connector, "registration.status", **KNOWN)
    assert fetched["registration"].detail == "backend_failed"
    assert len(httpx_mock.get_requests()) == 7
    assert connector.health().failures_in_a_row == 0


async def test_an_identity_that_is_not_certified_is_said(connect, fetch, httpx_mock):
    """TopIdentiteCertifiee N: found, with a word about it."""
    httpx_mock.add_response(url=TOKEN, json={"access_token": "j", "expires_in": 1499})
    httpx_mock.add_response(url=SEARCH, json={**FOUND, "topIdentiteCertifiee": "N"})
    httpx_mock.add_response(url=CONTRACT, json=REGISTERED)
    fetched = await fetch(connect(FT), "registration.status", **KNOWN)
    assert (fetched["registration"].outcome, fetched["registration"].detail) == (
        Outcome.found,
        "identity_not_certified",
    )


@pytest.mark.parametrize(
    "known",
    [{"ft_number": "12345678900"}, {**KNOWN, "pivot": pivot(birth_date="1999-00-00"), "ft_number": "12345678900"}],
)
async def test_the_france_travail_number_serves_when_the_birth_date_is_not_whole(connect, fetch, httpx_mock, known):
    """NIR and birth date must both be whole; else the person's own number."""
    httpx_mock.add_response(url=TOKEN, json={"access_token": "j", "expires_in": 1499})
    httpx_mock.add_response(url=BY_NUMBER, match_json={"numeroFranceTravail": "12345678900"}, json=FOUND)
    httpx_mock.add_response(url=CONTRACT, json=REGISTERED)
    fetched = await fetch(connect(FT), "registration.status", **known)
    assert fetched["registration"].outcome is Outcome.found


@pytest.mark.parametrize(
    ("known", "detail"),
    [
        ({}, "identifier_missing"),
        ({"nir": NIR}, "identifier_missing"),
        ({"nir": "299039910000100", "pivot": pivot()}, "identifier_unusable"),
        ({"ft_number": "1234567A"}, "identifier_unusable"),
    ],
)
async def test_without_a_usable_identifier_nobody_is_searched(connect, fetch, httpx_mock, known, detail):
    """A NIR with a wrong key and a regional number of old find nobody, or worse."""
    fetched = await fetch(connect(FT), "registration.status", **known)
    assert (fetched["registration"].outcome, fetched["registration"].detail) == (Outcome.unknown_person, detail)
    assert not httpx_mock.get_requests()


async def test_a_call_names_its_professional_or_is_not_made(connect, fetch, httpx_mock):
    """France Travail answers a missing agent with a redirect, an empty one with 401."""
    nobody = AskActor(id="agent", family_name=" | ", given_name="Noémie")
    fetched = await fetch(connect(FT), "registration.status", actor=nobody, **KNOWN)
    assert (fetched["registration"].outcome, fetched["registration"].detail) == (Outcome.refused, "actor_missing")
    assert not httpx_mock.get_requests()


def test_a_header_carries_names_in_plain_ascii():
    """No bar, no line break, no accent can go into a header."""
    actor = AskActor(id="a|b\r\nX-Evil: 1", family_name="Lœuillet-Ÿ", given_name="Anaïs  Zoé")
    assert agent_headers(actor) == [
        (b"pa-identifiant-agent", b"a b X-Evil: 1"),
        (b"pa-nom-agent", b"Loeuillet-Y"),
        (b"pa-prenom-agent", b"Anais Zoe"),
    ]


def test_a_batch_says_so():
    """A declared job is BATCH, with its logical name for both names."""
    assert agent_headers(BATCH) == [
        (b"pa-identifiant-agent", b"BATCH"),
        (b"pa-nom-agent", b"rapprochement-nocturne"),
        (b"pa-prenom-agent", b"rapprochement-nocturne"),
    ]


async def test_a_rejected_token_is_renewed_once(connect, fetch, httpx_mock):
    """401 drops the token; the second 401 is believed."""
    httpx_mock.add_response(url=TOKEN, json={"access_token": "old", "expires_in": 1499})
    httpx_mock.add_response(url=TOKEN, json={"access_token": "new", "expires_in": 1499})
    httpx_mock.add_response(url=SEARCH, match_headers={"Authorization": "Bearer old"}, status_code=401)
    httpx_mock.add_response(url=SEARCH, match_headers={"Authorization": "Bearer new"}, json=FOUND)
    httpx_mock.add_response(url=CONTRACT, json=REGISTERED)
    fetched = await fetch(connect(FT), "registration.status", **KNOWN)
    assert fetched["registration"].outcome is Outcome.found


async def test_a_token_rejected_twice_is_a_refusal(connect, fetch, httpx_mock):
    """No third attempt, and the health says why."""
    httpx_mock.add_response(url=TOKEN, json={"access_token": "j", "expires_in": 1499}, is_reusable=True)
    httpx_mock.add_response(url=SEARCH, status_code=401, is_reusable=True)
    connector = connect(FT)
    fetched = await fetch(connector, "registration.status", **KNOWN)
    assert (fetched["registration"].outcome, fetched["registration"].detail) == (
        Outcome.refused,
        "credentials_rejected",
    )
    assert len(httpx_mock.get_requests()) == 4
    assert connector.health().last_failure == "credentials_rejected"


async def test_many_exchanges_wait_for_one_token(connect, fetch, httpx_mock, clock):
    """One renewal at a time, 60 seconds before the end."""
    httpx_mock.add_response(url=TOKEN, json={"access_token": "j", "expires_in": 1499}, is_reusable=True)
    httpx_mock.add_response(url=SEARCH, json=result("S002"), is_reusable=True)
    connector = connect(FT)

    async def tokens():
        await asyncio.gather(*(fetch(connector, "registration.status", **KNOWN) for _ in range(20)))
        return sum(str(request.url) == TOKEN for request in httpx_mock.get_requests())

    assert await tokens() == 1
    clock.advance(1499 - 61)
    assert await tokens() == 1
    clock.advance(2)
    assert await tokens() == 2


@pytest.mark.parametrize(
    ("answer", "outcome", "detail"),
    [
        ({"status_code": 400, "json": {"error": "invalid_client"}}, Outcome.refused, "credentials_rejected"),
        ({"status_code": 401}, Outcome.refused, "credentials_rejected"),
        ({"status_code": 429, "headers": {"Retry-After": "7"}}, Outcome.rate_limited, "too_many_requests"),
        ({"status_code": 503}, Outcome.unavailable, "source_failed"),
        ({"status_code": 302}, Outcome.drift, "redirected"),
        ({"json": {"access_token": "j"}}, Outcome.drift, "unreadable"),
        ({"json": {"access_token": "é", "expires_in": 5}}, Outcome.drift, "unreadable"),
        ({"json": []}, Outcome.drift, "unreadable"),
    ],
)
async def test_without_a_token_nothing_is_asked(connect, fetch, httpx_mock, answer, outcome, detail):
    """Why no token was given is why no data is."""
    httpx_mock.add_response(url=TOKEN, **answer)
    fetched = await fetch(connect(FT), "registration.status", **KNOWN)
    assert (fetched["registration"].outcome, fetched["registration"].detail) == (outcome, detail)


async def test_secrets_and_persons_are_in_no_repr(connect, fetch, signed_in):
    """A repr may end in a log: it holds no secret, identifier or value."""
    signed_in.add_response(url=CONTRACT, json=REGISTERED)
    connector = connect(FT)
    fetched = await fetch(connector, "registration.status", **KNOWN)
    text = repr((connector.health(), fetched, connector.datasets))
    assert not re.search(r"Inscrit|tres-secret|jeton|LEVEQUE|2990", text, re.IGNORECASE)
