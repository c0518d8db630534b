"""A load of mixed jobs with small photos, as many as wanted, and what each must end as."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle, islice

from dataflow.jobs.reason import Reason
from soloface.cli.demo.changes import jpeg, scaled
from soloface.cli.demo.people import ENROLLED, GROUP, LANDSCAPE, STRANGERS, load_picture
from tests.world import Photo, World

PEOPLE = ENROLLED[:3]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A job, and the reason with which it must end."""

    payload: bytes
    reason: Reason


Kind = Callable[[], Wanted]


def mixed(world: World, count: int) -> list[Wanted]:
    """So many jobs: about one half reaches the models, and every kind comes again and again."""
    return [kind() for kind in islice(cycle(_kinds(world)), count)]


def _kinds(world: World) -> list[Kind]:
    faces = [_listed(world, jpeg(person.portrait()), Reason.MATCHED) for person in PEOPLE]
    stranger = _listed(world, jpeg(STRANGERS[1].portrait()), Reason.NO_USER_WITHIN_DISTANCE)
    group = _listed(world, scaled(load_picture(GROUP), 0.5), Reason.MULTIPLE_FACES)
    empty = _listed(world, scaled(load_picture(LANDSCAPE), 0.3), Reason.NO_FACE)
    broken = _listed(world, b"no photo", Reason.IMAGE_UNDECODABLE)

    def not_listed() -> Wanted:
        photo = world.photo(listed=False)
        return Wanted(photo.job(), Reason.PHOTO_NOT_FOUND)

    return [
        faces[0],
        lambda: Wanted(world.photo().job(faces_detected=3), Reason.NOT_SINGLE_FACE_HINT),
        faces[1],
        lambda: Wanted(b'{"photo_id": 7}', Reason.MALFORMED_PAYLOAD),
        stranger,
        lambda: Wanted(world.photo().job(image_ref=None), Reason.MISSING_IMAGE_REF),
        faces[2],
        lambda: Wanted(world.photo().job(), Reason.IMAGE_NOT_FOUND),
        group,
        lambda: Wanted(world.photo().job(image_ref="../x"), Reason.INVALID_IMAGE_REF),
        empty,
        broken,
        faces[0],
        not_listed,
    ]


def _listed(world: World, image: bytes, reason: Reason) -> Kind:
    """Photos that share one image."""
    key = world.photo(image, listed=False).key

    def make() -> Wanted:
        photo = Photo(world.photo().id, key)
        return Wanted(photo.job(faces_detected=1), reason)

    return make
