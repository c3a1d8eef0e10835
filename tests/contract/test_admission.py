"""What does not fit is refused with numbers, counted on the machine itself."""

import pytest

from skyserve.contracts.errors import NoCapacity
from skyserve.contracts.infra import Script
from skyserve.model.instance import Instance
from skyserve.model.resources import Accelerators
from tests.contract.bench import Bench


async def test_a_full_machine_says_so_in_numbers(typical: Bench) -> None:
    """What is taken cannot be promised again, not even to another owner; a termination frees it."""
    infra = typical.infra()
    whole = typical.cpus
    first = await typical.launch(infra, cpus=whole, ports=())
    with pytest.raises(NoCapacity, match=rf"asked for 1 cpus, 0 of {whole:g} free"):
        await typical.launch(typical.infra(), "1-2", cpus=1, ports=(), owner="somebody-else")
    await infra.terminate(first)
    await typical.launch(infra, "1-3", cpus=whole, ports=())


async def test_a_gpu_belongs_to_one_replica(typical: Bench) -> None:
    """Devices are handed out one by one; a replica without any sees none."""
    typical.pretend_gpus("NVIDIA A100-SXM4-80GB", "NVIDIA L4", "NVIDIA A100-SXM4-80GB")
    infra = typical.infra()
    seen = []
    for number in (1, 2):
        instance = await typical.launch(infra, f"1-{number}", gpus=Accelerators("A100-80GB"), ports=())
        seen.append(await _visible_devices(typical, instance))
    assert seen == ["GPU-0\n", "GPU-2\n"]
    with pytest.raises(NoCapacity, match="asked for 1 A100-80GB, 0 of 2 free"):
        await typical.launch(infra, "1-3", gpus=Accelerators("A100-80GB"), ports=())
    assert await _visible_devices(typical, await typical.launch(infra, "1-4", ports=())) == "\n"


async def _visible_devices(bench: Bench, instance: Instance) -> str:
    infra = bench.infra()
    shell = infra.shell(instance)
    await shell.start("run", Script('echo "$CUDA_VISIBLE_DEVICES"'))
    await bench.finish(shell, "run")
    return await bench.output(shell, "run")
