"""A platform whose users, photos and words change at random, for real workers to follow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from random import Random
from uuid import UUID, uuid4

import numpy as np

from connectors.postgres.connection import Database
from connectors.postgres.gallery.enrolments import EnrolmentRegister
from connectors.postgres.photos.erasure import erase
from connectors.postgres.sql_files import query
from connectors.postgres.tags.deciding import Rules
from connectors.postgres.tags.decisions import Decision, Decisions, Word
from dataflow.faces.face import Embedding
from dataflow.gallery.enrolment import Enrolment, Status
from dataflow.jobs.errors import ConfigurationError, DataError, TransientError
from dataflow.steps.matching import MatchPolicy
from soloface.cli.demo.changes import jpeg, scaled
from soloface.cli.demo.people import ENROLLED
from tests.faults.ledger import SMALL
from tests.world import Photo, World

PHOTOS = 80
USERS = 9
_NOISE = 0.02
"""Of each number of a vector: a user is enrolled a little differently each time."""

_AT_ONCE = 4


class RandomPlatform:
    """Does one thing after the other; ``done`` counts them by name."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.done = Counter[str]()
        self.jobs = 0
        self._random = Random(seed)  # noqa: S311 - not a secret
        self._noise = np.random.default_rng(seed)
        self._database = Database(world.settings.database)
        self._model = world.pack.contract.id
        self._users = [uuid4() for _ in range(USERS)]
        self._faces: list[Embedding] = []
        self._keys: list[str] = []
        for person in ENROLLED:
            self._faces.append(world.recognise(jpeg(person.portrait())).embedding)
            (shown,) = world.photos(scaled(person.portrait(), SMALL), 1, listed=False)
            self._keys.append(shown.key)
        self._photos = [self._new_photo() for _ in range(PHOTOS)]
        world.list_photos(self._photos)

    def act(self, *, publishes: bool) -> None:
        """Do the next thing; a refusal is an answer, and somebody in the way is tried again."""
        (act,) = self._random.choices(list(_ACTS), list(_ACTS.values()))
        if act is RandomPlatform.publish and not publishes:
            return
        while True:
            try:
                with suppress(ConfigurationError, DataError):
                    act(self)
                break
            except TransientError:
                continue
        self.done[act.__name__] += 1

    def close(self) -> None:
        self._database.close()

    def publish(self) -> None:
        """Photos that are there, or have gone meanwhile; some of them for the second time."""
        chosen = self._random.sample(self._photos, _AT_ONCE)
        self.world.publish(*(photo.job() for photo in chosen))
        self.jobs += len(chosen)

    def replace(self) -> None:
        """The platform deletes a photo, and gets another one."""
        place = self._random.randrange(PHOTOS)
        self._run("delete from photos where id = %s", self._photos[place].id)
        self._photos[place] = self._new_photo()
        self.world.list_photos([self._photos[place]])

    def enrol(self) -> None:
        chosen = self._random.sample(self._users, self._random.randint(1, 3))
        EnrolmentRegister(self._database, self._model).save(
            [Enrolment(user_id, Status.ENROLLED, self._vector()) for user_id in chosen]
        )

    def enrol_by_hand(self) -> None:
        with self._database.connection() as connection:
            connection.execute(
                "insert into users (id, face_embedding, face_embedding_model) "
                "values (%s, %s, %s) on conflict (id) do update set "
                "face_embedding = excluded.face_embedding, "
                "face_embedding_model = excluded.face_embedding_model",
                [self._user(), self._vector(), self._model],
            )

    def forget_face(self) -> None:
        self._run("update users set face_embedding = null where id = %s", self._user())

    def delete_user(self) -> None:
        self._run("delete from users where id = %s", self._user())

    def withdraw(self) -> None:
        with self._database.connection() as connection:
            erase(connection, "user", self._user(), row=False, dry_run=False)

    def agree_again(self) -> None:
        asked = {"user_ids": self._users}
        with self._database.connection() as connection, connection.transaction():
            connection.execute(query("lock_users"), asked)
            connection.execute(query("lift_withdrawals"), asked)

    def say(self) -> None:
        word = self._random.choice(list(Word))
        nobody = word is Word.NOBODY or (word is Word.FORGOTTEN and self._random.random() < 0.5)
        photo = self._random.choice(self._photos)
        decision = Decision(photo.id, None if nobody else self._user(), word, "chance")
        policy = MatchPolicy(self.world.pack.threshold)
        Decisions(self._database, Rules(policy, self._model)).take(decision)

    def _run(self, statement: str, value: UUID) -> None:
        with self._database.connection() as connection:
            connection.execute(statement.encode(), [value])

    def _user(self) -> UUID:
        return self._random.choice(self._users)

    def _vector(self) -> Embedding:
        face = self._random.choice(self._faces)
        near = face + self._noise.normal(0, _NOISE, face.shape)
        vector: Embedding = (near / np.linalg.norm(near)).astype(np.float32)
        return vector

    def _new_photo(self) -> Photo:
        return Photo(uuid4(), self._random.choice(self._keys))


_ACTS: dict[Callable[[RandomPlatform], None], int] = {
    RandomPlatform.publish: 6,
    RandomPlatform.replace: 4,
    RandomPlatform.enrol: 3,
    RandomPlatform.enrol_by_hand: 3,
    RandomPlatform.forget_face: 2,
    RandomPlatform.delete_user: 1,
    RandomPlatform.withdraw: 1,
    RandomPlatform.agree_again: 2,
    RandomPlatform.say: 4,
}
