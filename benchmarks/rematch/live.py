"""How fast a worker does its jobs while it matches all recorded faces again beside them."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import psycopg

from benchmarks.lanes import WorkerLane
from benchmarks.measure import Sample, Series, ratio, take_turns
from benchmarks.photos import SIZES, make_photos
from benchmarks.rematch.platform import Platform
from benchmarks.stage import Site, build_site
from connectors.embedded import Servers
from dataflow.faces.packs.install import install_pack
from dataflow.faces.packs.loading import load_pack
from dataflow.jobs.errors import ConfigurationError
from dataflow.settings import OPEN_PACK

_SIZE = "500 px"
_USERS, _FACES = 1000, 200_000
_ROUNDS, _ROUND_S = 6, 6.0


@dataclass(frozen=True, slots=True)
class Live:
    """Jobs per second, alone and with a pass beside them, and the photos of it in each second."""

    alone: Series
    beside: Series
    rematched_per_s: float

    @property
    def kept(self) -> float:
        """The share of the speed that is left, median of the rounds' ratios."""
        return ratio(self.beside, self.alone)


class _Matching:
    """A worker to which a pass is given for each round."""

    def __init__(self, lane: WorkerLane, site: Site, model: str) -> None:
        self._lane = lane
        self._dsn = site.settings.database.dsn.get_secret_value()
        self._model = model
        self.photos, self.seconds = 0, 0.0

    def round(self, photos: int) -> Sample:
        if not self._waiting():
            with psycopg.connect(self._dsn, autocommit=True) as connection:
                connection.execute("insert into face_rematches (model) values (%s)", [self._model])
        before = self._decided()
        sample = self._lane.round(photos)
        self.photos += self._decided() - before
        self.seconds += sample.wall_s
        if not self._waiting():
            raise ConfigurationError("there are too few faces: the pass ended before the round")
        return sample

    def _waiting(self) -> int:
        return self._ask("select count(*) from face_rematches")

    def _decided(self) -> int:
        """Each photo's outcome is written when it is decided for the first time."""
        return self._ask("select count(*) from photo_faces where nearest_user_id is not null")

    def _ask(self, statement: str) -> int:
        with psycopg.connect(self._dsn) as connection:
            row = connection.execute(statement.encode()).fetchone()
        return int(row[0]) if row else 0


def beside_jobs(*, smoke: bool) -> Live:
    """Give two workers the same jobs in turns, of which one has a pass to do beside them."""
    rounds, faces = (1, _FACES // 10) if smoke else (_ROUNDS, _FACES)
    with tempfile.TemporaryDirectory(prefix="soloface-bench-") as name, Servers() as servers:
        folder, root = Path(name) / "photos", Path(name) / "models"
        root.mkdir()
        make_photos(folder, SIZES[_SIZE])
        install_pack(OPEN_PACK, root)
        sites = [build_site(servers, OPEN_PACK, root, 0) for _ in range(2)]
        contract = load_pack(sites[0].settings.model).contract
        for site in sites:
            platform = Platform(_USERS, faces, 0, 1, contract.dimension, contract.id)
            dsn = site.settings.database.dsn.get_secret_value()
            with psycopg.connect(dsn, autocommit=True) as connection:
                platform.load(connection)
        keys = [site.upload(sorted(folder.iterdir())) for site in sites]
        with (
            WorkerLane(sites[0].queue(), keys[0]) as alone,
            WorkerLane(sites[1].queue(), keys[1]) as other,
        ):
            for lane in (alone, other):
                lane.wait_ready()
            beside = _Matching(other, sites[1], contract.id)
            found = take_turns({"alone": alone, "beside": beside}, rounds, _ROUND_S, lambda: None)
            per_s = beside.photos / beside.seconds
    return Live(found["alone"], found["beside"], per_s)
