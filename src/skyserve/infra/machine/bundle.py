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


_ENTRY = b"""
import os, sys

packed = os.path.abspath(sys.argv[0])
folder = packed[: -len(".pyz")]
if not os.path.isdir(folder):
    import shutil, zipfile
    fresh = "%s.%d" % (folder, os.getpid())
    try:
        zipfile.ZipFile(packed).extractall(fresh)
        os.rename(fresh, folder)
    except OSError:
        # Another run was first, or we may not write here: the archive itself will do.
        shutil.rmtree(fresh, ignore_errors=True)
if os.path.isdir(folder):
    sys.path[0] = folder
from node.main import main

main()
"""
"""Unpacks itself beside itself on the first run: out of an archive Python compiles every module at every start, which
takes three times as long as all the rest."""


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
        _add(archive, "__main__.py", _ENTRY)
        for source in sorted(resources.files(f"{__package__}.node").iterdir(), key=lambda file: file.name):
            if source.name.endswith(".py"):
                _add(archive, f"node/{source.name}", source.read_bytes())
    data = buffer.getvalue()
    return Tool(f"sky-node-{hashlib.sha256(data).hexdigest()[:16]}.pyz", data)


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(info, data)
