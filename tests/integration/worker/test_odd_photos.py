"""Whatever program wrote a photo, the person is matched whom a plain JPEG of it would name."""

from __future__ import annotations

import io

import numpy as np
import pillow_heif
from PIL import Image

from dataflow.jobs.reason import Reason
from soloface.cli.demo.people import ENROLLED, GROUP, Person, load_picture
from tests import metadata
from tests.fixtures.worker import Log, MakeWorld, RunWorker
from tests.odd_pictures import CORPUS, Files, stored, with_clean_aperture, written

ANA, EMIL, GWEN = ENROLLED[0], ENROLLED[4], ENROLLED[6]
UPSIDE_DOWN, SIDEWAYS = 3, 6
TRIED = {
    "JPEG": (
        "maker's name beyond the end",
        "as LONG, big endian",
        "no end marker",
        "progressive, no end marker",
        "CMYK",
    ),
    "PNG": (
        "maker's name of absurd length",
        "little endian, as ImageMagick writes it",
        "last 12 bytes missing",
        "bad colour profile",
        "16 bits",
    ),
    "WebP": ("big endian, with the prefix", "animated b'Exif\\x00\\x00'", "cut in XMP"),
    "HEIC": ("EXIF: big endian", "XMP says otherwise", "tiles", "12 bits"),
    "AVIF": ("EXIF: resolution unit of a wrong type", "XMP says otherwise", "alpha"),
}


def seen(person: Person) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(person.portrait()[:, :, ::-1]))


def forms(person: Person, orientation: int) -> Files:
    for kind, names in TRIED.items():
        files = dict(CORPUS[kind](seen(person), orientation))
        yield from ((f"{kind}: {name}", files[name]) for name in names)


def grey_of_ten_bits(person: Person) -> bytes:
    grey = np.asarray(seen(person).convert("L")).astype(np.uint16) * 257
    file = io.BytesIO()
    pillow_heif.from_bytes("L;16", grey.shape[::-1], grey.tobytes()).save(file, quality=90)
    return file.getvalue()


def cropped_to_the_left_one() -> bytes:
    """Ana and Bea stand on it, but it is to be shown without Bea."""
    two = Image.fromarray(load_picture(GROUP)[100:500, 20:460, ::-1])
    data = written(two, "AVIF", quality=80, icc_profile=bytes(28))
    aperture = (200, 1, 330, 1, -120, 1, 35, 1)
    return with_clean_aperture(data, b"".join(n.to_bytes(4, "big", signed=True) for n in aperture))


def upright_with_stale_xmp(person: Person) -> bytes:
    return written(seen(person), "AVIF", quality=80, xmp=metadata.xmp(UPSIDE_DOWN))


def test_whoever_wrote_the_file_the_person_on_it_is_matched(
    make_world: MakeWorld, run_worker: RunWorker, log: Log
) -> None:
    world = make_world(MATCH__MAX_DISTANCE="0.55")
    users = world.enrol(*ENROLLED)
    files = [
        *((GWEN, *file) for file in forms(GWEN, SIDEWAYS)),
        *((EMIL, *file) for file in forms(EMIL, UPSIDE_DOWN)),
        (GWEN, "HEIC: grey of 10 bits", grey_of_ten_bits(GWEN)),
        (ANA, "AVIF: cropped", cropped_to_the_left_one()),
        (EMIL, "AVIF: stale XMP", upright_with_stale_xmp(EMIL)),
    ]
    cut = written(stored(seen(GWEN), 1), "JPEG")
    photos = [world.photo(data) for _, _, data in files]
    damaged = world.photo(cut[: len(cut) // 2])

    run_worker()
    sequences = world.publish(*(photo.job() for photo in (*photos, damaged)))
    log.wait_settled(sequences)

    outcomes, matches = world.rows("face_match_outcomes"), world.rows("face_matches")
    assert outcomes[damaged.id]["reason"] == Reason.IMAGE_UNDECODABLE
    for (person, name, _), photo in zip(files, photos, strict=True):
        assert (name, outcomes[photo.id]["reason"]) == (name, Reason.MATCHED)
        assert (name, matches[photo.id]["user_id"]) == (name, users[person.name])
