"""A restart in place: what ran under one label ends for the next, and the machine stays."""

import asyncio
from pathlib import Path

import pytest

from skyserve.contracts.errors import Gone, Transient, Unsupported
from skyserve.contracts.infra import Infra, Script, ScriptState, Shell
from skyserve.model.instance import Instance
from skyserve.store.content import FileContentStore
from tests.contract.bench import OWNER, Bench, Play, until

_STUBBORN = """
echo kept > kept
(trap '' TERM; exec setsid sleep infinity) &
setsid bash -c 'trap "" TERM; while :; do sleep 0.05; done' &
trap '' TERM
python3 -m http.server 8080 &
until python3 -c 'import socket; socket.create_connection(("127.0.0.1", 8080))' 2> /dev/null; do sleep 0.05; done
echo up
while :; do sleep 0.05; done
"""
"""Everything in it ignores SIGTERM, or has left its session, and it holds a port."""


async def _said(bench: Bench, shell: Shell, name: str, text: str) -> None:
    async def seen() -> bool | None:
        return text in await bench.output(shell, name) or None

    await until(seen)


async def _instance(infra: Infra) -> Instance:
    (instance,) = (await infra.inventory(OWNER)).instances
    return instance


async def test_another_label_forgets_what_ran(bench: Bench) -> None:
    """After a renewal no script was ever started, no log is left, any name can be started; the machine is the same."""
    infra = bench.infra()
    instance = await bench.launch(infra)
    shell = infra.shell(instance)
    await shell.renew("0")
    await shell.start("setup", bench.script(Play(("old setup",))))
    await shell.start("run", bench.script(Play(("old run",), exit_code=None)))
    await bench.finish(shell, "setup")

    renewed = infra.shell(instance)
    await renewed.renew("1")

    for name in ("setup", "run"):
        assert (await renewed.status(name)).state is ScriptState.ABSENT
        assert await bench.output(renewed, name) == ""
    await renewed.start("run", bench.script(Play(("new run",), exit_code=3)))
    assert (await bench.finish(renewed, "run")).exit_code == 3
    assert await bench.output(renewed, "run") == "new run\n"
    assert await _instance(infra) == instance


async def test_the_same_label_changes_nothing(bench: Bench) -> None:
    """The last label, given again, also by the next controller, leaves what runs alone."""
    infra = bench.infra()
    instance = await bench.launch(infra)
    await infra.shell(instance).renew("0")
    await infra.shell(instance).renew("1")
    await infra.shell(instance).start("run", bench.script(Play(("runs",), exit_code=None)))
    for again in (infra, bench.infra()):
        await again.shell(instance).renew("1")
    assert (await infra.shell(instance).status("run")).state is ScriptState.RUNNING


async def test_the_first_label_stops_nothing(bench: Bench) -> None:
    """What was started before any label was given belongs to the first one."""
    infra = bench.infra()
    shell = infra.shell(await bench.launch(infra))
    await shell.start("run", bench.script(Play(("runs",), exit_code=None)))
    await shell.renew("5")
    assert (await shell.status("run")).state is ScriptState.RUNNING


async def test_who_was_overtaken_changes_nothing(any_kind: Bench, tmp_path: Path) -> None:
    """A call that comes late, for a label that another has followed, raises Gone and changes nothing."""
    infra = any_kind.infra()
    instance = await any_kind.launch(infra)
    late, present = infra.shell(instance), infra.shell(instance)
    content = FileContentStore(tmp_path / "content")
    (tmp_path / "file").write_text("old")
    tree = await content.pack(tmp_path / "file")
    await late.renew("0")
    await present.renew("1")
    await present.start("run", any_kind.script(Play(("new",), exit_code=None)))
    with pytest.raises(Gone):
        await late.start("setup", any_kind.script(Play()))
    with pytest.raises(Gone):
        await late.put(tree, content, "file")
    with pytest.raises(Gone):
        await late.renew("0")
    assert (await present.status("setup")).state is ScriptState.ABSENT
    assert (await present.status("run")).state is ScriptState.RUNNING


async def test_renewing_a_machine_that_died_says_so(any_kind: Bench) -> None:
    """A node whose processes were killed cannot be renewed: Gone, as for everything else on it."""
    infra = any_kind.infra()
    instance = await any_kind.launch(infra)
    await infra.shell(instance).renew("0")
    await any_kind.kill(instance)

    async def refused() -> bool | None:
        try:
            await infra.shell(instance).renew("1")
        except Gone:
            return True
        return None

    await until(refused)


async def test_every_process_ends_and_its_ports_are_free(real: Bench) -> None:
    """Daemons that ignore SIGTERM and left their session end too; files stay, and the next run binds the same port,
    which leads to it from outside as before."""
    infra = real.infra()
    instance = await real.launch(infra)
    old = infra.shell(instance)
    await old.renew("0")
    await old.start("run", Script(_STUBBORN))
    await _said(real, old, "run", "up")

    new = infra.shell(instance)
    await new.renew("1")

    await new.start("look", Script("cat kept; ls /proc | grep -c '^[0-9]'; exec python3 -c 'print(\"done\")'"))
    await real.finish(new, "look")
    kept, processes, done = (await real.output(new, "look")).split()
    # The keeper, this script's bash, ls and grep.
    assert (kept, done) == ("kept", "done")
    assert int(processes) <= 4
    await new.start("run", Script("echo anew > index.html; exec python3 -m http.server 8080"))
    address = instance.addresses[8080]

    async def answered() -> bool | None:
        try:
            reader, writer = await asyncio.open_connection(address.host, address.port)
            writer.write(b"GET / HTTP/1.0\r\n\r\n")
            reply = await reader.read()
        except OSError:
            return None
        writer.close()
        return reply.endswith(b"anew\n") or None

    await until(answered)


async def test_a_renewal_whose_reply_is_lost_is_repeated(bench: Bench) -> None:
    """A renewal that was done, though nobody was told, is not done once more: what was begun since runs on."""
    infra = bench.infra()
    instance = await bench.launch(infra)
    await infra.shell(instance).renew("0")
    await infra.shell(instance).start("run", bench.script(Play(exit_code=None)))
    bench.lose_next_renewal()
    with pytest.raises(Transient):
        await infra.shell(instance).renew("1")
    shell = bench.infra().shell(instance)
    await shell.renew("1")
    assert (await shell.status("run")).state is ScriptState.ABSENT
    await shell.start("run", bench.script(Play(exit_code=None)))
    await shell.renew("1")
    assert (await shell.status("run")).state is ScriptState.RUNNING


async def test_nodes_are_renewed_one_by_one(bench: Bench) -> None:
    """Each node of an instance has labels of its own: one that was renewed already stays as it is."""
    infra = bench.infra()
    if not bench.reaches_peers:
        with pytest.raises(Unsupported, match="num_nodes"):
            await bench.launch(infra, num_nodes=2)
        return
    instance = await bench.launch(infra, num_nodes=2)
    shells = [infra.shell(instance, rank) for rank in (0, 1)]
    for shell in shells:
        await shell.renew("0")
        await shell.start("run", bench.script(Play(exit_code=None)))
    await shells[0].renew("1")
    assert [(await shell.status("run")).state for shell in shells] == [ScriptState.ABSENT, ScriptState.RUNNING]
    await shells[0].start("run", bench.script(Play(exit_code=None)))
    for shell in shells:
        await shell.renew("1")
    assert [(await shell.status("run")).state for shell in shells] == [ScriptState.RUNNING, ScriptState.ABSENT]
