"""A throw-away time-stamping authority: certificates of any kind, answers by `openssl ts`."""

import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

_CONFIG = """
[tsa]
default_tsa = config
[config]
serial = {folder}/serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
accuracy = secs:1
ordering = yes
ess_cert_id_alg = sha256
"""


@dataclass(frozen=True)
class Authority:
    """Signs with `openssl ts`; `roots` is the file to trust it by."""

    folder: Path

    @property
    def roots(self) -> Path:
        return self.folder / "root.pem"

    def answer(self, query: bytes) -> bytes:
        (self.folder / "query.tsq").write_bytes(query)
        command = ["openssl", "ts", "-reply", "-config", f"{self.folder}/tsa.cnf"]
        command += ["-queryfile", f"{self.folder}/query.tsq", "-out", f"{self.folder}/answer.tsr"]
        command += ["-signer", f"{self.folder}/signer.pem", "-inkey", f"{self.folder}/signer.key"]
        subprocess.run(command, check=True, capture_output=True, timeout=30)
        return (self.folder / "answer.tsr").read_bytes()

    def accepts(self, token: bytes, data: bytes) -> bool:
        """What `openssl ts -verify` says of a token."""
        (self.folder / "data").write_bytes(data)
        (self.folder / "token.tsr").write_bytes(token)
        command = ["openssl", "ts", "-verify", "-data", f"{self.folder}/data", "-in", f"{self.folder}/token.tsr"]
        done = subprocess.run([*command, "-CAfile", str(self.roots)], capture_output=True, check=False, timeout=30)
        return done.returncode == 0


def authority(folder: Path, *, expired: bool = False, usage: str = "time_stamping") -> Authority:
    """Make one; `expired`: its certificate ended yesterday; `usage`: what the certificate is made for."""
    folder.mkdir()
    now = datetime.now(UTC)
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root_name = x509.Name.from_rfc4514_string("CN=Racine d'essai,C=FR")
    root = (
        _certificate(root_name, root_name, root_key.public_key(), since=now - timedelta(90), until=now + timedelta(90))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    name = x509.Name.from_rfc4514_string("CN=Horodatage d'essai,C=FR")
    until = now + timedelta(-1 if expired else 30)
    purpose = {"time_stamping": x509.ExtendedKeyUsageOID.TIME_STAMPING, "tls": x509.ExtendedKeyUsageOID.SERVER_AUTH}
    signer = (
        _certificate(name, root_name, key.public_key(), since=now - timedelta(60), until=until)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose[usage]]), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "root.pem").write_bytes(root.public_bytes(pem))
    (folder / "signer.pem").write_bytes(signer.public_bytes(pem))
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "signer.key").write_bytes(private)
    (folder / "serial").write_text("01\n", "ascii")
    (folder / "tsa.cnf").write_text(_CONFIG.format(folder=folder), "ascii")
    return Authority(folder)


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, *, since: datetime, until: datetime
) -> x509.CertificateBuilder:
    blank = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    return blank.serial_number(x509.random_serial_number()).not_valid_before(since).not_valid_after(until)
