"""The list of commands, and what each says of itself."""

from __future__ import annotations

import pytest
import typer
from typer.core import TyperCommand, TyperGroup

from soloface.cli.frame.app import Commands, app
from soloface.cli.frame.lazy import Unloaded

ROOT = typer.main.get_command(app)


def loaded(name: str) -> TyperCommand | TyperGroup:
    assert isinstance(ROOT, TyperGroup)
    command = ROOT.commands[name]
    assert isinstance(command, Unloaded)
    return command.load()


@pytest.mark.parametrize("name", Commands.table)
def test_the_list_says_of_a_command_what_its_own_help_begins_with(name: str) -> None:
    _, line = Commands.table[name]

    assert (loaded(name).help or "").partition("\n\n")[0].replace("\n", " ") == line


@pytest.mark.parametrize("name", Commands.table)
def test_a_line_of_the_list_is_short(name: str) -> None:
    assert len(Commands.table[name][1]) <= 90


@pytest.mark.parametrize("name", Commands.table)
def test_every_option_says_what_it_is_for(name: str) -> None:
    command = loaded(name)
    inner = command.commands.values() if isinstance(command, TyperGroup) else [command]
    for one in inner:
        for param in one.params:
            assert getattr(param, "help", None), f"{name} {one.name} {param.name}"
