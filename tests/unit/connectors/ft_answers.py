"""Where France Travail is asked, and what it answers about fictional people."""

from tests.unit.connectors.factories import NIR, pivot

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


def result(code, **changes):
    return {"codeRetour": code, "message": "…", "topIdentiteCertifiee": "null", "jetonUsager": "null", **changes}
