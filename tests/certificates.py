"""Keys and certificates for tests: each certificate is its own authority."""

import ssl
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import grpc
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from skyserve.model.endpoint import TlsFiles
from skyserve.model.route import Certificate

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


@dataclass(frozen=True)
class Made:
    """A key and its certificate, for 127.0.0.1 and localhost."""

    key: Key
    certificate: x509.Certificate

    @property
    def chain(self) -> str:
        """PEM."""
        return self.certificate.public_bytes(Encoding.PEM).decode()

    def key_text(self, passphrase: bytes | None = None) -> str:
        """PEM."""
        how: KeySerializationEncryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how).decode()

    def as_model(self) -> Certificate:
        """As the endpoint is told."""
        return Certificate(self.chain, self.key_text(), self.certificate.not_valid_after_utc.timestamp())

    def write(self, directory: Path) -> TlsFiles:
        """key.pem and cert.pem there."""
        files = TlsFiles(str(directory / "key.pem"), str(directory / "cert.pem"))
        Path(files.keyfile).write_text(self.key_text())
        Path(files.certfile).write_text(self.chain)
        return files


def server_context(own: Made, clients: Made | None = None) -> ssl.SSLContext:
    """A server with this certificate, which asks for one of `clients` if that is given."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(own.chain + own.key_text())
        file.flush()
        context.load_cert_chain(file.name)
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=clients.chain)
    return context


def grpc_credentials(own: Made, clients: Made) -> grpc.ServerCredentials:
    """The same for gRPC."""
    pair = (own.key_text().encode(), own.chain.encode())
    return grpc.ssl_server_credentials([pair], clients.chain.encode(), require_client_auth=True)


def made(key: Key | None = None, *, begins: datetime | None = None, days: float = 90) -> Made:
    """A new one, valid from an hour ago unless said otherwise."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    begins = begins or datetime.now(UTC) - timedelta(hours=1)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=days))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    return Made(key, builder.sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else SHA256()))
