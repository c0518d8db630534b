"""Experiment 9: dead letters are replayed, twice."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nats.js import JetStreamContext

from connectors.jetstream.letters.dead_letters import DeadLetters, Selection, dead_letters
from connectors.jetstream.letters.letter import Letter
from dataflow.jobs.reason import Reason
from soloface.cli.demo.changes import scaled
from soloface.cli.demo.people import ENROLLED
from tests.faults.checker import Verdict, check
from tests.faults.lab import Lab, Scene
from tests.faults.ledger import MATCHED
from tests.faults.ledger import SMALL as SCALE
from tests.faults.report import Row

NUMBER = 9

State = list[list[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class Size:
    letters: int


SMALL = Size(letters=40)
FULL = Size(letters=1000)


def run(lab: Lab, size: Size) -> Iterator[Row]:
    """Replay to the end, put the same letters back, and replay them as if it were the first time.

    Their message ids are then others, so that the jobs really are on the stream twice.
    """
    with lab.scene() as scene:
        key = "late.jpg"
        scene.ledger.photos(1)
        scene.ledger.publish(scene.ledger.bad(Reason.IMAGE_NOT_FOUND, key, size.letters))
        worker = scene.start()
        scene.wait_until_done()
        buried = scene.verdict()
        letters = asyncio.run(_read(scene))
        scene.world.upload(key, scaled(ENROLLED[0].portrait(), SCALE))

        first = _replay(scene)
        once = _state(scene)
        _put_back(scene, letters)
        second = _replay(scene)
        twice = _state(scene)
        worker.stop()
        verdict = _verdict(scene)
    problems = list(buried.problems)
    if (first, second) != (size.letters, size.letters):
        problems.append(f"{first} and {second} letters were replayed")
    if once != twice:
        problems.append("the end state after the second replay is another one")
    yield Row.of(
        NUMBER,
        f"{size.letters:,} dead letters replayed twice",
        verdict,
        "the end state is the same" if once == twice else "the end state differs",
        problems,
    )


def _replay(scene: Scene) -> int:
    replayed = asyncio.run(_replay_all(scene))
    scene.wait_until_done()
    return replayed


async def _replay_all(scene: Scene) -> int:
    """What `soloface dlq replay --all` does."""
    replayed = 0
    async with dead_letters(scene.world.settings.nats) as letters:
        async for window in letters.chosen([], Selection()):
            done = await asyncio.gather(*(_replay_one(letters, x) for x in window.letters))
            replayed += sum(done)
    return replayed


async def _replay_one(letters: DeadLetters, letter: Letter) -> bool:
    return (await letters.replay(letter)).problem is None


async def _read(scene: Scene) -> list[Letter]:
    async with dead_letters(scene.world.settings.nats) as letters:
        return [x async for window in letters.chosen([], Selection()) for x in window.letters]


def _put_back(scene: Scene, letters: Sequence[Letter]) -> None:
    nats = scene.world.settings.nats

    async def publish(js: JetStreamContext) -> None:
        for letter in letters:
            headers = {k: v for k, v in letter.headers.items() if k != "Nats-Msg-Id"}
            await js.publish(nats.dead_subject, letter.payload, headers=headers)

    scene.world.with_jetstream(publish)


def _state(scene: Scene) -> State:
    """Everything that is recorded, but for when."""
    queries = (
        (
            "select photo_id, face_index, bbox::text, model, embedding::text from photo_faces "
            "order by photo_id, face_index"
        ),
        (
            "select f.photo_id, m.user_id, m.confidence from face_matches as m "
            "join photo_faces as f on f.id = m.photo_face_id order by f.photo_id, m.user_id"
        ),
        (
            "select photo_id, outcome, reason, detail, user_id, distance, model, stream_seq "
            "from face_match_outcomes order by photo_id"
        ),
    )
    with scene.world.database() as connection:
        return [
            [tuple(row.values()) for row in connection.execute(query).fetchall()]
            for query in queries
        ]


def _verdict(scene: Scene) -> Verdict:
    """After the replay the photos must be matched, and no letter is left."""
    users = frozenset(scene.ledger.users.values())
    corrected = {
        seq: replace(wanted, reasons=MATCHED, users=users)
        for seq, wanted in scene.ledger.jobs.items()
    }
    return check(replace(scene.ledger, jobs=corrected))
