"""What the system itself costs while idle: `python -m bench.footprint [--services 1 50]`.

Serves so many services of one small replica each on this machine, in an installation of its own, and prints the memory
and the CPU of the controller and of Envoy.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

import skyserve
from bench.processes import all_in, controller_pid, envoy_pid, resident_mib
from skyserve.model.home import Home

SERVICE = {
    "service": {"readiness_probe": "/", "replicas": 1},
    "resources": {"ports": 8080, "cpus": 0.1, "memory": 0.1},
    "run": "exec python3 -S -m http.server 8080",
}
PATIENCE_SECONDS = 300.0
SETTLE_SECONDS = 5.0
WATCH_SECONDS = 20.0


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait_ready(client: skyserve.Client, count: int) -> None:
    """Return when so many services are READY."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (ready := sum(s.status is skyserve.ServiceStatus.READY for s in client.status())) < count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{ready} of {count} services are ready")
        time.sleep(0.5)


def measure(home: Home, count: int) -> None:
    """Print one line."""
    client = skyserve.Client(home)
    began = time.monotonic()
    for number in range(count):
        client.up(skyserve.load_task(SERVICE), f"idle-{number}", base=Path("/"))
    wait_ready(client, count)
    ready = time.monotonic() - began
    time.sleep(SETTLE_SECONDS)
    pids = {"controller": controller_pid(home), "Envoy": envoy_pid(home)}
    before = {name: cpu_seconds(pid) for name, pid in pids.items()}
    time.sleep(WATCH_SECONDS)
    told = ", ".join(
        f"{name} {resident_mib(pid):.0f} MiB and {(cpu_seconds(pid) - before[name]) / WATCH_SECONDS:.1%} of a core"
        for name, pid in pids.items()
    )
    print(f"{count} idle services (all READY after {ready:.0f} s): {told}", flush=True)


def clear(home: Home) -> None:
    """Take everything down; nothing is left."""
    client = skyserve.Client(home)
    client.down(None)
    while client.status():
        time.sleep(0.5)
    client.stop_controller()
    while all_in(home):
        time.sleep(0.2)


def main() -> None:
    """Each count in an installation of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--services", type=int, nargs="+", default=[1, 50])
    for count in parser.parse_args().services:
        with tempfile.TemporaryDirectory(prefix="sky-") as folder:
            home = Home(Path(folder))
            try:
                measure(home, count)
            finally:
                clear(home)


if __name__ == "__main__":
    main()
