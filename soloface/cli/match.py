"""`soloface match`: say that a match is right, or wrong."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from soloface.cli.frame.output import ByOption, JsonOption, print_json, say
from soloface.cli.frame.settings import load_settings

if TYPE_CHECKING:
    from connectors.postgres.connection import Database
    from connectors.postgres.tags.decisions import Effect
    from dataflow.settings import Settings
    from dataflow.steps.matching import MatchPolicy

app = typer.Typer(
    no_args_is_help=True, help="Say whether a photo shows a user. No later job undoes it."
)

PhotoArgument = Annotated[UUID, typer.Argument(help="The photo's id in `photos`.")]
UserArgument = Annotated[UUID, typer.Argument(help="The user's id in `users`.")]
FaceOption = Annotated[
    int | None, typer.Option("--face-index", min=0, help="Which face, if the photo has several.")
]


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
    _take(photo_id, user_id, "rejected", by, face_index, as_json=as_json)


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
    confirmed for a photo: this confirmation replaces an earlier one.
    """
    _take(photo_id, user_id, "confirmed", by, face_index, as_json=as_json)


def _take(
    photo_id: UUID,
    user_id: UUID,
    word: str,
    by: str | None,
    face_index: int | None,
    *,
    as_json: bool,
) -> None:
    from connectors.postgres.connection import Database
    from connectors.postgres.tags.decisions import Decision, Decisions, Word

    decision = Decision(photo_id, user_id, Word(word), by, face_index)
    settings = load_settings()
    with closing(Database(settings.database)) as database:
        policy, model = _rules(settings, database)
        effect = Decisions(database, policy, model).take(decision)
    if as_json:
        print_json(
            {
                "photo_id": decision.photo_id,
                "user_id": decision.user_id,
                "decision": decision.word,
                "matched_before": effect.before,
                "matched_now": effect.now,
                "reason": effect.reason,
                "distance": effect.match.distance if effect.match else None,
                "margin": effect.match.margin if effect.match else None,
                "limits": policy.limits,
            }
        )
    else:
        say(f"{decision.user_id} is {decision.word}; {_told(effect)}")


def _rules(settings: Settings, database: Database) -> tuple[MatchPolicy, str]:
    """The limits and the contract of the workers, not those of this command's environment."""
    from connectors.postgres.gallery.users import Gallery
    from connectors.postgres.photos.limits import Limits
    from dataflow.faces.packs.loading import threshold_of
    from dataflow.steps.matching import MatchPolicy

    if noted := Limits(database).noted():
        return noted.policy, noted.model
    typer.echo(
        "no worker has noted its limits in this database yet: those of this environment count "
        "(SOLOFACE_MATCH__…)",
        err=True,
    )
    match = settings.match
    policy = MatchPolicy(threshold_of(settings.model), match.max_distance, match.min_margin)
    return policy, Gallery(database).someones_model() or ""


def _told(effect: Effect) -> str:
    if effect.reason is None and effect.now is None:
        return "no face is recorded for the photo yet; its next job will respect this decision"
    if effect.now == effect.before and effect.now:
        return f"the photo's match stays {effect.now}"
    if effect.now and effect.match and effect.match.distance is not None:
        return f"the photo is matched with {effect.now}, at distance {effect.match.distance:.4f}"
    if effect.now:
        return f"the photo is matched with {effect.now}, who has no vector to measure by"
    return f"the photo has no match now ({effect.reason})"
