"""Moving to another model where photos show others beside whom they are of."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from uuid import uuid4

from connectors.postgres.connection import Database
from connectors.postgres.photos.recorder import Recorder
from dataflow.faces.choosing import FaceIn
from dataflow.faces.face import Box, FacePack
from dataflow.jobs.job import parse_job
from dataflow.process.retry import LinearBackoff
from dataflow.steps.matching import MatchPolicy
from dataflow.steps.recognition import recognise
from dataflow.steps.request import Recognised
from soloface.cli.demo.changes import jpeg
from soloface.cli.demo.people import ENROLLED, GROUP, load_picture
from tests.builders import delivery
from tests.fixtures.worker import Soloface
from tests.world import World

ANA, BEA = ENROLLED[:2]
