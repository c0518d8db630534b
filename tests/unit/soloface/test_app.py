"""The list of commands, and what each says of itself."""

from __future__ import annotations

import sys
from uuid import UUID

import pytest
import structlog
import typer
from typer.core import TyperCommand, TyperGroup

from soloface.cli import main
from soloface.cli.frame.app import Commands, app
from soloface.cli.frame.lazy import Unloaded

NO_TEXT = b"\xff\xfe".decode(errors="surrogateescape")
IDS = (str(UUID(int=1)), str(UUID(int=2)))
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


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("match", "confirm", *IDS, "--by", NO_TEXT), "--by"),
        (("match", "--csv", "no.csv", "--by", NO_TEXT), "--by"),
        (("match", "reject", IDS[0], NO_TEXT), ""),
        (("erase", "--user", IDS[0], "--by", NO_TEXT, "--yes"), "--by"),
        (("dlq", "bury", "1", "--why", NO_TEXT), "--why"),
        (("dlq", "replay", "--reason", NO_TEXT), "--reason"),
        (("enroll", "--consent", NO_TEXT, IDS[0], "no.jpg"), ""),
        (("publish", NO_TEXT, "key"), ""),
        (("publish", IDS[0], NO_TEXT), ""),
        (("doctor", "--object", NO_TEXT), "--object"),
        (("reconcile", "--ref-column", NO_TEXT), "--ref-column"),
        (("reconcile", "--created-before", NO_TEXT), ""),
        (("watch", "--outcome", NO_TEXT), ""),
        (("watch", "--reason", NO_TEXT), ""),
        (("watch", "--since", NO_TEXT), ""),
        (("rematch", "--since", NO_TEXT), ""),
        (("models", "install", NO_TEXT), ""),
        ((NO_TEXT,), ""),
    ],
)
def test_an_option_that_is_no_text_is_one_line(
    arguments: tuple[str, ...],
    named: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["soloface", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capfd.readouterr()
    assert (ended.value.code, out, err.count("\n")) == (2, "", 1)
    assert named in err
    assert err.startswith("error: ")


around = typer.Typer(invoke_without_command=True)


@around.callback()
def _logs_without_a_word(context: typer.Context) -> None:
    if context.invoked_subcommand:
        return
    structlog.get_logger().warning("something_happened")
    structlog.get_logger().info("something_else_happened")


@around.command("word")
def _logs() -> None:
    structlog.get_logger().warning("something_happened")


@pytest.mark.parametrize("arguments", [[], ["word"]])
def test_no_log_line_is_among_what_a_command_prints(
    arguments: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    structlog.reset_defaults()
    command = Unloaded("around", f"{__name__}:around", "").load()
    command.main(arguments, standalone_mode=False)
    out, err = capfd.readouterr()
    assert out == ""
    assert "something_happened" in err
    assert "something_else_happened" not in err
