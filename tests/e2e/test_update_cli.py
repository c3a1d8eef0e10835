"""Updates as a person makes them: by the command line, on this machine, with a real controller and real replicas."""

import subprocess
import urllib.request
from pathlib import Path

import pytest

from tests.examples.installation import PATIENCE_SECONDS, SKY, Installation, own_installation

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3 * PATIENCE_SECONDS)]

SERVICE = """
service:
  readiness_probe: {path: /, endpoint_probe_interval_seconds: 1}
  drain_seconds: 5
  replicas: 2
resources: {ports: 8080}
envs: {MODEL: one}
secrets: {TOKEN: hunter2}
run: echo $MODEL > index.html && exec python3 -m http.server 8080
"""


def typed(installation: Installation, *arguments: str, stdin: str = "") -> tuple[int, str]:
    """(exit code, all that was printed) of a command that may fail."""
    done = subprocess.run(
        [SKY, *arguments],
        env=installation.environment,
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    return done.returncode, done.stdout


def models(endpoint: str) -> set[str]:
    """What the replicas that get requests answer."""
    return {urllib.request.urlopen(endpoint).read().decode().strip() for _ in range(20)}


def ids(installation: Installation) -> set[int]:
    """The replicas that are ready."""
    replicas = installation.service("web")["replicas"]
    return {replica["replica_id"] for replica in replicas if replica["status"] == "READY"}


def test_updates_by_the_command_line(tmp_path: Path) -> None:
    """Shown before, followed to the end, failed and gone back from by itself, listed, rolled back."""
    file = tmp_path / "service.yaml"
    file.write_text(SERVICE)
    with own_installation() as installation:
        endpoint = installation.up(tmp_path, "web")
        first = ids(installation)

        # A no changes nothing; what is shown tells no secret.
        file.write_text(SERVICE.replace("replicas: 2", "replicas: 3").replace("hunter2", "hunter3"))
        code, said = typed(installation, "serve", "update", "web", str(file), stdin="n\n")
        assert (code, "hunter" in said) == (1, False), said
        assert "-   replicas: 2" in said and "+   replicas: 3" in said and "+   TOKEN: '*** (changed)'" in said
        assert "replicas are restarted" in said

        # Only the service section: replicas stay, one more comes.
        file.write_text(SERVICE.replace("replicas: 2", "replicas: 3"))
        code, said = typed(installation, "serve", "update", "web", str(file), stdin="y\n")
        assert code == 0, said
        assert "nothing is restarted" in said and "✓ Service 'web' is at version 2 now." in said
        assert first <= ids(installation)

        # Another task: every replica answers as the new one.
        code, said = typed(installation, "serve", "update", "web", str(file), "-y", "--env", "MODEL=two")
        assert code == 0, said
        assert models(endpoint) == {"two"}

        # One that cannot start: the command fails with the reason, the service is what it was.
        file.write_text(SERVICE.replace("run: ", "run: echo no such model; exit 1; "))
        code, said = typed(installation, "serve", "update", "web", str(file), "-y")
        assert code == 1, said
        assert "did not take over" in said and "no such model" in said
        assert models(endpoint) == {"two"}

        listed = installation.sky("serve", "history", "web").splitlines()
        assert [line.split()[0] for line in listed[1:]] == ["1", "2", "3", "4", "5"]
        assert "failed" in listed[4] and "automatic rollback to version 3" in listed[5]

        code, said = typed(installation, "serve", "rollback", "web", "--to", "1", "-y")
        assert code == 0, said
        assert models(endpoint) == {"one"}

        code, said = typed(installation, "serve", "rollback", "web", "--to", "99", "-y")
        assert (code, "has no version 99" in said) == (3, True), said
        code, said = typed(installation, "serve", "pause", "wbe")
        assert (code, "Did you mean 'web'?" in said) == (3, True), said
