"""RFC 9449 §4, §5: the proof that comes with a request for a token, and every way in which it is none."""

import base64
import hashlib
import json
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from gateway.oauth import models

ISSUER = "https://passerelle.example.org"
TOKEN = f"{ISSUER}/oauth/token"


def thumbprint(jwk: dict[str, str]) -> str:
    """RFC 7638, written once more: a fault shared with the code would hide itself."""
    text = json.dumps(dict(sorted(jwk.items())), separators=(",", ":"))
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def b64(number: int, size: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes(size, "big")).rstrip(b"=").decode()


def small_rsa() -> tuple[Any, dict[str, str]]:
    private = rsa.generate_private_key(65537, 1024)  # noqa: S505  that is the point
    return private, {"kty": "RSA", "n": b64(private.public_key().public_numbers().n, 128), "e": "AQAB"}


def other_curve() -> tuple[Any, dict[str, str]]:
    private = ec.generate_private_key(ec.SECP384R1())
    numbers = private.public_key().public_numbers()
    return private, {"kty": "EC", "crv": "P-384", "x": b64(numbers.x, 48), "y": b64(numbers.y, 48)}


@pytest.mark.parametrize("kid", ["ed", "es", "ps"])
async def test_the_token_is_bound_to_the_key_of_the_proof(world, kid):
    """§5, §6.1: token_type DPoP, and cnf.jkt is the thumbprint of the proof's key, not of the client's."""
    _, claims = world.read(await world.bound_token(kid))
    assert claims["cnf"] == {"jkt": thumbprint(world.jwk(kid))}


async def test_a_partner_registered_for_bearer_tokens_gets_them_unbound(world):
    """Without a proof nothing changes for it."""
    answer = await world.post(world.form())
    assert answer.json()["token_type"] == "Bearer"
    assert "cnf" not in world.read(answer.json()["access_token"])[1]


async def test_a_partner_registered_for_dpop_gets_nothing_without_a_proof(world):
    """§5: whoever is registered for bound tokens never gets another one by leaving something out."""
    await world.rebind("dpop")
    answer = await world.post(world.form())
    assert answer.status_code == 400
    world.refused(answer, "invalid_dpop_proof", "proof_missing")
    assert await world.bound_token()


REFUSED: dict[str, tuple[str, Any]] = {
    "not a JWT": ("form", lambda world: "abc"),
    "an access token": ("type", lambda world: world.proof(header={"typ": "at+jwt"})),
    "without typ": ("type", lambda world: world.proof(header={"typ": ...})),
    "a plain JWT": ("type", lambda world: world.proof(header={"typ": "JWT"})),
    "unsigned": ("algorithm", lambda world: world.proof(header={"alg": "none"})),
    "signed with a shared secret": ("algorithm", lambda world: world.proof(header={"alg": "HS256"})),
    "signed with RS256": ("algorithm", lambda world: world.proof("ps", header={"alg": "RS256"})),
    "another algorithm than its key": ("key", lambda world: world.proof("es", header={"alg": "EdDSA"})),
    "without a key": ("proof_key", lambda world: world.proof(header={"jwk": ...})),
    "a key that is no object": ("proof_key", lambda world: world.proof(header={"jwk": "es"})),
    "a key nested too deep": ("proof_key", lambda world: world.proof(header={"jwk": nested(400)})),
    "a key that is too long": ("proof_key", lambda world: world.proof(header=with_key(world, x5c=["A" * 5_000]))),
    "a private key": ("proof_key", lambda world: world.proof(header=with_key(world, d="AQAB"))),
    "a symmetric key": ("proof_key", lambda world: world.proof(header={"jwk": {"kty": "oct", "k": "AQAB"}})),
    "a key for encryption": ("proof_key", lambda world: world.proof(header=with_key(world, use="enc"))),
    "a point off the curve": ("proof_key", lambda world: world.proof(header=with_key(world, x="A" * 43))),
    "RSA of 1024 bits": ("proof_key", lambda world: by(world, *small_rsa(), "PS256")),
    "a key of P-384": ("proof_key", lambda world: by(world, *other_curve(), "ES256")),
    "signed by another key": ("signature", lambda world: world.proof(key=world.keys["es-next"].private)),
    "a header to be understood": ("critical", lambda world: world.proof(header={"crit": ["b64"], "b64": False})),
    "an unencoded payload": ("critical", lambda world: world.proof(header={"b64": False})),
    "without htm": ("method", lambda world: world.proof(htm=...)),
    "for another method": ("method", lambda world: world.proof(htm="GET")),
    "for the method in small letters": ("method", lambda world: world.proof(htm="post")),
    "without htu": ("address", lambda world: world.proof(htu=...)),
    "for a list of addresses": ("address", lambda world: world.proof(htu=[TOKEN])),
    "for another path": ("address", lambda world: world.proof(htu=f"{ISSUER}/oauth/tokens")),
    "for a path with a final slash": ("address", lambda world: world.proof(htu=f"{TOKEN}/")),
    "for a path in capitals": ("address", lambda world: world.proof(htu=f"{ISSUER}/OAuth/token")),
    "for an escaped slash": ("address", lambda world: world.proof(htu=f"{ISSUER}/oauth%2Ftoken")),
    "for another host": ("address", lambda world: world.proof(htu="https://elsewhere.example.org/oauth/token")),
    "for another port": ("address", lambda world: world.proof(htu="https://passerelle.example.org:8443/oauth/token")),
    "for a port that is none": (
        "address",
        lambda world: world.proof(htu="https://passerelle.example.org:x/oauth/token"),
    ),
    "without TLS": ("address", lambda world: world.proof(htu="http://passerelle.example.org/oauth/token")),
    "with a user name": ("address", lambda world: world.proof(htu="https://a@passerelle.example.org/oauth/token")),
    "for a relative address": ("address", lambda world: world.proof(htu="/oauth/token")),
    "with a blank in the address": ("address", lambda world: world.proof(htu=f"{TOKEN} ")),
    "without iat": ("dates", lambda world: world.proof(iat=...)),
    "with a fraction of a second": ("dates", lambda world: world.proof(iat=world.seconds + 0.5)),
    "with iat in words": ("dates", lambda world: world.proof(iat=str(world.seconds))),
    "with iat true": ("dates", lambda world: world.proof(iat=True)),
    "from the future": ("future", lambda world: world.proof(iat=world.seconds + 61)),
    "of yesterday": ("stale", lambda world: world.proof(iat=world.seconds - 61)),
    "without jti": ("token_id", lambda world: world.proof(jti=...)),
    "with an empty jti": ("token_id", lambda world: world.proof(jti="")),
    "with a number as jti": ("token_id", lambda world: world.proof(jti=7)),
    "with an endless jti": ("token_id", lambda world: world.proof(jti="a" * 257)),
}


