"""Scripts: started once, detached, with their exit code and log kept."""

import os
from contextlib import suppress
from pathlib import Path

import pytest

from skyserve.contracts.infra import Script, ScriptState
from tests.contract.bench import Bench, Play, until


@pytest.mark.parametrize("code", [0, 3])
async def test_exit_codes_are_kept(any_kind: Bench, code: int) -> None:
    """A script that ended is EXITED with bash's code."""
    infra = any_kind.infra()
    shell = infra.shell(await any_kind.launch(infra))
    await shell.start("setup", any_kind.script(Play(exit_code=code)))
    status = await any_kind.finish(shell, "setup")
    assert (status.state, status.exit_code) == (ScriptState.EXITED, code)


async def test_a_script_never_started_is_absent(any_kind: Bench) -> None:
    """A name that was never started is ABSENT, and its log is empty, followed or not."""
    infra = any_kind.infra()
    shell = infra.shell(await any_kind.launch(infra))
    assert (await shell.status("setup")).state is ScriptState.ABSENT
    assert await any_kind.output(shell, "setup") == ""
    assert await any_kind.output(shell, "setup", follow=True) == ""


async def test_a_name_is_started_once(any_kind: Bench) -> None:
    """Starting a name again does nothing, whatever became of the first."""
    infra = any_kind.infra()
    shell = infra.shell(await any_kind.launch(infra))
    for line in ("first", "second"):
        await shell.start("setup", any_kind.script(Play((line,))))
        await any_kind.finish(shell, "setup")
    assert await any_kind.output(shell, "setup") == "first\n"


async def test_logs_are_whole_or_the_end(any_kind: Bench) -> None:
    """A log comes from its beginning, or its last lines; following it ends with the script."""
    infra = any_kind.infra()
    shell = infra.shell(await any_kind.launch(infra))
    lines = tuple(f"line {number}" for number in range(200))
    await shell.start("setup", any_kind.script(Play(lines)))
    await any_kind.finish(shell, "setup")
    whole = "".join(f"{line}\n" for line in lines)
    assert await any_kind.output(shell, "setup") == whole
    assert await any_kind.output(shell, "setup", tail=2) == "line 198\nline 199\n"
    assert await any_kind.output(shell, "setup", tail=0) == ""
    assert await any_kind.output(shell, "setup", follow=True) == whole


async def test_a_log_is_followed_while_it_grows(typical: Bench) -> None:
    """Following shows what was printed before and after, and ends with the script."""
    infra = typical.infra()
    shell = infra.shell(await typical.launch(infra))
    await shell.start("run", Script("echo early; until [ -f go ]; do sleep 0.05; done; echo late; echo wrong >&2"))
    seen = b""
    async for chunk in shell.log("run", follow=True):
        seen += chunk
        if seen == b"early\n":
            await shell.start("go", Script("touch go"))
    assert seen == b"early\nlate\nwrong\n"


async def test_bash_is_as_users_know_it(typical: Bench) -> None:
    """A script runs in ~/sky_workdir with its own home, ~/.bashrc honoured, and goes on past a failing line."""
    infra = typical.infra()
    shell = infra.shell(await typical.launch(infra))
    await shell.start("setup", Script("false\necho 'export GREETING=hello' >> ~/.bashrc\necho kept > kept"))
    assert (await typical.finish(shell, "setup")).exit_code == 0
    await shell.start("run", Script('echo "$GREETING $NAME"; cat kept; [ "$PWD" = ~/sky_workdir ]', {"NAME": "x y"}))
    assert (await typical.finish(shell, "run")).exit_code == 0
    assert await typical.output(shell, "run") == "hello x y\nkept\n"


async def test_a_signal_is_told_by_the_exit_code(typical: Bench) -> None:
    """A script that a signal ended has 128 + signal."""
    infra = typical.infra()
    shell = infra.shell(await typical.launch(infra))
    await shell.start("run", Script("kill -9 $$"))
    status = await typical.finish(shell, "run")
    assert (status.state, status.exit_code) == (ScriptState.EXITED, 137)


async def test_what_a_script_leaves_in_the_background_lives_on(typical: Bench) -> None:
    """A server put into the background runs on after its script has ended well, and is ended with the instance."""
    infra = typical.infra()
    shell = infra.shell(await typical.launch(infra))
    await shell.start("run", Script("while sleep 0.05; do echo on >> beats; done & exit 0"))
    assert (await typical.finish(shell, "run")).exit_code == 0
    await shell.start("look", Script("rm -f beats; until [ -s beats ]; do sleep 0.05; done"))
    assert (await typical.finish(shell, "look")).exit_code == 0


async def test_secrets_are_nowhere_to_be_read(real: Bench) -> None:
    """A secret in a script's environment or body is in no process's arguments, nor in a file that others can read."""
    infra = real.infra()
    shell = infra.shell(await real.launch(infra))
    secret = "swordfish-3141592653"
    await shell.start("run", Script(f"echo started; : {secret}; exec sleep infinity", {"TOKEN": secret}))

    async def started() -> bool | None:
        return await real.output(shell, "run") == "started\n" or None

    await until(started)
    assert secret not in _arguments_of_all_processes()
    await shell.start("open", Script("cd ~/..; find . -type f -perm /o+r -exec grep -l swordfish {} +; true"))
    await real.finish(shell, "open")
    assert await real.output(shell, "open") == ""


def _arguments_of_all_processes() -> str:
    said = []
    for pid in os.listdir("/proc"):
        if pid.isdigit():
            with suppress(OSError):
                said.append(Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace"))
    return "\n".join(said)
