"""Compiles what runs within Envoy (src/skyserve/endpoint/native) whenever this package is built or installed by pip.

The compiler comes with ziglang, a build requirement, so that a machine needs none; and it links against an old glibc,
so that a wheel runs wherever Envoy does.
"""

import platform
import subprocess
import sys
import tempfile
from os import environ
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDER = Path("src/skyserve/endpoint/native")
LIBRARY = FOLDER / "libskyserve.so"
GLIBC = (2, 17)
FLAGS = (
    *("-std=c11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared"),
    # What it defines it uses itself, whatever Envoy calls so; what only Envoy has is missing elsewhere.
    *("-Wl,-Bsymbolic", "-Wl,-z,lazy", "-lpthread"),
)


class NativeBuildHook(BuildHookInterface[Any]):
    """The wheel is of one kind of machine, and of any Python."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Before the wheel is put together. Raises RuntimeError with the compiler's words."""
        build_data["artifacts"].append(str(LIBRARY))
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-manylinux_{GLIBC[0]}_{GLIBC[1]}_{platform.machine()}"
        compile_native(Path(self.root))


def compile_native(root: Path) -> None:
    """Replaced whole, since an Envoy that runs may have it in its memory."""
    sources = sorted(map(str, (root / FOLDER).glob("*.c")))
    target = f"{platform.machine()}-linux-gnu.{GLIBC[0]}.{GLIBC[1]}"
    with tempfile.TemporaryDirectory(dir=root / FOLDER) as folder:
        made = Path(folder) / LIBRARY.name
        command = [sys.executable, "-m", "ziglang", "cc", "-target", target, *FLAGS, "-o", str(made), *sources]
        done = subprocess.run(command, capture_output=True, text=True, env={**environ, "ZIG_LOCAL_CACHE_DIR": folder})
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr}")
        made.chmod(0o644)
        made.replace(root / LIBRARY)