def nested(depth: int) -> dict[str, Any]:
    key: dict[str, Any] = {}
    for _ in range(depth):
        key = {"jwk": key}
    return key


def with_key(world: Any, **changes: Any) -> dict[str, Any]:
    return {"jwk": world.jwk("es") | changes}


def by(world: Any, private: Any, jwk: dict[str, str], algorithm: str) -> str:
    """A proof by this key, signed as well as that key can."""
    signature = b"\0" * 64 if isinstance(private, ec.EllipticCurvePrivateKey) else private
    return world.proof(header={"alg": algorithm, "jwk": jwk}, key=signature)


@pytest.mark.parametrize("kind", REFUSED)
async def test_a_proof_that_is_none_is_refused(world, kind):
    """§4.3, in the form of §5: invalid_dpop_proof, whoever asks, and nothing is used up by it."""
    fault, make = REFUSED[kind]
    form = world.form()
    answer = await world.post(form, headers={"DPoP": make(world)})
    assert answer.status_code == 400
    world.refused(answer, "invalid_dpop_proof", f"dpop.{fault}")
    assert await world.used() == 0
    assert (await world.post(form)).status_code == 200  # not even its assertion was


async def test_two_proofs_are_refused(world):
    """§4.3, step 1: whoever reads the first and whoever reads the last must not disagree."""
    proofs = [("DPoP", world.proof()), ("DPoP", world.proof())]
    answer = await world.post(world.form(), headers=proofs)
    world.refused(answer, "invalid_dpop_proof", "dpop.several")


async def test_a_proof_that_is_not_ascii_is_refused(world):
    """Whatever bytes a header holds, the answer has the RFC's form."""
    answer = await world.post(world.form(), headers={b"DPoP": "é.é.é".encode()})
    world.refused(answer, "invalid_dpop_proof", "dpop.form")


@pytest.mark.parametrize("seconds", [-60, 60])
async def test_a_minute_is_allowed_in_both_directions(world, seconds):
    """Clocks of honest systems differ by less."""
    answer = await world.post(world.form(), headers={"DPoP": world.proof(iat=world.seconds + seconds)})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "htu",
    [
        f"{TOKEN}?grant=1",
        f"{TOKEN}#fragment",
        "HTTPS://Passerelle.Example.ORG/oauth/token",
        "https://passerelle.example.org:443/oauth/token",
        "https://passerelle.example.org/%6Fauth/t%6fken",
        "https://passerelle.example.org/a/../oauth/./token",
    ],
)
async def test_the_same_address_in_other_words_is_accepted(world, htu):
    """§4.3, step 9: without query and fragment, after the normalisation of RFC 3986 §6.2.2 and §6.2.3."""
    answer = await world.post(world.form(), headers={"DPoP": world.proof(htu=htu)})
    assert answer.status_code == 200, answer.text


