"""`sky serve simulate`."""

import os
import sys
from pathlib import Path
from typing import Any

import click

from skyserve.cli.task_options import read_task, task_options
from skyserve.cli.world_options import read_world, world_options

_WORLD = tuple(parameter.name for parameter in world_options(click.command()(lambda: None)).params if parameter.name)


def _names(_: click.Context, _parameter: click.Parameter, given: str | None) -> list[str] | None:
    return None if given is None else [name.strip() for name in given.split(",") if name.strip()]


@click.command()
@click.argument("yaml", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@world_options
@click.option("--policies", callback=_names, metavar="A,B,...", help="Policies to compare. Default: all that apply.")
@click.option(
    "--slo",
    type=click.FloatRange(min=0, min_open=True),
    default=2.0,
    show_default=True,
    help="Seconds that the first byte of an answer may take.",
)
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Write a page with plots to this file.")
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", help="Form of the output.")
@task_options
def simulate(
    yaml: Path, policies: list[str] | None, slo: float, report: Path | None, output: str, **options: Any
) -> None:
    """Show what a service would cost and how well it would serve, policy by policy. Launches nothing.

    The planner of the controller decides for the service of the YAML file in a world that is made up: spot machines are
    taken away, replicas take their time to start, requests queue. No controller is needed, and none is started.

    Example: sky serve simulate service.yaml --requests 2.5 --report simulation.html
    """
    from skyserve.controller.own_policies import load_policy
    from skyserve.model.home import Home
    from skyserve.sim.planned.comparing import compare
    from skyserve.spec.target import target_of

    world = read_world(**{name: options.pop(name) for name in _WORLD})
    target = target_of(read_task(yaml, **options))
    own_policy = load_policy(target, Home.of(os.environ))
    compared = compare(target, world, policies, slo, own_policy=own_policy, told=_tell)
    if report is not None:
        from skyserve.cli.render.simulation_report import write_report

        write_report(report, yaml.name, compared)
    if output == "json":
        from skyserve.cli.render.json_text import json_text

        click.echo(json_text(compared))
    else:
        from skyserve.cli.render.simulation import simulation_text

        click.echo(simulation_text(compared, world, slo))
    if report is not None:
        click.echo(f"Report: {report}", err=True)


def _tell(policy: str) -> None:
    """Where somebody watches, say what takes its time."""
    if sys.stderr.isatty():
        click.echo(f"simulating: {policy}", err=True)
