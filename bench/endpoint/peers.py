"""Other proxies: where they are, and how they are installed: `python -m bench.endpoint.peers`.

System packages by apt where root; Python packages each into an environment of its own, since their dependencies
quarrel, below ~/.cache/skyserve/bench (or SKY_BENCH_CACHE). What is missing is left out of a measurement.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

CACHE = Path(os.environ.get("SKY_BENCH_CACHE") or Path.home() / ".cache" / "skyserve" / "bench")
PYTHON_PACKAGES: Mapping[str, str] = {
    "skypilot": "skypilot==0.14.1",
    "vllm-router": "vllm-router==0.1.17",
    "sglang-router": "sglang-router==0.3.2",
}
SYSTEM_PACKAGES: Mapping[str, str] = {
    "nginx": "nginx-light",
    "haproxy": "haproxy",
    "wrk": "wrk",
    "valgrind": "valgrind",
}
"""Debian's, by the command that each brings."""
_SBIN = "/usr/sbin:/sbin"
"""Where Debian keeps servers; an ordinary user's PATH has no entry."""


def command(name: str) -> Path | None:
    """Of a system package."""
    found = shutil.which(name, path=os.environ.get("PATH", os.defpath) + ":" + _SBIN)
    return Path(found) if found else None


def script(package: str, name: str) -> Path | None:
    """What a Python package brought."""
    path = CACHE / package / "bin" / name
    return path if path.exists() else None


def install() -> None:
    """What is not there yet."""
    missing = [package for name, package in SYSTEM_PACKAGES.items() if command(name) is None]
    if missing and os.geteuid() == 0 and shutil.which("apt-get"):
        _install_system(missing)
    elif missing:
        print(f"not installed, since that takes root and apt: {' '.join(missing)}")
    for name, requirement in PYTHON_PACKAGES.items():
        if not (CACHE / name / "installed").exists():
            print(f"installing {requirement} into {CACHE / name}", flush=True)
            subprocess.run([sys.executable, "-m", "venv", CACHE / name], check=True)
            pip = str(CACHE / name / "bin" / "pip")
            subprocess.run([pip, "install", "--quiet", "--disable-pip-version-check", requirement], check=True)
            (CACHE / name / "installed").touch()


def _install_system(packages: list[str]) -> None:
    """Servers are not started: a policy of "do not start" lets them be installed without opening a port."""
    policy = Path("/usr/sbin/policy-rc.d")
    ours = not policy.exists()
    if ours:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    try:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        install = ["apt-get", "install", "-qq", "-y", "--no-install-recommends", *packages]
        subprocess.run(install, check=True, env=environment)
    finally:
        if ours:
            policy.unlink()


if __name__ == "__main__":
    install()
