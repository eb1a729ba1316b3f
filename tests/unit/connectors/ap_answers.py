"""What API Particulier answers about fictional people."""

import re

from tests.unit.connectors.factories import BIRTH

ANY = re.compile(r"https://ap\.example/.*")
RSA = {"est_beneficiaire": True, "avec_majoration": False, "date_debut_droit": "2025-11-01"}
FAMILY = {
    "allocataires": [
        {
            "nom_naissance": "BRUMAIRE",
            "nom_usage": None,
            "prenoms": "HÉLÈNE ZOÉ",
            "date_naissance": BIRTH,
            "sexe": "F",
        }
    ],
    "enfants": [{"prenoms": "ANOUK"}, {"prenoms": "TIM"}],
    "adresse": {
        "destinataire": "Madame BRUMAIRE",
        "complement_information": None,
        "complement_information_geographique": None,
        "numero_libelle_voie": "3 RUE DES JONCS",
        "lieu_dit": None,
        "code_postal_ville": "99010 BRUME SUR LOIRE",
        "pays": "FRANCE",
    },
    "quotient_familial": {
        "fournisseur": "MSA",
        "valeur": 512,
        "annee": 2026,
        "mois": 11,
        "annee_calcul": 2026,
        "mois_calcul": 11,
    },
}
STATUS = {
    "identifiant": "helene.b",
    "identite": {"date_naissance": BIRTH, "nom_naissance": "BRUMAIRE"},
    "contact": {},
    "adresse": {},
    "inscription": {
        "date_debut": "2025-02-01",
        "date_fin": None,
        "code_certification_cnav": "VC",
        "categorie": {"code": 2, "libelle": "…"},
    },
}


def data(value, **kwargs):
    return {"json": {"data": value, "links": {}, "meta": {}}, **kwargs}


def error(code, *, title="Erreur", meta=None):
    return {"errors": [{"code": code, "title": title, "detail": "…", "source": None, "meta": meta or {}}]}
