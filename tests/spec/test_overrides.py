"""Options of the command line stand in for keys of the YAML."""

from typing import Any

import pytest

from skyserve.spec.errors import SpecError
from skyserve.spec.overrides import TaskOverrides
from skyserve.spec.parse import parse_task
from skyserve.spec.target import requests_of
from skyserve.spec.task import Task

TEXT = """
workdir: here
resources:
  ports: 80
  cpus: 2
  any_of:
    - {infra: aws, accelerators: T4}
    - {infra: gcp, cpus: 8}
"""


def overridden(**options: Any) -> Task:
    return parse_task(TEXT, filename="f.yaml", overrides=TaskOverrides(**options))


def test_options_reach_every_alternative() -> None:
    """An option wins over the alternatives too, and alternatives that become equal are one."""
    requests = requests_of(overridden(infra="local", gpus="L4:2", cpus="4+"))
    assert [str(request) for request in requests] == ["(cpus=4+, L4:2)"]
    assert requests[0].infra == "local"


def test_a_region_moves_within_the_cloud_that_is_named() -> None:
    """--cloud and --region replace whatever form the YAML used."""
    requests = requests_of(overridden(cloud="azure", region="eastus"))
    assert {(request.infra, request.region) for request in requests} == {("azure", "eastus")}


def test_top_level_options() -> None:
    """Directory and number of nodes."""
    task = overridden(workdir="there", num_nodes=3)
    assert (task.workdir, task.num_nodes) == ("there", 3)


def test_ports_are_replaced_or_closed() -> None:
    """--ports replaces all; `none` closes all."""
    assert requests_of(overridden(ports=["8080", "9000-9001"]))[0].ports == (8080, 9000, 9001)
    assert requests_of(overridden(ports=("none",)))[0].ports == ()


def test_nothing_given_changes_nothing() -> None:
    """Without options the YAML counts."""
    assert overridden() == parse_task(TEXT, filename="f.yaml")


def test_a_file_without_resources_takes_them_too() -> None:
    """An option needs no section to stand in."""
    task = parse_task("run: x\n", filename="f.yaml", overrides=TaskOverrides(memory="4", use_spot=True))
    assert str(requests_of(task)[0]) == "[spot](mem=4)"


def test_resources_that_are_no_mapping_are_refused_as_ever() -> None:
    """An option does not hide a mistake of the file."""
    with pytest.raises(SpecError, match=r"^f\.yaml:1: resources: should be a mapping"):
        parse_task("resources: 3\n", filename="f.yaml", overrides=TaskOverrides(cpus="2"))
