"""A simulated source as fast as we can make it: the answers of API Particulier v3 as bytes, never computed.

    python -m bench.source PORT

A raw asyncio protocol on uvloop: it must never be what is measured.
"""

import asyncio
import sys

import orjson
import uvloop

BORN = "1999-04-17"

_BENEFIT = {"est_beneficiaire": True, "avec_majoration": False, "date_debut_droit": "2024-02-01"}
_QUOTIENT = {
    "allocataires": [
        {
            "nom_naissance": "BANC",
            "nom_usage": None,
            "prenoms": "ESSAI",
            "date_naissance": BORN,
            "sexe": "F",
        }
    ],
    "enfants": [
        {"nom_naissance": "BANC", "nom_usage": None, "prenoms": name, "date_naissance": "2021-05-05", "sexe": "M"}
        for name in ("PREMIER", "SECOND")
    ],
    "adresse": {
        "destinataire": "Madame BANC ESSAI",
        "complement_information": None,
        "complement_information_geographique": None,
        "numero_libelle_voie": "12 RUE DES ESSAIS",
        "lieu_dit": None,
        "code_postal_ville": "99123 VAL-DE-BRUME",
        "pays": "FRANCE",
    },
    "quotient_familial": {
        "fournisseur": "CNAF",
        "valeur": 612,
        "annee": 2026,
        "mois": 6,
        "annee_calcul": 2026,
        "mois_calcul": 6,
    },
}
_ANSWERS = {
    b"/v3/dss/quotient_familial/identite": _QUOTIENT,
    b"/v3/dss/revenu_solidarite_active/identite": _BENEFIT,
    b"/v3/dss/complementaire_sante_solidaire/identite": {
        "est_beneficiaire": True,
        "avec_participation": False,
        "date_debut_droit": "2024-02-01",
    },
}


def answer(data: object) -> bytes:
    """One whole HTTP answer."""
    body = orjson.dumps({"data": data, "links": {}, "meta": {}})
    return (
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=utf-8\r\n"
        b"cache-control: no-store\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
    )


READY = {path: answer(data) for path, data in _ANSWERS.items()}
NOT_FOUND = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"


class Source(asyncio.Protocol):
    """Answers each GET, by its path; requests of one connection come one after the other."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where to write."""
        self._transport: asyncio.WriteTransport = transport  # type: ignore[assignment]
        self._held = b""

    def data_received(self, data: bytes) -> None:
        """Answer when a head is whole."""
        self._held += data
        while (end := self._held.find(b"\r\n\r\n")) >= 0:
            head, self._held = self._held[:end], self._held[end + 4 :]
            target = head.split(b" ", 2)[1]
            self._transport.write(READY.get(target.partition(b"?")[0], NOT_FOUND))


def sources(address: str) -> dict[str, dict[str, object]]:
    """The file of sources that points a gateway here; only the first is ever asked."""
    two = {"auth_url": address, "base_url": address}
    return {
        "caf-bench": {
            "connector": "api_particulier",
            "base_url": address,
            "credentials": {"token": "bench"},
            "options": {"calls_per_second": 0, "concurrency": 128},
        },
        "ft-bench": {
            "connector": "france_travail",
            **two,
            "credentials": {"client_id": "bench", "client_secret": "bench"},
        },
        "dept-bench": {
            "connector": "rdv_insertion",
            **two,
            "credentials": {"email": "bench", "password": "bench"},
            "options": {"organisation": "1"},
        },
    }


async def serve(port: int) -> None:
    """Until killed."""
    server = await asyncio.get_running_loop().create_server(Source, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
