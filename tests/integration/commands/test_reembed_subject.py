"""Moving to another model where photos show others beside whom they are of."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from connectors.postgres.connection import Database
from connectors.postgres.photos.recorder import Recorder
from dataflow.faces.choosing import FaceIn
from dataflow.faces.face import Box, FacePack
from dataflow.jobs.job import parse_job
from dataflow.steps.matching import MatchPolicy
from dataflow.steps.recognition import recognise
from dataflow.steps.request import Recognised
from soloface.cli.demo.changes import jpeg
from soloface.cli.demo.people import ENROLLED, GROUP, load_picture
from tests.builders import delivery
from tests.fixtures.recording import ONCE
from tests.fixtures.worker import Soloface
from tests.world import World

ANA, BEA = ENROLLED[:2]


def test_a_face_that_a_job_chose_is_found_again_by_the_new_pack(
    world: World, soloface: Soloface, insightface_folder: Path, insightface_pack: FacePack
) -> None:
    ids = world.enrol(ANA)
    group = jpeg(load_picture(GROUP))
    most = world.settings.images.max_pixels
    photo = world.photo(group)
    choose = FaceIn(Box(*BEA.face))
    with closing(Database(world.settings.database)) as database:
        nobody = MatchPolicy(world.pack.threshold, max_distance=0)
        recorder = Recorder(database, ONCE, nobody, world.pack.contract.id)
        face = recognise(group, world.pack, most, choose=choose)
        recorder.record([Recognised(delivery(), parse_job(photo.job()), face)])

    moved = soloface("reembed", "--to", insightface_folder, "--photos", "--leave-behind", "--json")

    assert (moved.json["faces"], moved.json["faces_left"]) == (1, {})
    assert list(moved.json["left_behind"]) == [str(ids[ANA.name])]
    expected = recognise(group, insightface_pack, most, choose=choose)
    stored = world.rows("photo_faces")[photo.id]["embedding"]
    assert stored.to_numpy() == pytest.approx(expected.embedding, abs=1e-5)
