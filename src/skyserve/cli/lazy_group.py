"""A click group whose commands are imported when they are needed, so that each start of `sky` costs little."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click


class LazyGroup(click.Group):
    """Commands by name -> `module:attribute`, in the order in which they are listed."""

    def __init__(self, *args: Any, lazy: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of declaration, which is that of use."""
        return list(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import it."""
        if cmd_name not in self._lazy:
            return None
        module, attribute = self._lazy[cmd_name].split(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the word that was probably meant."""
        word = args[0]
        if word not in self._lazy and not word.startswith("-") and not ctx.resilient_parsing:
            from difflib import get_close_matches

            near = get_close_matches(word, self._lazy, n=1)
            ctx.fail(f"No such command '{word}'." + "".join(f" Did you mean '{guess}'?" for guess in near))
        return super().resolve_command(ctx, args)