async def test_the_host_header_is_never_believed(world):
    """A proof made for a hostile address does not become good because the request names that host."""
    headers = {"DPoP": world.proof(htu="https://evil.example.org/oauth/token"), "Host": "evil.example.org"}
    world.refused(await world.post(world.form(), headers=headers), "invalid_dpop_proof", "dpop.address")
    headers = {"DPoP": world.proof(), "Host": "evil.example.org"}
    assert (await world.post(world.form(), headers=headers)).status_code == 200


async def test_a_proof_serves_once(world):
    """§11.1: the second request with the same proof gets no token, although its assertion is new."""
    proof = world.proof()
    assert (await world.post(world.form(), headers={"DPoP": proof})).status_code == 200
    answer = await world.post(world.form(), headers={"DPoP": proof})
    world.refused(answer, "invalid_dpop_proof", "dpop.replayed")


async def test_two_keys_may_use_the_same_jti(world):
    """A jti belongs to its key: nobody can use up another's."""
    for kid in ("es", "ed"):
        answer = await world.post(world.form(), headers={"DPoP": world.proof(kid, jti="1")})
        assert answer.status_code == 200


async def test_a_request_refused_for_another_reason_uses_up_no_proof(world):
    """The proof is the last thing that is used."""
    proof = world.proof()
    answer = await world.post(world.form(scope="data:rqth"), headers={"DPoP": proof})
    assert answer.json()["error"] == "invalid_scope"
    assert (await world.post(world.form(), headers={"DPoP": proof})).status_code == 200


async def test_what_is_remembered_of_a_proof_is_a_digest_with_an_end(world):
    """The memory holds no key and no jti, and forgets both when the proof is stale everywhere."""
    await world.bound_token()
    table = models.used_jti
    rows = await world.database.read(lambda connection: connection.execute(sa.select(table)).all())
    (row,) = [row for row in rows if row.partner == "dpop:"]
    assert len(row.jti) == 32
    assert 60_000 < row.expires_at - world.now <= 180_000


async def test_no_proof_reaches_the_log(world, capsys, caplog):
    """Accepted or refused."""
    proofs = [world.proof(), world.proof(htm="GET")]
    for proof in proofs:
        await world.post(world.form(), headers={"DPoP": proof})
    written = str(world.logs) + capsys.readouterr().out + caplog.text
    assert world.logs
    assert not [part for proof in proofs for part in proof.split(".") if part in written]


async def test_an_exchanged_token_is_bound_to_the_sender_of_the_exchange(world):
    """RFC 8693 with §5: a professional's token is bound as the partner's own would be."""
    await world.rebind("dpop")
    answer = await world.post(world.exchange_form(), headers={"DPoP": world.proof("ed")})
    assert answer.json()["token_type"] == "DPoP"
    assert world.read(answer.json()["access_token"])[1]["cnf"] == {"jkt": thumbprint(world.jwk("ed"))}
    world.refused(await world.post(world.exchange_form()), "invalid_dpop_proof", "proof_missing")


@pytest.mark.parametrize("bound", ["another key", "no proof", "unknown member", "empty", "not an object"])
async def test_a_bound_subject_token_is_of_use_to_its_sender_only(world, bound):
    """Pitfall of exchanges that forget cnf: a bound token must not become another's, nor nobody's."""
    jkt = thumbprint(world.jwk("ed"))
    cnf = {"unknown member": {"jkt": jkt, "kid": "ed"}, "empty": {}, "not an object": jkt}.get(bound, {"jkt": jkt})
    headers = {} if bound == "no proof" else {"DPoP": world.proof("es" if bound == "another key" else "ed")}
    answer = await world.post(world.exchange_form(subject_token=world.person(cnf=cnf)), headers=headers)
    world.refused(answer, "invalid_request", "subject_token.confirmation")


async def test_a_bound_subject_token_is_exchanged_for_its_sender(world):
    """The same key: the exchange goes through, and the new token is bound to it."""
    jkt = thumbprint(world.jwk("ed"))
    form = world.exchange_form(subject_token=world.person(cnf={"jkt": jkt}))
    answer = await world.post(form, headers={"DPoP": world.proof("ed")})
    assert world.read(answer.json()["access_token"])[1]["cnf"] == {"jkt": jkt}
