"""A platform that changes tags by plain SQL, as fast as it can."""

from __future__ import annotations

import threading
from random import Random

import psycopg

from tests.builders import DIMENSION
from tests.patience import PATIENCE_S

PHOTOS = 200


class Platform(threading.Thread):
    """Changes tags by plain SQL for as long as it is wanted, also across restarts."""

    def __init__(self, dsn: str, seed: int = 0) -> None:
        super().__init__(daemon=True)
        self._dsn = dsn
        self._random = Random(seed)  # noqa: S311 - not a secret
        self._over = threading.Event()
        self.changes = 0
        self.start()

    def run(self) -> None:
        while not self._over.is_set():
            try:
                with psycopg.connect(self._dsn, autocommit=True, connect_timeout=5) as connection:
                    while not self._over.wait(0.002):
                        self._change(connection)
            except psycopg.OperationalError:
                self._over.wait(0.1)

    def _change(self, connection: psycopg.Connection) -> None:
        first = self._random.randint(0, PHOTOS - 1)
        values = {"first": first, "last": first + self._random.randint(0, 5)}
        values["user"] = self._random.randint(0, 3)
        done = connection.execute(self._random.choice(_CHANGES).encode(), values)
        self.changes += done.rowcount

    def end(self) -> None:
        self._over.set()
        self.join(PATIENCE_S)


_CHANGES = (
    (
        "insert into face_matches (photo_face_id, user_id, confidence) "
        "select f.id, u.id, random() from photo_faces f, numbered u "
        "where f.face_index between %(first)s and %(last)s and u.number = %(user)s "
        "on conflict do nothing"
    ),
    (
        "update face_matches set user_id = u.id, confidence = random() from numbered u "
        "where on_face_index between %(first)s and %(last)s and u.number = %(user)s"
    ),
    "delete from face_matches where on_face_index between %(first)s and %(last)s",
)


def furnish(dsn: str, dimension: int = DIMENSION) -> None:
    """Photos with a face each, numbered by `face_index`, and four users."""
    vector = str([1, *[0] * (dimension - 1)])
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "create table numbered as select gen_random_uuid() as id, n as number "
            "from generate_series(0, 3) n"
        )
        connection.execute("insert into users (id) select id from numbered")
        connection.execute(
            "with p as (insert into photos select from generate_series(1, %s) returning id) "
            "insert into photo_faces (photo_id, face_index, embedding, bbox, model, det_score) "
            "select id, row_number() over () - 1, %s, '{}', 'm', 1 from p",
            [PHOTOS, vector],
        )
