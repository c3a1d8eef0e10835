"""Running `sky` as a user does, in the test's own process."""

from dataclasses import dataclass

from click.testing import CliRunner

from skyserve.cli.main import main


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str


def sky(command: str, *more: str, stdin: str | None = None) -> Ran:
    """Run `sky COMMAND`; words of the command are split at blanks, those of `more` are taken as they are."""
    result = CliRunner().invoke(main, [*command.split(), *more], input=stdin, prog_name="sky")
    return Ran(result.exit_code, result.stdout, result.stderr)
