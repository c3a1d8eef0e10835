"""The options that stand in for keys of the YAML, shared by all commands that take one."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from skyserve.spec.task import Task

F = TypeVar("F", bound=Callable[..., Any])


def _assignments(_: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, str | None]:
    """`K=V` as K -> V; `K` as K -> None, to be looked up in the environment. A refusal does not show the value."""
    pairs = [text.partition("=") for text in given]
    for name, _equals, _value in pairs:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise click.BadParameter(
                "write NAME=VALUE, or NAME to take it from the environment; a name has letters, digits and underscores",
                param=parameter,
            )
    return {name: value if equals else None for name, equals, value in pairs}


_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)

_VARIABLES = (
    click.option(
        "--env",
        "envs",
        multiple=True,
        metavar="K[=V]",
        callback=_assignments,
        help="Set an environment variable; K alone takes it from the environment.",
    ),
    click.option("--env-file", type=_FILE, help="Variables as lines K=V. Secrets that the YAML names are filled too."),
    click.option(
        "--secret",
        "secrets",
        multiple=True,
        metavar="K[=V]",
        callback=_assignments,
        help="As --env, but never shown. Prefer K alone: others can see command lines.",
    ),
    click.option("--secret-file", type=_FILE, help="As --env-file, for secrets."),
)

_OVERRIDES = (
    click.option("--workdir", help="Directory whose content every replica gets."),
    click.option("--infra", help="Where to run: local, or ssh/<pool>."),
    click.option("--cloud", hidden=True),
    click.option("--region", hidden=True),
    click.option("--zone", hidden=True),
    click.option("--num-nodes", type=click.IntRange(min=1), help="Machines of one replica."),
    click.option("--cpus", help="CPUs of each node: 4, or 4+ for at least 4."),
    click.option("--memory", help="Memory of each node in GiB: 16, or 16+."),
    click.option("--gpus", help="GPUs of each node: A100:8."),
    click.option("-t", "--instance-type", help="Kind of machine, by the cloud's name."),
    click.option("--use-spot/--no-use-spot", default=None, help="Machines that cost less and may be taken away."),
    click.option("--ports", multiple=True, help="Port to open; may be given more than once. none: no port."),
    click.option("--disk-size", help="Disk of each node in GiB."),
    click.option("--disk-tier", help="How fast the disk is: low, medium, high, ultra or best."),
    click.option("--network-tier", help="How fast the network is: standard or best."),
    click.option("--local-disk", help="Disk inside the machine: [nvme|ssd:]size[+]."),
    click.option("--image-id", help="Image of the machine, or docker:<image>."),
)


def task_options(command: F) -> F:
    """Give a command all task options. It passes what it gets of them to `read_task`."""
    for option in reversed((*_VARIABLES, *_OVERRIDES)):
        command = option(command)
    return command


def read_task(
    path: Path,
    *,
    envs: dict[str, str | None],
    env_file: Path | None,
    secrets: dict[str, str | None],
    secret_file: Path | None,
    ports: tuple[str, ...],
    **overrides: Any,
) -> "Task":
    """The task of a YAML file with the options put in. Raises ServeError."""
    from skyserve.client.load import load_task
    from skyserve.spec.overrides import TaskOverrides

    return load_task(
        path,
        envs=envs,
        secrets=secrets,
        env_file=env_file,
        secret_file=secret_file,
        overrides=TaskOverrides(ports=ports or None, **overrides),
    )
