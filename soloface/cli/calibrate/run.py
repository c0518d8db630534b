"""From photos to figures, and to files."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

from connectors.store.enrolment_photos import EnrolmentPhotos
from dataflow.faces.face import FacePack
from dataflow.faces.packs.loading import load_pack
from dataflow.gallery.calibration import Pairs, identify
from dataflow.gallery.enrolment import Examiner
from dataflow.jobs.errors import ConfigurationError
from dataflow.settings import load_settings
from soloface.cli.calibrate.album import Album, embed_album, find_photos
from soloface.cli.calibrate.enrolled import enrolled_photos
from soloface.cli.calibrate.page import render
from soloface.cli.calibrate.plots import draw_det, draw_distances
from soloface.cli.calibrate.report import FARS, Calibration


def calibration(
    folder: Path | None,
    most: int,
    far: float,
    on_done: Callable[[int, int], None],
    gallery: str | None = None,
) -> tuple[Calibration, Album]:
    """Look at all photos of a folder, else of the enrolled users, and compare them.

    Args:
        folder: photos as PERSON/photo.jpg; ``None``: those that users were enrolled by.
        most: so many of those are looked at, at most.
        far: the share of pairs of different people that may be taken for one person.
        on_done: is told how many photos of how many were looked at.
        gallery: of the enrolled users only its members.

    Raises:
        ConfigurationError: there are too few photos or people.
        TransientError, SystemicError: the database or the store cannot be read.
    """
    settings = load_settings()
    caveats: Sequence[str] = ()
    if folder:
        photos, pack = find_photos(folder), load_pack(settings.model)
    else:
        pack = load_pack(settings.model)
        photos, caveats = enrolled_photos(settings.database, pack.contract.id, most, gallery)
    # What was good enough once is not asked again.
    examiner = Examiner(
        pack, EnrolmentPhotos(settings).read, settings.images.max_pixels, quality="off"
    )
    threads = settings.worker.cores or len(os.sched_getaffinity(0))
    done = count(1)
    album = embed_album(photos, examiner, threads, lambda: on_done(next(done), len(photos)))
    return judge(album, pack, far, caveats), album


def judge(album: Album, pack: FacePack, far: float, caveats: Sequence[str] = ()) -> Calibration:
    """All figures of one pack on one album."""
    pairs = Pairs(album.embeddings, album.people)
    return Calibration(
        model=pack.contract.id,
        pairs=pairs,
        refused=len(album.refused),
        rows=[pairs.recommend(wanted) for wanted in FARS],
        shipped=pairs.at(pack.threshold),
        identification=identify(album.embeddings, album.people, pack.threshold),
        recommended=pairs.recommend(far),
        caveats=caveats,
    )


def write(found: Calibration, folder: Path) -> None:
    """Write the page and its pictures.

    Raises:
        ConfigurationError: the folder cannot be written, or matplotlib is missing.
    """
    threshold = found.shipped.threshold
    pictures = {
        "distances.png": draw_distances(found.pairs, threshold, found.model),
        "det.png": draw_det(found.pairs, threshold, found.model),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, png in pictures.items():
            (folder / name).write_bytes(png)
        page = folder / "calibration.html"
        page.write_text(render(found, pictures.items()), encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{folder} cannot be written: {error.strerror}") from None
