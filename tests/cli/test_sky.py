"""The command as a whole: failures, versions, completion, and what it costs to start."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from skyserve.api.examples import CHECK
from skyserve.model.home import Home
from tests.api.fake import FakeOperations
from tests.cli.typing_at_a_shell import sky

HEAVY = ("pydantic", "httpx", "fastapi", "uvicorn", "sqlalchemy", "grpc", "asyncssh", "yaml", "rich", "asyncio")


@pytest.mark.parametrize("command", ["--help", "serve --help", "serve up --help", "serve status", "api info"])
def test_commands_import_nothing_heavy(operations: FakeOperations, command: str) -> None:
    """What a command does not need is not imported: that is most of what starting it costs."""
    program = f"""
import sys
from skyserve.cli.main import main
try:
    main({command.split()!r}, prog_name="sky")
finally:
    print(sorted(m for m in sys.modules if m in {HEAVY!r}), file=sys.stderr)
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=os.environ, check=True)
    assert ran.stderr == "[]\n"
    assert ran.stdout


def test_the_installed_command_ends_with_its_code(home: Home) -> None:
    """As a process: the message on stderr, nothing on stdout, a code that means something, no traceback."""
    program = "from skyserve.cli.main import main; main()"
    ran = subprocess.run(
        [sys.executable, "-c", program, "serve", "down"], capture_output=True, text=True, env=os.environ, check=False
    )
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "Give either the names of services, or --all." in ran.stderr


def test_a_fault_of_ours_goes_to_a_file(
    home: Home, operations: FakeOperations, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user sees one sentence and where the details are; the file is the user's alone."""

    def broken(*_: object, **__: object) -> str:
        raise KeyError("hunter2")

    monkeypatch.setattr("skyserve.cli.render.services.services_report", broken)
    ran = sky("serve status")
    path = home.root / "cli.log"
    assert ran.code == 1
    assert "sky itself failed (KeyError)" in ran.err
    assert str(path) in ran.err
    assert "hunter2" not in ran.err and "Traceback" not in ran.err
    assert "hunter2" in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_fault_of_the_controllers_names_its_log(home: Home, operations: FakeOperations) -> None:
    """Its inside is not shown; where to look is."""
    operations.fault = RuntimeError("hunter2")
    ran = sky("serve status")
    assert ran.code == 1
    assert "The controller failed: RuntimeError." in ran.err
    assert str(home.controller_log) in ran.err
    assert "hunter2" not in ran.err


def test_the_version() -> None:
    """Is that of the package."""
    assert sky("--version").out.startswith("skyserve 0.")


def test_a_misspelt_command_is_guessed() -> None:
    """Exit code 2, and the word that was probably meant."""
    ran = sky("serve stauts")
    assert ran.code == 2
    assert "No such command 'stauts'. Did you mean 'status'?" in ran.err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell: str) -> None:
    """Each shell gets the script that asks `sky` itself."""
    ran = sky(f"completion {shell}")
    assert ran.code == 0
    assert f"_SKY_COMPLETE={shell}_complete" in ran.out


def complete(words: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What bash would offer after these words."""
    monkeypatch.setenv("_SKY_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split(" ")) - 1))
    program = "from skyserve.cli.main import main; main(prog_name='sky')"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=os.environ, check=False)
    assert ran.stderr == ""
    return [line.partition(",")[2] for line in ran.stdout.splitlines() if line]


def test_names_of_services_are_completed(operations: FakeOperations, monkeypatch: pytest.MonkeyPatch) -> None:
    """From what runs; commands and flags too."""
    assert complete("sky serve down w", monkeypatch) == ["web"]
    assert complete("sky serve down x", monkeypatch) == []
    assert complete("sky serve update w", monkeypatch) == complete("sky serve pause w", monkeypatch) == ["web"]
    assert complete("sky serve update web --mode c", monkeypatch) == ["canary"]
    assert complete("sky serve st", monkeypatch) == ["status"]
    assert complete("sky serve down --pu", monkeypatch) == ["--purge"]


def test_completing_starts_and_says_nothing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no controller runs though services exist, a shell's line stays clean."""
    home.serve.mkdir(parents=True)
    home.database.touch()
    assert complete("sky serve down w", monkeypatch) == []
    assert not home.controller_log.exists()


def test_sky_check(operations: FakeOperations) -> None:
    """All infras, or those named; facts with -v; codes that tell."""
    operations.checks = [CHECK, replace(CHECK, infra="ssh/lab", enabled=False, reason="no answer")]
    ran = sky("check")
    assert ran.code == 0
    assert "local: enabled" in ran.out and "ssh/lab: disabled. no answer" in ran.out
    assert "port spaces" not in ran.out
    assert "port spaces" in sky("check local -v").out
    assert sky("check ssh").code == 1
    ran = sky("check mars")
    assert ran.code == 3
    assert "Infra 'mars' is not known." in ran.err and "local, ssh/lab" in ran.err
    assert '"infra": "local"' in sky("check local -o json").out


def test_the_controllers_process(home: Home, operations: FakeOperations) -> None:
    """What it is and where its files are; stopping it, also when it is stopped already."""
    ran = sky("api info")
    assert ran.code == 0
    assert f"pid       {os.getpid()}" in ran.out
    assert f"log       {home.controller_log}" in ran.out
    assert sky("api start").out == f"The controller runs (pid {os.getpid()}).\n"
    assert sky("api stop").out == "The controller is stopped. Services run on.\n"
    assert sky("api stop").out == "The controller is not running.\n"
    assert sky("api info -o json").code == 1


def test_a_home_too_deep_for_a_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is explained."""
    monkeypatch.setenv("SKY_HOME", str(tmp_path / ("x" * 120)))
    ran = sky("api info")
    assert (ran.code, "SKY_HOME" in ran.err) == (2, True)
