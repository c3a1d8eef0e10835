"""What is read from a user's key and certificate files, and whether an endpoint can use it."""

from collections.abc import Iterable
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from skyserve.model.endpoint import ReplicaTls, TlsFiles
from skyserve.model.error import ErrorKind, ServeError
from skyserve.model.route import Certificate, Trust

MAX_BYTES = 2**20
"""Of a file. A key and a chain of certificates have a few KiB."""
LEAST_RSA_BITS = 2048
"""Envoy takes no shorter RSA key."""
CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
"""Envoy takes no other."""


OF_ENDPOINT, TO_REPLICAS = "service.tls", "service.load_balancer.replica_tls"
"""Where the YAML names the files."""


def read_pair(files: TlsFiles, now: float, section: str = OF_ENDPOINT) -> Certificate:
    """The pair that the files hold. Raises ServeError: which file, what is wrong with it, what to do. `now`: seconds
    since the epoch."""
    certfile, keyfile = _File(f"{section}.certfile", files.certfile), _File(f"{section}.keyfile", files.keyfile)
    chain, key = _chain(certfile), _key(keyfile)
    leaf = chain[0]
    if _public(leaf.public_key()) != _public(key.public_key()):
        remedy = "Give the certificate that was issued for this key; it comes first in its file."
        raise certfile.refusal(f"is not the certificate of the key {files.keyfile}", remedy)
    _refuse_out_of_time(leaf, certfile, now)
    return Certificate(
        chain=_text(chain),
        key=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        ends_at=leaf.not_valid_after_utc.timestamp(),
    )


def read_trust(way: ReplicaTls, now: float) -> Trust:
    """What the files by which replicas are known hold. Raises ServeError, likewise."""
    pair = read_pair(way.pair, now, TO_REPLICAS) if way.pair else None
    ends = {way.pair.certfile: pair.ends_at} if way.pair and pair else {}
    authorities = ""
    if way.cafile:
        file = _File(f"{TO_REPLICAS}.cafile", way.cafile)
        found = _chain(file)
        # Of several the last to end counts: a bundle may hold one that is on its way out.
        last = max(found, key=lambda authority: authority.not_valid_after_utc)
        _refuse_out_of_time(last, file, now)
        authorities = _text(found)
        ends[way.cafile] = last.not_valid_after_utc.timestamp()
    first = min(ends, key=lambda path: ends[path], default="")
    return Trust(authorities, pair, ends.get(first, inf), first)


def day(moment: float) -> str:
    """As people write it."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M UTC")


class _File(NamedTuple):
    """A file of the user's."""

    key: str
    """Where the YAML names it."""
    path: str

    def content(self) -> bytes:
        try:
            with Path(self.path).open("rb") as file:
                content = file.read(MAX_BYTES + 1)
        except OSError as error:
            remedy = "Write a path on this machine; a relative one begins at the current directory."
            raise self.refusal(f"cannot be read: {error.strerror}", remedy) from None
        if len(content) > MAX_BYTES:
            raise self.refusal(f"is larger than {MAX_BYTES} bytes", "Name the file with the PEM text.")
        return content

    def refusal(self, reason: str, remedy: str) -> ServeError:
        return ServeError(ErrorKind.INVALID_REQUEST, f"{self.key}: {self.path} {reason}.", remedy)


def _chain(file: _File) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(file.content())
    except ValueError:
        remedy = "Write the PEM text: -----BEGIN CERTIFICATE-----, the service's own first."
        raise file.refusal("holds no certificate in PEM", remedy) from None


def _text(certificates: Iterable[x509.Certificate]) -> str:
    return "".join(certificate.public_bytes(Encoding.PEM).decode() for certificate in certificates)


def _refuse_out_of_time(certificate: x509.Certificate, file: _File, now: float) -> None:
    ends, begins = certificate.not_valid_after_utc, certificate.not_valid_before_utc
    moment = datetime.fromtimestamp(now, UTC)
    if ends <= moment:
        raise file.refusal(f"expired on {day(ends.timestamp())}", "Renew the certificate.")
    if begins > moment:
        remedy = "Wait until then, or correct this machine's clock."
        raise file.refusal(f"is not valid before {day(begins.timestamp())}", remedy)


def _key(file: _File) -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(file.content(), password=None)
    except TypeError:
        remedy = "Remove its passphrase, for example with: openssl pkey -in FILE -out NEW_FILE"
        raise file.refusal("is encrypted", remedy) from None
    except (ValueError, UnsupportedAlgorithm):
        remedy = "Write the PEM text: -----BEGIN PRIVATE KEY-----."
        raise file.refusal("holds no private key in PEM", remedy) from None
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= LEAST_RSA_BITS:
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, CURVES):
        return key
    remedy = f"Take an RSA key of {LEAST_RSA_BITS} bits or more, or an EC key on P-256, P-384 or P-521."
    raise file.refusal("is of a kind that the endpoint does not take", remedy)


def _public(key: object) -> bytes:
    """To be compared. A key that cannot be told apart so is no key of ours."""
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        return b""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
