"""Commands that are imported when they are run, so that help and completion come at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_current_context, get_group  # type: ignore[attr-defined]

MARKUP: Final = "markdown"


class Unloaded(TyperCommand):
    """A command of which only the name and a line of help are known yet.

    ``target`` is ``module:attribute``: a function, or a `typer.Typer` with commands of its own.
    """

    def __init__(self, name: str, target: str, line: str) -> None:
        super().__init__(name=name, help=line, rich_markup_mode=MARKUP)
        self._target = target

    def load(self) -> TyperCommand | TyperGroup:
        """The command itself."""
        module, _, attribute = self._target.partition(":")
        found = getattr(import_module(module), attribute)
        around = typer.Typer(rich_markup_mode=MARKUP, pretty_exceptions_enable=False)
        name = self.name or ""
        if isinstance(found, typer.Typer):
            around.add_typer(found, name=name, cls=QuickGroup)
        else:
            around.command(name)(found)
        command: TyperCommand | TyperGroup = get_group(around).commands[name]  # type: ignore[assignment]
        _prepare(command)
        return command


class QuickGroup(TyperGroup):
    """Goes straight to the command that is named first.

    For options that were not given Typer would load pydantic, which takes half of the time that
    help may take.
    """

    def parse_args(
        self,
        ctx: Any,  # noqa: ANN401 - of a module that Typer keeps to itself
        args: list[str],
    ) -> list[str]:
        """Part the command's name from what follows, as Typer does after the options."""
        if args and args[0] in self.commands:
            ctx._protected_args, ctx.args = args[:1], args[1:]  # noqa: SLF001 - Typer's own place
            return args[1:]
        return super().parse_args(ctx, args)


class LazyGroup(QuickGroup):
    """Lists its commands by name, and loads the one that is asked for."""

    table: Mapping[str, tuple[str, str]] = {}
    """By name: where the command is, and its line of help."""

    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401 - whatever Typer passes
        super().__init__(**attributes)
        for name, (target, line) in self.table.items():
            self.add_command(Unloaded(name, target, line))

    def resolve_command(
        self,
        ctx: Any,  # noqa: ANN401 - of a module that Typer keeps to itself
        args: list[str],
    ) -> tuple[str | None, Any, list[str]]:
        """Find the command, and import it."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command.load() if isinstance(command, Unloaded) else command, rest


def _prepare(command: TyperCommand | TyperGroup) -> None:
    """Do for each command what all of them need before they run; a group may do things itself."""
    if isinstance(command, TyperGroup):
        for inner in command.commands.values():
            _prepare(inner)  # type: ignore[arg-type]
    if command.callback:
        names = {param.name or "": param.opts[0] for param in command.params}
        command.callback = _prepared(command.callback, names)


def _prepared(callback: Callable[..., Any], names: Mapping[str, str]) -> Callable[..., Any]:
    """Send log lines to standard error: a command's output is for a reader or a pipe.

    What is no text goes no further: neither PostgreSQL nor JSON can take it. A path is another
    thing, as a file may have any name. ``names`` are the options as a person writes them.
    """

    @wraps(callback)
    def run(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - as the callback's
        # The command that follows does this itself, or is only asked for help.
        if getattr(get_current_context(), "invoked_subcommand", None):
            return callback(*arguments, **options)
        from dataflow.process.logs import configure_logs
        from dataflow.settings import LogSettings

        for name, value in options.items():
            _require_text(names.get(name, name), value)
        configure_logs(LogSettings(level="warning"))
        return callback(*arguments, **options)

    return run


def _require_text(name: str, value: object) -> None:
    for part in value if isinstance(value, list | tuple) else [value]:
        if isinstance(part, str) and not _is_text(part):
            shown = part.encode(errors="backslashreplace").decode()
            raise typer.BadParameter(f"{shown} is not text in UTF-8", param_hint=name)


def _is_text(value: str) -> bool:
    """Bytes that are no UTF-8 come from the shell as lone surrogates."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
