"""The second act: somebody enrols after their photo came, and somebody withdraws."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from uuid import UUID, uuid4

from connectors.postgres.connection import Database
from connectors.postgres.connection import connect as connect_postgres
from connectors.postgres.gallery.users import Gallery
from connectors.postgres.photos.erasure import erase
from connectors.postgres.tags.deciding import Rules
from connectors.postgres.tags.rematching import Rematching
from dataflow.faces.face import FacePack
from dataflow.jobs.reason import Reason
from dataflow.settings import Settings
from dataflow.steps.matching import MatchPolicy
from dataflow.steps.recognition import recognise
from soloface.cli.demo import run
from soloface.cli.demo.changes import jpeg
from soloface.cli.demo.people import ENROLLED, STRANGERS
from soloface.cli.demo.report import Answer
from soloface.cli.demo.scenario import Case
from soloface.cli.frame.output import counted


@dataclass(frozen=True, slots=True)
class Later:
    """What became of the tags; ``gained`` and ``lost`` count photos.

    ``again`` is how a new job for a photo of the user who withdrew ended.
    """

    latecomer: str
    gained: int
    leaver: str
    lost: int
    again: Reason | None
    problems: Sequence[str] = ()

    def told(self) -> str:
        """For people."""
        photos = counted(self.gained, "photo that was", "photos that were")
        theirs = counted(self.lost, "photo loses its tag", "photos lose their tags")
        return (
            f"Later: {self.latecomer} enrols, and is tagged on {photos} there before. "
            f"{self.leaver} withdraws: {theirs}, and a new job for one of them ends as "
            f"{self.again}."
        )


def go_on(
    settings: Settings, pack: FacePack, answers: Sequence[Answer], names: Mapping[UUID, str]
) -> Later:
    """Enrol the first stranger, withdraw the first user, and publish one of their photos again.

    Raises:
        SystemicError: a server or the worker did not run.
    """
    latecomer, leaver = STRANGERS[0], ENROLLED[0]
    before = run.matches(settings)
    with closing(Database(settings.database)) as database:
        face = recognise(jpeg(latecomer.portrait()), pack, settings.images.max_pixels)
        user_id = uuid4()
        Gallery(database).enrol(user_id, face.embedding, pack.contract)
    _match_again(settings, pack)
    gained = [photo_id for photo_id, found in run.matches(settings) if found == user_id]

    leaver_id = next(user_id for user_id, name in names.items() if name == leaver.name)
    with closing(connect_postgres(settings.database)) as connection:
        erase(connection, "user", leaver_id, row=False, dry_run=False, by="the demo")
    _match_again(settings, pack)
    theirs = [answer.case for answer in answers if answer.user == leaver.name]
    again = _publish_again(settings, theirs[0])
    after = run.matches(settings)

    lost = [photo_id for photo_id, user_id in before if user_id == leaver_id]
    problems = []
    if gained != [a.case.photo_id for a in answers if a.case.title == latecomer.name]:
        problems.append(f"{latecomer.name} enrolled, and is not tagged on just the photo of them")
    if again is not Reason.WITHDRAWN:
        problems.append(f"a new job for a photo of {leaver.name} ended as {again}")
    if {photo_id for photo_id, _ in after} & set(lost):
        problems.append(f"a photo of {leaver.name} has a tag after they withdrew")
    if len(after) != len(before) + len(gained) - len(lost):
        problems.append("other tags have changed as well")
    return Later(latecomer.name, len(gained), leaver.name, len(lost), again, problems)


def _match_again(settings: Settings, pack: FacePack) -> None:
    """What a running worker does by itself."""
    match = settings.match
    policy = MatchPolicy(
        pack.threshold, match.max_distance, match.min_margin, match.gallery_required
    )
    databases = Database(settings.database), Database(settings.database)
    with closing(Rematching(*databases, Rules(policy, pack.contract.id))) as rematching:
        while rematching.step():
            pass


def _publish_again(settings: Settings, case: Case) -> Reason | None:
    published = asyncio.run(run.publish(settings.nats, [replace(case, handed_back=False)]))
    for line in run.run_worker(os.environ, 1, published):
        return Reason(line["reason"])
    return None
