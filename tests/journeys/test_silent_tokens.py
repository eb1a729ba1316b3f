"""No token, assertion, proof, code, key or secret in any output or file of the gateway, at debug level."""

import base64
import hashlib
import json
import os
import secrets
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway.oauth import jose, jwks
from gateway.oauth.client import ClientKey, make_assertion, make_professional_assertion
from gateway.oauth.client_authentication import ASSERTION_TYPE
from gateway.oauth.tokens import Professional
from gateway.services import wall_clock
from tests.conftest import PostgresServer
from tests.foreign.gateway import Gateway, Partner, gateway

BACK = "https://site.ml-brume.example/retour"
WHO = Professional(id="agent-42", family_name="Kermorvan", given_name="Maelle", role="conseiller", acr="eidas2")
JWT = "urn:ietf:params:oauth:token-type:jwt"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
DETAILS = json.dumps([{"type": "passerelle_authorisation", "purpose": "support.youth", "fields": ["rsa"]}])


@dataclass
class Day:
    """One partner's requests, good and bad; `secrets` is everything that must be found nowhere."""

    where: Gateway
    partner: Partner
    http: httpx.Client
    key: ClientKey
    proof_key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    secrets: list[str] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    def keep(self, secret: str) -> str:
        self.secrets.append(secret)
        return secret

    def assertion(self, **changes: Any) -> str:
        issuer, now = self.where.issuer, wall_clock()
        if not changes:
            return self.keep(make_assertion(self.key, client_id=self.partner.name, issuer=issuer, now=now))
        claims = {"iss": self.partner.name, "sub": self.partner.name, "aud": issuer, "exp": now // 1000 + 60}
        header = {"alg": "ES256", "kid": self.key.kid}
        signed = jose.sign(claims | {"jti": secrets.token_hex(16)} | changes, header=header, key=self.key.private)
        return self.keep(signed)

    def proof(self, path: str, **changes: Any) -> dict[str, str]:
        claims = {"jti": secrets.token_hex(16), "htm": "POST", "htu": self.where.issuer + path, "iat": int(time.time())}
        public = jwks.of_public_key(self.proof_key.public_key(), kid="")
        header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": {name: public[name] for name in ("kty", "crv", "x", "y")}}
        return {"DPoP": self.keep(jose.sign(claims | changes, header=header, key=self.proof_key))}

    def form(self, **changes: Any) -> dict[str, str]:
        base = {
            "grant_type": "client_credentials",
            "scope": "data:rsa",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": changes.pop("client_assertion", None) or self.assertion(),
        }
        return {name: value for name, value in (base | changes).items() if value is not ...}

    def post(self, path: str, form: Any, **more: Any) -> dict[str, Any]:
        sent = {"data": form} if isinstance(form, dict) else {"content": form}
        answer = self.http.post(path, **sent, **more)
        self.statuses.append(answer.status_code)
        try:
            body = answer.json()
        except ValueError:
            return {}
        for name in ("access_token", "request_uri"):
            if isinstance(body, dict) and name in body:
                self.keep(str(body[name]))
        return body if isinstance(body, dict) else {}

    def token(self, **changes: Any) -> str:
        body = self.post("/oauth/token", self.form(**changes), headers=self.proof("/oauth/token"))
        assert "access_token" in body, body
        return str(body["access_token"])

    def good(self) -> None:
        """What a day is made of."""
        for _ in range(6):
            machine = self.token()
            named = self.token(
                grant_type=EXCHANGE, subject_token_type=JWT, subject_token=self.keep(make_professional_assertion(
                    self.key, client_id=self.partner.name, issuer=self.where.issuer, now=wall_clock(), professional=WHO,
                )),
            )  # fmt: skip
            for token in (machine, named):
                ath = jose.encode(hashlib.sha256(token.encode()).digest())
                proof = self.proof("/v1/catalogue", htm="GET", ath=ath)
                answer = self.http.get("/v1/catalogue", headers={"Authorization": f"DPoP {token}", **proof})
                self.statuses.append(answer.status_code)
            about = {"client_assertion_type": ASSERTION_TYPE, "token": named}
            for path in ("/oauth/introspect", "/oauth/revoke", "/oauth/introspect"):
                self.post(path, about | {"client_assertion": self.assertion()})
            pushed = self.form(
                grant_type=..., scope=..., response_type="code", redirect_uri=BACK,
                state=self.keep(f"Amina-Delorme-{secrets.token_hex(8)}"),
                code_challenge=jose.encode(secrets.token_bytes(32)), code_challenge_method="S256",
                authorization_details=DETAILS,
            )  # fmt: skip
            uri = self.post("/oauth/par", pushed, headers=self.proof("/oauth/par")).get("request_uri", "")
            self.http.get("/oauth/authorize", params={"client_id": self.partner.name, "request_uri": uri})

    def bad(self, pem: str) -> None:
        """What goes wrong: secrets in every wrong place."""
        token, spare = self.token(), self.keep(secrets.token_urlsafe(32))
        used = self.assertion()
        for form in (
            self.form(client_assertion=used), self.form(client_assertion=used),
            self.form(client_assertion=self.assertion(aud=[self.where.issuer])),
            self.form(client_assertion=self.assertion(exp=1)),
            self.form(client_assertion=self.assertion(note={"deep": [[[spare]]]}) + "x"),
            self.form(client_assertion=self.keep(secrets.token_urlsafe(200))),
            self.form(scope=spare), self.form(grant_type=spare), self.form(client_id=spare), self.form(resource=spare),
            self.form(client_secret=spare), self.form(client_assertion_type=spare),
            self.form(grant_type=EXCHANGE, subject_token_type=JWT, subject_token=token),
            self.form(grant_type=EXCHANGE, subject_token_type=JWT, subject_token=self.assertion()),
            self.form(grant_type=EXCHANGE, subject_token_type=JWT, subject_token=token, actor_token=token),
            self.form(grant_type="authorization_code", code=spare, redirect_uri=BACK, code_verifier=spare),
            self.form(grant_type="refresh_token", refresh_token=spare), {pem: pem}, {token: token},
            f"client_assertion={used}&client_assertion={used}", json.dumps({"client_assertion": used}), f"%{spare}",
        ):  # fmt: skip
            for path in ("/oauth/token", "/oauth/par", "/oauth/introspect", "/oauth/revoke"):
                self.post(path, form, headers={"Content-Type": "application/x-www-form-urlencoded"})
            self.post("/oauth/token", form, headers=self.proof("/oauth/token", htu=spare))
            self.post("/oauth/token", form, headers=self.proof("/oauth/token", nonce=spare))
        basic = base64.b64encode(f"{self.partner.name}:{spare}".encode()).decode()
        for headers in (
            {"Authorization": f"Bearer {token}"}, {"Authorization": f"DPoP {token}"},
            {"Authorization": f"Basic {basic}"}, {"Authorization": token}, {"Cookie": f"token={token}"},
            {"Authorization": f"DPoP {token}", "DPoP": token},
            {"Authorization": f"DPoP {token}", **self.proof("/v1/catalogue")}, {"Referer": f"https://x.example/{token}"},
            {"X-Request-Id": token}, {"User-Agent": token}, {"X-Forwarded-For": token}, {"DPoP": pem.replace("\n", "")},
        ):  # fmt: skip
            for path in ("/v1/catalogue", "/v1/subjects", "/oauth/token", "/me", "/oauth/authorize", f"/{token}"):
                for query in ("", f"?access_token={token}", f"?client_assertion={used}&code={spare}"):
                    self.statuses.append(self.http.get(path + query, headers=headers).status_code)
            self.post("/v1/exchanges", json.dumps({"access_token": token, spare: used}), headers=headers)
            self.post("/oauth/token", self.form(), headers=headers)


def needles(day: Day, pem: str) -> Iterator[tuple[str, bytes]]:
    """Every secret whole and in its parts that say something, and the private keys in every writing."""
    for number, secret in enumerate(dict.fromkeys(day.secrets)):
        for place, part in enumerate({secret, *secret.split(".")}):
            if len(part) >= 24 and not part.startswith("eyJ0eXAiOi"):  # a header alone tells nothing
                yield f"secret {number} part {place}", part.encode()
    for name, private in (("partner", day.key.private), ("proof", day.proof_key)):
        number = private.private_numbers().private_value.to_bytes(32, "big")
        yield f"{name} key", number
        yield f"{name} key in hex", number.hex().encode()
        yield f"{name} key in base64url", jose.encode(number).encode()
        yield f"{name} key in decimals", str(int.from_bytes(number, "big")).encode()
    for line in pem.splitlines()[1:-1]:
        yield "line of a PEM file", line.encode()


def found_in(folders: list[Path], wanted: list[tuple[str, bytes]], *, except_for: Path) -> list[str]:
    found = []
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and except_for not in path.parents and path.suffix != ".pem":
                content = path.read_bytes()
                found += [f"{what} in {path.relative_to(folder)}" for what, needle in wanted if needle in content]
    return found


def test_the_search_finds_what_is_there(tmp_path: Path) -> None:
    """A search that finds nothing proves nothing."""
    (tmp_path / "file").write_bytes(b"before" + b"s" * 30 + b"after")
    assert found_in([tmp_path], [("planted", b"s" * 30)], except_for=tmp_path / "keys")


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_a_day_of_requests_leaves_no_secret_anywhere(
    engine: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Output at debug level with all libraries, database files and dump, home and temporary folders."""
    empty, folders, more = tmp_path / "tmp", [tmp_path], {}
    empty.mkdir()
    for name in ("TMPDIR", "TMP", "TEMP"):
        monkeypatch.setenv(name, str(empty))
    if engine == "postgresql":
        postgres = PostgresServer()
        request.addfinalizer(postgres.remove)
        more = {"database_url": postgres.create_database()}
        folders.append(postgres.home)
    private = ec.generate_private_key(ec.SECP256R1())
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    with gateway(
        tmp_path / "home", program=("tests.journeys.loud",), client_rate=0, address_rate=0, api_rate=0, **more
    ) as where:
        partner = where.partner("ml-brume", "--redirect-uri", BACK)
        where.passerelle("partner", "rotate", "ml-brume", "--add", str(_public(tmp_path, private)))
        with httpx.Client(base_url=where.issuer, timeout=30) as http:
            day = Day(where, partner, http, ClientKey(private=private, kid="day"))
            time.sleep(5.1)  # a registration is remembered for five seconds
            day.good()
            day.bad(pem)
        output = where.output()
        if engine == "postgresql":
            _dump(more["database_url"], tmp_path / "dump.sql")
        wanted = list(needles(day, pem))
        found = found_in(folders, wanted, except_for=tmp_path / "home" / "keys")
    found += found_in(folders, wanted, except_for=tmp_path / "home" / "keys")  # and once everything is closed
    assert day.statuses.count(200) >= 24
    assert sum(status >= 400 for status in day.statuses) >= 200
    assert 500 not in day.statuses
    assert output.count('"event":"request"') >= len(day.statuses) - 5
    assert "INSERT INTO" in output  # what the libraries say was really said
    assert len(wanted) > 200
    assert sorted(set(found)) == []
    for file in (tmp_path / "home" / "keys").iterdir():
        if file.suffix in {".pem", ".key"}:
            lines = [line for line in file.read_text("utf-8").splitlines() if len(line) > 32 and "-----" not in line]
            assert not [line for line in lines if line in output], file.name


def _public(folder: Path, private: ec.EllipticCurvePrivateKey) -> Path:
    path = folder / "day.jwks.json"
    path.write_text(json.dumps(ClientKey(private=private, kid="day").jwks()), "utf-8")
    return path


def _dump(url: str, out: Path) -> None:
    import sqlalchemy as sa

    where = sa.make_url(url)
    command = ["pg_dump", "-h", str(where.query["host"]), "-U", "postgres", str(where.database)]
    out.write_bytes(subprocess.run(command, capture_output=True, check=True, env=os.environ).stdout)
