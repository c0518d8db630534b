"""The demo's users: enrolled as a platform does it, by portraits that lie in the store."""

from __future__ import annotations

from contextlib import closing
from uuid import UUID, uuid4

from connectors.postgres.connection import Database
from connectors.postgres.gallery.enrolments import EnrolmentRegister
from connectors.store import minio_client, put_object
from connectors.store.enrolment_photos import EnrolmentPhotos
from dataflow.faces.face import FacePack
from dataflow.gallery.enrolling import Enroller
from dataflow.gallery.enrolment import Examiner, Offer, Status
from dataflow.jobs.errors import SystemicError
from dataflow.jobs.image_ref import ImageRef
from dataflow.persons.photos import InTurn
from dataflow.settings import Settings
from soloface.cli.demo.changes import jpeg
from soloface.cli.demo.people import ENROLLED
from soloface.limits import clash_limit


def enrol_everybody(settings: Settings, pack: FacePack) -> dict[UUID, str]:
    """Enrol the demo's users; returns their names by id.

    Raises:
        SystemicError: one could not be enrolled, or a server did not answer.
    """
    store = minio_client(settings.store, connections=1)
    names, offers = {}, []
    for person in ENROLLED:
        user_id = uuid4()
        portrait = ImageRef(settings.store.bucket, f"demo/enrolled/{user_id}.jpg")
        put_object(store, portrait, jpeg(person.portrait(), quality=95))
        names[user_id] = person.name
        offers.append(Offer(user_id, (portrait.in_full,)))
    with closing(Database(settings.database)) as database:
        enroller = Enroller(
            Examiner(
                pack,
                EnrolmentPhotos(settings).read,
                settings.images.max_pixels,
                settings.enrolment.quality,
            ),
            EnrolmentRegister(database, pack.contract.id, by="the demo"),
            InTurn(),
            clash_limit(settings, pack),
        )
        for enrolment in enroller.enrol(offers):
            if enrolment.status is not Status.ENROLLED:
                name = names[enrolment.user_id]
                raise SystemicError(f"{name} could not be enrolled: {enrolment.status}")
    return names
