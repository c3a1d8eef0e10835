"""Packs the machine-side tool into one file that any Python 3.8+ runs.

The file's name holds the hash of its contents, so that a transport places it once, and an upgrade of the
controller sits beside what older nodes were started with.
"""

import functools
import hashlib
import io
import zipfile
from dataclasses import dataclass
from importlib import resources

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time a zip file can hold: equal sources give equal bytes."""


@dataclass(frozen=True, slots=True)
class Tool:
    """The packed tool."""

    name: str
    """What to call the file on the machine: `sky-node-<hash>.pyz`."""
    data: bytes


@functools.cache
def tool() -> Tool:
    """The tool of this version."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        _add(archive, "__main__.py", b"from node.main import main\n\nmain()\n")
        for source in sorted(resources.files(f"{__package__}.node").iterdir(), key=lambda file: file.name):
            if source.name.endswith(".py"):
                _add(archive, f"node/{source.name}", source.read_bytes())
    data = buffer.getvalue()
    return Tool(f"sky-node-{hashlib.sha256(data).hexdigest()[:16]}.pyz", data)


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(info, data)
