"""Made-up galleries, as large as wanted, always the same of one size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

import numpy as np

from connectors.postgres.gallery.proof import Sample
from connectors.postgres.session import Connection
from dataflow.gallery.made_up import Vectors, unit

MODEL = "made-up-0123456789ab"

_LATENT, _GROUPS, _GROUP_SPREAD = 160, 200, 0.35
_AT_A_TIME = 10_000


class Kind(StrEnum):
    """How the users' vectors lie.

    * ``grouped``: spread over 160 directions of the space, in 200 groups that resemble each other.
      That is how recognisers' vectors lie: in far fewer directions than they have numbers.
    * ``isotropic``: spread over all directions alike, the worst case for any index.
    """

    GROUPED = "grouped"
    ISOTROPIC = "isotropic"


@dataclass(frozen=True, slots=True)
class Crowd:
    """So many users with vectors of ``dimension`` numbers.

    Faces stray from them in any direction alike, or if they are ``hard``, as users differ.
    """

    kind: Kind
    users: int
    dimension: int
    hard: bool = False

    def vectors(self) -> Iterator[Vectors]:
        """Their vectors, some thousands at a time; user 1 comes first."""
        rng = np.random.default_rng(self.users)
        latent = min(_LATENT, self.dimension)
        basis = np.linalg.qr(rng.standard_normal((self.dimension, latent)))[0].T
        groups = rng.standard_normal((_GROUPS, latent), dtype=np.float32)
        for start in range(0, self.users, _AT_A_TIME):
            size = min(_AT_A_TIME, self.users - start)
            if self.kind is Kind.ISOTROPIC:
                yield unit(rng.standard_normal((size, self.dimension), dtype=np.float32))
            else:
                own = rng.standard_normal((size, latent), dtype=np.float32)
                shared = groups[rng.integers(_GROUPS, size=size)]
                together = own + np.float32(_GROUP_SPREAD) * shared
                yield unit(np.asarray(together @ basis.astype(np.float32), np.float32))

    def load(self, connection: Connection) -> None:
        """Enrol them, as quickly as PostgreSQL takes them."""
        number = 0
        statement = (
            "copy users (id, face_embedding, face_embedding_model) from stdin (format binary)"
        )
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.set_types(["uuid", "vector", "text"])
            for vectors in self.vectors():
                for vector in vectors:
                    number += 1
                    copy.write_row((UUID(int=number), vector, MODEL))
        connection.execute("vacuum analyze users")

    def nearest_other(self, probes: Sample) -> float:
        """The greatest cosine similarity of a face to anybody but its user."""
        own = np.array([user.int - 1 for user in probes.users])
        greatest, start = -1.0, 0
        for vectors in self.vectors():
            similarity = probes.faces @ vectors.T
            (here,) = np.nonzero((start <= own) & (own < start + len(vectors)))
            similarity[here, own[here] - start] = -1
            greatest = max(greatest, float(similarity.max()))
            start += len(vectors)
        return greatest
