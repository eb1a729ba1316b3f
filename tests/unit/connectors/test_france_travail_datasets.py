"""France Travail: what is read of each dataset, and the quirks of its answers."""

import pytest

from connectors.base import Outcome
from connectors.france_travail import DATASETS
from tests.unit.connectors.factories import FT, with_options
from tests.unit.connectors.ft_answers import APPOINTMENTS, CONTRACT, DIAGNOSIS, DOSSIER, KNOWN, ORIENTATION, RQTH


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
