"""Step 4: decode the photo, find the one face that counts, embed it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

import structlog

from dataflow.faces.choosing import Chooser, FaceIn, only_face
from dataflow.faces.face import BgrImage, Box, EmbeddedFace, Face, FacePack
from dataflow.faces.image import Preview, decode_preview
from dataflow.faces.quality import OFF, QualityPolicy, measure
from dataflow.jobs.errors import DataError
from dataflow.jobs.job import BoxHint
from dataflow.jobs.outcome import Retry, Settled, sent_back
from dataflow.jobs.reason import Reason
from dataflow.jobs.stages import Stage, Stopwatch
from dataflow.steps.request import Fetched, Recognised

log = structlog.get_logger()


def recognise(  # noqa: PLR0913 - a photo, two networks, and all that a photo must pass
    image: bytes,
    pack: FacePack,
    max_pixels: int,
    quality: QualityPolicy = OFF,
    *,
    watch: Stopwatch | None = None,
    choose: Chooser = only_face,
) -> EmbeddedFace:
    """Embed the face of a photo that counts, if its picture is good enough.

    ``watch`` takes the time of the stages. ``choose`` says which face counts; by default a photo
    must show exactly one.

    Detectors look at a few hundred pixels, so a large JPEG is decoded small, and once more in finer
    detail only where the face turns out to need it.

    Raises:
        DataError: ``image_undecodable``, ``image_too_large``, ``no_face`` or ``low_quality``, or
            what ``choose`` raises.
    """
    watch = watch or Stopwatch()
    with watch(Stage.DECODE):
        photo = decode_preview(image, max_pixels=max_pixels, long_side=pack.procedure.preview_px)
    with watch(Stage.DETECT):
        found = pack.detect(photo.pixels)
    if not found:
        raise DataError(Reason.NO_FACE, "no face found")
    height, width = photo.pixels.shape[:2]
    whole = [face.box.scaled(photo.reduction, photo.reduction) for face in found]
    place = choose(whole, width * photo.reduction, height * photo.reduction)
    face = found[place]
    with watch(Stage.DECODE):
        pixels, face = _in_detail(image, photo, face, pack, max_pixels)
    with watch(Stage.EMBED):
        reduction = width * photo.reduction / pixels.shape[1]
        measured = measure(pixels, face, reduction)
        quality.require(measured)
        embedding = pack.embed(pixels, face)
    return EmbeddedFace(whole[place], face.score, embedding, measured, len(found) - 1)


def chooser(bbox: BoxHint | None, *, by_bbox: bool) -> Chooser:
    """Which face of a photo counts: the only one, or the one in a box that may choose."""
    if bbox is None or not by_bbox:
        return only_face
    return FaceIn(Box(bbox.x1, bbox.y1, bbox.x2, bbox.y2))


def _in_detail(
    image: bytes, photo: Preview, face: Face, pack: FacePack, max_pixels: int
) -> tuple[BgrImage, Face]:
    """The pixels to cut the face out of, and where it is in them."""
    if photo.reduction == 1:
        return photo.pixels, face
    enlarged = pack.magnification(face) / pack.procedure.max_magnification
    if enlarged <= 1:
        return photo.pixels, face
    height, width = photo.pixels.shape[:2]
    needed = max(height, width) * enlarged
    finer = decode_preview(image, max_pixels=max_pixels, long_side=ceil(needed)).pixels
    return finer, face.scaled(finer.shape[1] / width, finer.shape[0] / height)


@dataclass(frozen=True, slots=True)
class Recognition:
    """Recognises faces. ``pack`` is a call, so that it loads when needed.

    ``by_bbox`` says whether a job's own box chooses the face.
    """

    pack: Callable[[], FacePack]
    max_pixels: int
    retry_delay_s: float
    quality: QualityPolicy = OFF
    by_bbox: bool = False

    def embed(self, photo: Fetched) -> Recognised | Settled | Retry:
        """Recognise the face of one photo; from many threads at a time."""
        watch = Stopwatch()
        return self._recognised(photo, watch).after(watch.laps)

    def _recognised(self, photo: Fetched, watch: Stopwatch) -> Recognised | Settled | Retry:
        delivery, job = photo.delivery, photo.job
        try:
            face = recognise(
                photo.image,
                self.pack(),
                self.max_pixels,
                self.quality,
                watch=watch,
                choose=chooser(job.bbox, by_bbox=self.by_bbox),
            )
        except DataError as error:
            return Settled(delivery, job, error.reason, str(error))
        except Exception as error:
            # One image must not stop the flow: it comes back, and is given up after a few times.
            log.exception("recognition_failed", photo_id=str(job.photo_id))
            return sent_back(delivery, job, error, self.retry_delay_s)
        return Recognised(delivery, job, face)
