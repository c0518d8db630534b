"""`soloface match`: say whom a photo shows, and whom it does not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from dataflow.jobs.errors import ConfigurationError, DataError, TransientError
from soloface.cli.frame.limits import rules_of_workers
from soloface.cli.frame.output import (
    ByOption,
    JsonOption,
    complain,
    counted,
    print_json,
    print_json_line,
    say,
)
from soloface.cli.frame.settings import load_settings

if TYPE_CHECKING:
    from connectors.postgres.tags.decisions import Decision, Decisions

app = typer.Typer(no_args_is_help=True, invoke_without_command=True)

PhotoArgument = Annotated[UUID, typer.Argument(help="The photo's id in `photos`.")]
UserArgument = Annotated[UUID, typer.Argument(help="The user's id in `users`.")]
FaceOption = Annotated[
    int | None, typer.Option("--face-index", min=0, help="Which face, if the photo has several.")
]


@app.callback()
def match(
    context: typer.Context,
    *,
    table: Annotated[
        Path | None,
        typer.Option(
            "--csv",
            metavar="FILE",
            help="Many words: a CSV with the columns photo_id, word (confirm, reject, nobody or "
            "forget) and user_id; face_index and by may follow. - is standard input.",
        ),
    ] = None,
    by: ByOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say whether a photo shows a user. No later job undoes it.

    With --csv, every line is checked before the first is taken. Each line then takes effect by
    itself, in order. Exit code 1 if a line failed.
    """
    if context.invoked_subcommand:
        if table or by or as_json:
            raise typer.BadParameter("give --by and --json after the word; --csv stands alone")
        return
    if table is None:
        raise typer.BadParameter("give a word and a photo, or --csv FILE")
    _take_all(table, by, as_json=as_json)


@app.command()
def reject(
    photo_id: PhotoArgument,
    user_id: UserArgument,
    *,
    face_index: FaceOption = None,
    by: ByOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say that the photo does not show the user. No later job will match them again.

    If the user is recorded for the photo, the match is removed, and the next nearest user is
    considered at once, by the limits of the workers, which they note in the database.
    """
    _take("reject", photo_id, user_id, by, face_index, as_json=as_json)


@app.command()
def confirm(
    photo_id: PhotoArgument,
    user_id: UserArgument,
    *,
    face_index: FaceOption = None,
    by: ByOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say that the photo shows the user. No later job changes it, whatever the models say.

    If somebody else is recorded for the photo, this user replaces them. Only one user can be
    confirmed for a photo: this confirmation replaces an earlier one. The user need not be enrolled.
    """
    _take("confirm", photo_id, user_id, by, face_index, as_json=as_json)


@app.command()
def nobody(photo_id: PhotoArgument, *, by: ByOption = None, as_json: JsonOption = False) -> None:
    """Say that the photo shows nobody who is to be tagged. No later job tags it.

    It replaces an earlier confirmation.
    """
    _take("nobody", photo_id, None, by, as_json=as_json)


@app.command()
def forget(
    photo_id: PhotoArgument,
    user_id: Annotated[
        UUID | None,
        typer.Argument(help="Only what was said of this user. Without: all that was said."),
    ] = None,
    *,
    by: ByOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take back what was said of the photo. It is decided again at once."""
    _take("forget", photo_id, user_id, by, as_json=as_json)


def _take(
    word: str,
    photo_id: UUID,
    user_id: UUID | None,
    by: str | None,
    face_index: int | None = None,
    *,
    as_json: bool,
) -> None:
    from connectors.postgres.tags.decisions import Decision
    from soloface.cli.match.telling import as_dict, told
    from soloface.cli.match.words import WORDS

    decision = Decision(photo_id, user_id, WORDS[word], by, face_index)
    with _decisions() as decisions:
        effect = decisions.take(decision)
        limits = decisions.rules.policy.limits
    if as_json:
        print_json({**as_dict(decision, effect), "limits": limits})
    else:
        say(told(decision, effect))


def _take_all(table: Path, by: str | None, *, as_json: bool) -> None:
    from soloface.cli.match.telling import as_dict, told
    from soloface.cli.match.words import read_words

    said, wrong = read_words(table, by)
    failed = 0
    with _decisions() as decisions:
        wrong |= _unknown(decisions, said)
        if wrong:
            for line, why in sorted(wrong.items()):
                complain(f"{table}, line {line}: {why}")
            lines = counted(len(wrong), "line")
            raise ConfigurationError(f"{lines} of {table} cannot be taken, so nothing was taken")
        for line, decision in said.items():
            try:
                effect = decisions.take(decision)
            except (ConfigurationError, DataError, TransientError) as error:
                failed += 1
                complain(f"{table}, line {line}: {error}")
                if as_json:
                    print_json_line({"line": line, "error": str(error)})
                continue
            if as_json:
                print_json_line({"line": line, **as_dict(decision, effect)})
            else:
                say(f"line {line}: {told(decision, effect)}")
    if failed:
        raise typer.Exit(1)


def _unknown(decisions: Decisions, said: dict[int, Decision]) -> dict[int, str]:
    """The lines that name a photo or a user who is not there."""
    photos = {decision.photo_id for decision in said.values()}
    users = {decision.user_id for decision in said.values() if decision.user_id}
    unknown = decisions.unknown(photos, users)
    wrong = {}
    for line, decision in said.items():
        if decision.photo_id in unknown:
            wrong[line] = f"there is no photo {decision.photo_id}"
        elif decision.user_id in unknown:
            wrong[line] = f"there is no user {decision.user_id}"
    return wrong


@contextmanager
def _decisions() -> Iterator[Decisions]:
    from connectors.postgres.connection import Database
    from connectors.postgres.tags.decisions import Decisions

    settings = load_settings()
    with closing(Database(settings.database)) as database:
        yield Decisions(database, rules_of_workers(settings, database, without_users=True))
