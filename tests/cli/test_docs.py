"""The documentation tells of everything that there is, and of nothing else."""

import dataclasses
import json
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import skyserve
from skyserve.cli.main import main
from skyserve.cli.task_options import task_options
from skyserve.client.activity import KeyActivity, ReplicaActivity, ServiceActivity
from skyserve.contracts.infra import CheckResult
from skyserve.model.error import ErrorKind
from skyserve.model.home import Home
from skyserve.model.rollout import UpdateMode
from skyserve.model.traffic import ReplicaTraffic, ServiceTraffic, Waits
from skyserve.model.view import (
    KeyView,
    NewKey,
    PlanView,
    ReplicaStatus,
    ReplicaView,
    RolloutView,
    ServiceStatus,
    ServiceView,
    VersionView,
)
from skyserve.sim.planned.comparing import Compared
from skyserve.sim.planned.outcome import Outcome
from skyserve.sim.planned.series import Step
from tests.cli.typing_at_a_shell import sky

DOCS = Path(__file__).parents[2] / "docs"


def commands(group: click.Group = main, path: str = "sky") -> Iterator[tuple[str, click.Command]]:
    """(full name, command) of every command that does something."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


def flags(command: click.Command) -> set[str]:
    """All names of its options."""
    options = [
        parameter for parameter in command.params if isinstance(parameter, click.Option) and not parameter.hidden
    ]
    return {name for option in options for name in (*option.opts, *option.secondary_opts)}


def sections(file: str) -> dict[str, str]:
    """Heading -> what stands beneath it."""
    parts = re.split(r"^## (.+)$", (DOCS / file).read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def first_column(text: str) -> set[str]:
    """What stands in backticks at the beginning of table rows."""
    rows = re.findall(r"^\| (`.+?) \|", text, flags=re.MULTILINE)
    return {word for row in rows for word in re.findall(r"`([^`]+)`", row)}


TASK_OPTIONS = flags(task_options(click.command()(lambda: None)))
COMMANDS = dict(commands())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_flag_is_documented(name: str) -> None:
    """A command's section lists its flags: all, and no others."""
    documented = first_column(sections("cli.md")[name])
    known = flags(COMMANDS[name])
    assert documented == (known - TASK_OPTIONS if known >= TASK_OPTIONS else known)


def test_task_options_are_documented_once() -> None:
    """All of them, in a section of their own."""
    assert first_column(sections("cli.md")["Task options"]) == TASK_OPTIONS


def test_no_command_is_documented_that_is_not_there() -> None:
    """Sections named like commands are commands."""
    assert {title for title in sections("cli.md") if title.startswith("sky ")} == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_help_has_an_example(name: str) -> None:
    """One that begins with the command itself."""
    text = " ".join(sky(f"{name.removeprefix('sky ')} --help").out.split())
    assert re.search(rf"Example[^:]*: .*{name}", text)


@pytest.mark.parametrize(
    ("title", "types"),
    [
        ("sky serve status -o json", (ServiceView, ReplicaView, RolloutView)),
        ("sky serve top -o json", (ServiceActivity, ReplicaActivity, KeyActivity)),
        ("traffic", (ServiceTraffic, ReplicaTraffic, Waits)),
        ("sky serve history -o json", (VersionView,)),
        ("sky serve keys list -o json", (KeyView,)),
        ("sky serve keys create -o json", (NewKey,)),
        ("sky serve plan -o json", (PlanView,)),
        ("sky serve simulate -o json", (Compared, Outcome, Step)),
        ("sky check -o json", (CheckResult,)),
    ],
)
def test_every_key_of_json_is_documented(title: str, types: tuple[type, ...]) -> None:
    """The keys are the fields, all of them."""
    known = {field.name for kind in types if dataclasses.is_dataclass(kind) for field in dataclasses.fields(kind)}
    assert first_column(sections("json.md")[title]) == known


@pytest.mark.parametrize(("command", "title"), [("status", "sky status -o json"), ("api info", "sky api info -o json")])
def test_keys_of_other_json_are_documented(home: Home, command: str, title: str) -> None:
    """What is put together for one command alone."""
    assert first_column(sections("json.md")[title]) == set(json.loads(sky(f"{command} -o json").out))


def test_every_word_is_documented() -> None:
    """Statuses and kinds of errors that programs branch on."""
    text = sections("json.md")["sky serve status -o json"]
    assert all(f"`{word}`" in text for word in (*ServiceStatus, *ReplicaStatus))
    assert all(f"`{kind}`" in sections("sdk.md")["Errors"] for kind in ErrorKind)
    assert all(f"`{mode}`" in sections("cli.md")["sky serve update"] for mode in UpdateMode)


def test_every_name_of_the_sdk_is_documented() -> None:
    """Functions in the table, all other names somewhere."""
    functions = {name for name in skyserve.__all__ if name.islower() and name != "aio"}
    rows = re.findall(r"^\| `(\w+)\(", sections("sdk.md")["Functions"], flags=re.MULTILINE)
    assert set(rows) == functions
    text = (DOCS / "sdk.md").read_text() + (DOCS / "json.md").read_text()
    assert all(
        name in text for name in skyserve.__all__ if name not in ("ReplicaStatus", "ReplicaView", "ServiceStatus")
    )
