"""Made-up galleries, as large as wanted.

* ``grouped``: users spread over 160 directions of the space, in 200 groups that resemble each
  other. That is how recognisers' vectors lie: in far fewer directions than they have numbers.
* ``isotropic``: users spread over all directions alike, the worst case for any index.
"""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import numpy as np

from connectors.postgres.search import Connection
from dataflow.made_up import Vectors, unit

MODEL = "made-up-0123456789ab"
KINDS = ("grouped", "isotropic")

_LATENT, _GROUPS, _GROUP_SPREAD = 160, 200, 0.35
_COPIED = 10_000


def made_up(kind: str, count: int, dimension: int, rng: np.random.Generator) -> Iterator[Vectors]:
    """A gallery, some thousands of users at a time."""
    latent = min(_LATENT, dimension)
    basis = np.linalg.qr(rng.standard_normal((dimension, latent)))[0].T.astype(np.float32)
    groups = rng.standard_normal((_GROUPS, latent), dtype=np.float32)
    for start in range(0, count, _COPIED):
        size = min(_COPIED, count - start)
        if kind == "isotropic":
            yield unit(rng.standard_normal((size, dimension), dtype=np.float32))
        else:
            own = rng.standard_normal((size, latent), dtype=np.float32)
            shared = groups[rng.integers(_GROUPS, size=size)]
            yield unit(np.asarray((own + _GROUP_SPREAD * shared) @ basis, np.float32))


def load(connection: Connection, chunks: Iterator[Vectors]) -> None:
    """Enrol them, as quickly as PostgreSQL takes them."""
    number = 0
    statement = "copy users (id, face_embedding, face_embedding_model) from stdin (format binary)"
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(["uuid", "vector", "text"])
        for chunk in chunks:
            for vector in chunk:
                number += 1
                copy.write_row((UUID(int=number), vector, MODEL))
    connection.execute("vacuum analyze users")
