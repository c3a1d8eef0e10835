"""What is read from a user's key and certificate files, and whether an endpoint can use it."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

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

from skyserve.model.endpoint import TlsFiles
from skyserve.model.error import ErrorKind, ServeError
from skyserve.model.route import Certificate

MAX_BYTES = 2**20
"""Of a file. A key and a chain of certificates have a few KiB."""
LEAST_RSA_BITS = 2048
"""Envoy takes no shorter RSA key."""
CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
"""Envoy takes no other."""


def read_pair(files: TlsFiles, now: float) -> Certificate:
    """The pair that the files hold. Raises ServeError: which file, what is wrong with it, what to do. `now`: seconds
    since the epoch."""
    chain = _chain(_content(files.certfile, "certfile"), files.certfile)
    key = _key(_content(files.keyfile, "keyfile"), files.keyfile)
    leaf = chain[0]
    if _public(leaf.public_key()) != _public(key.public_key()):
        remedy = "Give the certificate that was issued for this key; it comes first in its file."
        raise _refusal("certfile", files.certfile, f"is not the certificate of the key {files.keyfile}", remedy)
    ends, begins = leaf.not_valid_after_utc, leaf.not_valid_before_utc
    moment = datetime.fromtimestamp(now, UTC)
    if ends <= moment:
        raise _refusal("certfile", files.certfile, f"expired on {day(ends.timestamp())}", "Renew the certificate.")
    if begins > moment:
        remedy = "Wait until then, or correct this machine's clock."
        raise _refusal("certfile", files.certfile, f"is not valid before {day(begins.timestamp())}", remedy)
    return Certificate(
        chain="".join(certificate.public_bytes(Encoding.PEM).decode() for certificate in chain),
        key=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        ends_at=ends.timestamp(),
    )


def day(moment: float) -> str:
    """As people write it."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _content(path: str, name: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        remedy = "Write a path on this machine; a relative one begins at the current directory."
        raise _refusal(name, path, f"cannot be read: {error.strerror}", remedy) from None
    if len(content) > MAX_BYTES:
        raise _refusal(name, path, f"is larger than {MAX_BYTES} bytes", "Name the file with the PEM text.")
    return content


def _chain(content: bytes, path: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(content)
    except ValueError:
        remedy = "Write the PEM text: -----BEGIN CERTIFICATE-----, the service's own first."
        raise _refusal("certfile", path, "holds no certificate in PEM", remedy) from None


def _key(content: bytes, path: str) -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(content, password=None)
    except TypeError:
        remedy = "Remove its passphrase, for example with: openssl pkey -in FILE -out NEW_FILE"
        raise _refusal("keyfile", path, "is encrypted", remedy) from None
    except (ValueError, UnsupportedAlgorithm):
        remedy = "Write the PEM text: -----BEGIN PRIVATE KEY-----."
        raise _refusal("keyfile", path, "holds no private key in PEM", remedy) from None
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= LEAST_RSA_BITS:
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, CURVES):
        return key
    remedy = f"Take an RSA key of {LEAST_RSA_BITS} bits or more, or an EC key on P-256, P-384 or P-521."
    raise _refusal("keyfile", path, "is of a kind that the endpoint does not take", remedy)


def _public(key: object) -> bytes:
    """To be compared. A key that cannot be told apart so is no key of ours."""
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        return b""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _refusal(name: str, path: str, reason: str, remedy: str) -> ServeError:
    return ServeError(ErrorKind.INVALID_REQUEST, f"service.tls.{name}: {path} {reason}.", remedy)


def stamp(files: TlsFiles) -> tuple[object, ...]:
    """Changes when either file does; also when a link comes to lead elsewhere."""
    return tuple(_stamp(path) for path in (files.keyfile, files.certfile))


def _stamp(path: str) -> Iterable[int] | None:
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
