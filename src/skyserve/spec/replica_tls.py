"""`replica_tls:`, how replicas that speak https are known, and what they are shown."""

import re
from collections.abc import Iterator

from pydantic import model_validator

from skyserve.model import endpoint as model
from skyserve.model.endpoint import TlsFiles
from skyserve.spec.base import Finding, Model, Text, invalid

_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_NAME = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*")
"""RFC 1123, section 2.1."""
_ADDRESS = re.compile(r"[0-9.]+")


class ReplicaTls(Model):
    """`replica_tls:`, for replicas that speak https."""

    cafile: Text | None = None
    """Path, on this machine, of the certificates of the authority that signs those of replicas."""
    insecure: bool = False
    """Take any certificate. Whoever is between the endpoint and a replica could read and change what passes."""
    server_name: Text | None = None
    """The name that replicas' certificates are for. Any name will do if not written."""
    keyfile: Text | None = None
    """Path of the private key, on this machine, that the endpoint proves itself with to replicas."""
    certfile: Text | None = None
    """Path of the certificate, on this machine, that it shows them."""

    @model_validator(mode="after")
    def _consistent(self) -> "ReplicaTls":
        if findings := list(self._findings()):
            raise invalid(*findings)
        return self

    def _findings(self) -> Iterator[Finding]:
        if (self.cafile is None) == (not self.insecure):
            remedy = "Write either cafile, or insecure: true."
            yield Finding("should say what certificates of replicas are taken", remedy)
        if (self.keyfile is None) != (self.certfile is None):
            yield Finding("keyfile and certfile go together", "Write both of them, or neither.")
        name = self.server_name
        if name is not None and (not _NAME.fullmatch(name) or _ADDRESS.fullmatch(name)):
            yield Finding("is not the name of a host", "Write for example replica.internal.", ("server_name",))

    def settings(self) -> model.ReplicaTls:
        """As the endpoint is told."""
        pair = TlsFiles(self.keyfile, self.certfile) if self.keyfile and self.certfile else None
        return model.ReplicaTls(self.cafile or "", self.server_name or "", pair)
