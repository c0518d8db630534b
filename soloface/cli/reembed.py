"""`soloface reembed`: move the enrolled users to another model while workers run."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from dataflow.jobs.errors import ConfigurationError
from soloface.cli.frame.output import (
    JsonOption,
    complain,
    console,
    counted,
    print_json,
    progress,
    say,
)
from soloface.cli.frame.settings import load_settings
from soloface.cli.rematch import Report, work_off

if TYPE_CHECKING:
    from rich.progress import Progress

    from connectors.postgres.connection import Database
    from connectors.postgres.gallery.reembedding import Reembedding, ToDo
    from dataflow.faces.face import Embedding, FacePack
    from dataflow.gallery.enrolment import Examiner
    from dataflow.gallery.limit import FollowingLimit
    from dataflow.settings import Settings

_TRIES, _STEP_S = 20, 0.2
"""Of the cut-over, which waits for the workers' transactions."""


@dataclass(slots=True)
class _Report:
    """What was done. ``left_behind`` are users without a new vector, each with the reason."""

    users: int = 0
    faces: int = 0
    left_behind: dict[ToDo, str] = field(default_factory=dict)
    faces_left: Counter[str] = field(default_factory=Counter)


def reembed(
    to: Annotated[str, typer.Option(help="The pack to move to: its name, or its folder's path.")],
    *,
    dimension: Annotated[
        int | None, typer.Option(min=1, help="Its embedding size, if it is not the usual one.")
    ] = None,
    photos: Annotated[
        bool, typer.Option("--photos", help="Embed the faces on photos again too.")
    ] = False,
    leave_behind: Annotated[
        bool,
        typer.Option(
            "--leave-behind", help="Cut over also if some users cannot be embedded again."
        ),
    ] = False,
    drop_old: Annotated[
        bool, typer.Option("--drop-old", help="Drop the old vectors, once they are not needed.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Move the users to another pack: compute new vectors from their photos, then switch.

    New vectors are stored beside the old ones, step by step. The switch (cut-over) is one
    transaction. Workers of the old pack then hold their jobs, and say so, until you start them with
    SOLOFACE_MODEL__PACK=PACK. The old vectors are kept until `--drop-old`, so moving back is quick.
    Then all faces that have a vector of the new pack are matched again.

    Safe to interrupt and to run again.

    Exit code 1, and no cut-over, if a user's photos are gone, unless you give `--leave-behind`.
    """
    from connectors.postgres.connection import Database
    from connectors.postgres.gallery.reembedding import Reembedding
    from dataflow.faces.packs.loading import load_pack, renamed
    from soloface.limits import following_limit

    settings = load_settings()
    wanted = settings.model.model_copy(update={"pack": to, "dimension": dimension})
    if advice := renamed(wanted):
        raise ConfigurationError(advice)
    pack = load_pack(wanted)
    # Before anything is moved: its workers would not start by a limit that the pack knows not.
    follows = following_limit(settings.model_copy(update={"model": wanted}))
    with (
        closing(Database(settings.database)) as database,
        progress(hidden=as_json) as bar,
    ):
        work = _Work(Reembedding(database, pack.contract), settings, pack, bar)
        moved = work.move(photos=photos, leave_behind=leave_behind)
        dropped = work.reembedding.drop_old() if drop_old and moved else 0
        again = _matched_again(database, settings, pack, follows, bar) if moved else None
    if as_json:
        tags = {"rematch": again and again.as_dict()}
        print_json(_as_dict(work.report, pack.contract.id, moved=moved, dropped=dropped) | tags)
    else:
        _print(work.report, pack.contract.id, moved=moved)
        if again:
            say(again.told())
        if drop_old and moved:
            say(f"{counted(dropped, 'old vector')} dropped")
    if not moved:
        raise typer.Exit(1)


def _matched_again(
    database: Database,
    settings: Settings,
    pack: FacePack,
    follows: FollowingLimit | None,
    bar: Progress,
) -> Report | None:
    """Match all faces of the new contract again; ``None``: it is left to its first worker.

    Distances of one pack say nothing of another's. So what limits them is what workers of this one
    have noted, or else what this environment says.
    """
    from connectors.postgres.gallery.users import count_users
    from connectors.postgres.photos.limits import Limits, following_policy
    from connectors.postgres.tags.deciding import Rules
    from connectors.postgres.tags.requests import Requests
    from dataflow.steps.matching import MatchPolicy
    from soloface.rules import requires_gallery

    limits, model = Limits(database), pack.contract.id
    noted, before = limits.of(model), limits.noted()
    if noted:
        policy = noted.policy
    else:
        match = settings.match
        required = requires_gallery(settings, database, model)
        policy = MatchPolicy(pack.threshold, match.max_distance, match.min_margin, required)
        if follows:
            with database.connection() as connection:
                policy = following_policy(policy, follows.at(count_users(connection, model)))
        if before and before.policy.max_distance is not None and policy.max_distance is None:
            complain(
                "the tags are left to the first worker of this pack, which matches all faces "
                f"again: there was a limit ({before.policy.max_distance:g}) for {before.model}, "
                "and here is none for the new pack (SOLOFACE_MATCH__MAX_DISTANCE)"
            )
            return None
    ids = Requests(database).of_all(model)
    return work_off(settings, Rules(policy, model, settings.rematch.move), ids, bar)


@dataclass(slots=True)
class _Batch:
    """A few that were embedded together, and those that could not be."""

    done: list[tuple[ToDo, Embedding]] = field(default_factory=list)
    failed: dict[ToDo, str] = field(default_factory=dict)


class _Work:
    """One run of the command."""

    def __init__(
        self, reembedding: Reembedding, settings: Settings, pack: FacePack, bar: Progress
    ) -> None:
        from connectors.store.enrolment_photos import EnrolmentPhotos
        from dataflow.gallery.bystanders import IGNORE
        from dataflow.gallery.enrolment import Examiner

        self.reembedding = reembedding
        self.report = _Report()
        self._bar = bar
        self._cores = settings.worker.cores or len(os.sched_getaffinity(0))
        photos, most = EnrolmentPhotos(settings), settings.images.max_pixels
        # What was good enough once is not asked again; another detector measures other things.
        self._portraits = Examiner(pack, photos.read, most, "off", IGNORE)
        self._job_images = Examiner(pack, photos.read_job_image, most, "off")

    def move(self, *, photos: bool, leave_behind: bool) -> bool:
        """Prepare, and cut over; says whether that was done."""
        from dataflow.process.retry import LinearBackoff

        left: dict[ToDo, str] = {}
        while True:
            users = self.reembedding.users()
            # Not those who were enrolled again meanwhile: they have other photos to look at.
            left = {user: left[user] for user in users if user in left}
            todo = [user for user in users if user not in left]
            for batch in self._batches("Users", todo, self._portraits):
                left |= batch.failed
                self.report.users += len(batch.done)
                self.reembedding.stage_users(batch.done)
            if photos:
                for batch in self._batches(
                    "Faces on photos", self.reembedding.faces(), self._job_images
                ):
                    self.report.faces_left.update(batch.failed.values())
                    self.report.faces += len(batch.done)
                    self.reembedding.stage_faces(batch.done)
                photos = False
            self.report.left_behind = left
            if left and not leave_behind:
                return False
            if LinearBackoff(_TRIES, _STEP_S).call(partial(self.reembedding.cut_over, left)):
                return True

    def _batches(self, title: str, todo: Sequence[ToDo], examiner: Examiner) -> Iterator[_Batch]:
        """Embed all of them, so many at a time."""
        from dataflow.gallery.enrolment import USERS_AT_A_TIME

        waiting = iter(todo)
        task = self._bar.add_task(title, total=len(todo))
        with ThreadPoolExecutor(self._cores) as pool:
            while items := list(islice(waiting, USERS_AT_A_TIME)):
                batch = _Batch()
                vectors = pool.map(partial(_vector, examiner), items)
                for item, vector in zip(items, vectors, strict=True):
                    if isinstance(vector, str):
                        batch.failed[item] = vector
                    else:
                        batch.done.append((item, vector))
                yield batch
                self._bar.advance(task, len(items))


def _vector(examiner: Examiner, item: ToDo) -> Embedding | str:
    """The new vector, or why there is none."""
    from dataflow.faces.choosing import RecordedFace
    from dataflow.gallery.enrolment import Portrait, Refusal, mean_embedding

    if not item.photos:
        return "no_photo_recorded"
    choose = RecordedFace(item.box) if item.box else None
    seen = [examiner.examine(photo, choose) for photo in item.photos]
    embeddings = [photo.embedding for photo in seen if isinstance(photo, Portrait)]
    if embeddings:
        return mean_embedding(embeddings)
    return ", ".join(sorted({photo.reason for photo in seen if isinstance(photo, Refusal)}))


def _as_dict(report: _Report, model: str, *, moved: bool, dropped: int) -> dict[str, object]:
    return {
        "model": model,
        "moved": moved,
        "users": report.users,
        "left_behind": {str(user.id): why for user, why in report.left_behind.items()},
        "faces": report.faces,
        "faces_left": dict(report.faces_left),
        "dropped": dropped,
    }


def _print(report: _Report, model: str, *, moved: bool) -> None:
    for user, why in report.left_behind.items():
        console.print(f"[yellow]no new vector[/] {user.id}: {why}")
    for why, count in report.faces_left.items():
        faces = counted(count, "face on photos", "faces on photos")
        console.print(f"[yellow]no new vector[/] {faces}: {why}")
    done = f"{counted(report.users, 'user')} and {counted(report.faces, 'face')}"
    say(f"{done} embedded with the new pack")
    if moved:
        console.print(
            f"[green]moved[/] to {model}: start the workers with this pack (SOLOFACE_MODEL__PACK)"
        )
    else:
        console.print(
            "[red]not moved[/]: enrol the users above by photos that last (soloface enroll "
            "--keep-photos), or leave them behind (--leave-behind), and run it again"
        )
