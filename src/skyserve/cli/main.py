"""The command `sky`."""

import os
from typing import Any

import click

from skyserve.cli.lazy_group import LazyGroup

COMMANDS = "skyserve.cli.commands"


class Sky(LazyGroup):
    """The root: turns every error of a command into a message and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except KeyboardInterrupt:
            from skyserve.cli.failures import INTERRUPTED

            click.echo("Interrupted.", err=True)
            ctx.exit(INTERRUPTED)
        except BrokenPipeError:
            raise  # click ends quietly: the reader of a pipe has seen enough
        except Exception as error:
            from skyserve.cli.failures import failure_of

            failure = failure_of(error)
            failure.show()
            ctx.exit(failure.exit_code)


def _version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"skyserve {version('skyserve')}")
        ctx.exit()


@click.group(
    cls=Sky,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    lazy={
        "serve": "skyserve.cli.main:serve",
        "status": f"{COMMANDS}.status:status",
        "check": f"{COMMANDS}.check:check",
        "api": f"{COMMANDS}.api:api",
        "completion": f"{COMMANDS}.completion:completion",
    },
)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version.")
def main() -> None:
    """Serve AI models anywhere: one YAML, replicas where capacity is, one endpoint in front.

    Example: sky serve up service.yaml
    """
    if os.environ.get("NO_COLOR"):  # https://no-color.org
        click.get_current_context().color = False


@click.group(
    cls=LazyGroup,
    lazy={
        "up": f"{COMMANDS}.serve_up:up",
        "update": f"{COMMANDS}.serve_update:update",
        "rollback": f"{COMMANDS}.serve_rollback:rollback",
        "history": f"{COMMANDS}.serve_history:history",
        "pause": f"{COMMANDS}.serve_pause:pause",
        "resume": f"{COMMANDS}.serve_resume:resume",
        "status": f"{COMMANDS}.serve_status:status",
        "top": f"{COMMANDS}.serve_top:top",
        "keys": f"{COMMANDS}.serve_keys:keys",
        "logs": f"{COMMANDS}.serve_logs:logs",
        "down": f"{COMMANDS}.serve_down:down",
        "plan": f"{COMMANDS}.serve_plan:plan",
        "check": f"{COMMANDS}.serve_check:check",
        "simulate": f"{COMMANDS}.serve_simulate:simulate",
    },
)
def serve() -> None:
    """Start, update, watch and end services.

    Example: sky serve up service.yaml -n web
    """
