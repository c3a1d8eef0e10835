"""Where the installations of tests keep their files."""

from pathlib import Path

from skyserve.model.home import Home
from tests.claims import ports


def own_home(root: Path, *settings: str) -> Home:
    """An installation that gives its services ports which no other test run has; `settings` are lines of YAML, of the
    controller."""
    root.mkdir(mode=0o700, exist_ok=True)
    home = Home(root)
    lines = (f"endpoint_port: {ports()[0]}", *settings)
    home.config.write_text("serve:\n  controller:\n" + "".join(f"    {line}\n" for line in lines))
    return home
