"""From photos to figures, and to files."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from connectors.store.enrolment_photos import EnrolmentPhotos
from dataflow.faces.face import FacePack
from dataflow.faces.packs.far_table import FarTable
from dataflow.faces.packs.loading import far_table_of, load_pack
from dataflow.gallery.bystanders import IGNORE, INSIST
from dataflow.gallery.calibration import Pairs, identify
from dataflow.gallery.enrolment import Examiner
from dataflow.gallery.open_set import Searches
from dataflow.jobs.errors import ConfigurationError
from dataflow.settings import load_settings
from soloface.cli.calibrate.album import Album, embed_album, find_photos
from soloface.cli.calibrate.crowds import ignoring
from soloface.cli.calibrate.enrolled import enrolled_photos
from soloface.cli.calibrate.page import render
from soloface.cli.calibrate.plots import draw_det, draw_distances
from soloface.cli.calibrate.report import FARS, Calibration


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a limit shall keep to: an FPIR among so many users if that is set, else a FAR.

    Without ``users`` it is as many as there are other people.
    """

    far: float
    fpir: float | None = None
    users: int | None = None


def calibration(
    folder: Path | None,
    most: int,
    wanted: Wanted,
    on_done: Callable[[int, int], None],
    gallery: str | None = None,
) -> tuple[Calibration, Album]:
    """Look at all photos of a folder, else of the enrolled users, and compare them.

    Args:
        folder: photos as PERSON/photo.jpg; ``None``: those that users were enrolled by.
        most: so many of those are looked at, at most.
        wanted: what a limit shall keep to.
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
        photos, caveats = enrolled_photos(settings, pack.contract.id, most, gallery)
    # What was good enough once is not asked again.
    examiner = Examiner(
        pack,
        EnrolmentPhotos(settings).read,
        settings.images.max_pixels,
        "off",
        INSIST if folder else IGNORE,
    )
    threads = settings.worker.cores or len(os.sched_getaffinity(0))
    done = count(1)
    album = embed_album(
        photos,
        examiner,
        threads,
        lambda: on_done(next(done), len(photos)),
        one_photo_will_do=wanted.fpir is not None,
    )
    return judge(album, pack, wanted, far_table_of(settings.model), caveats), album


def judge(
    album: Album,
    pack: FacePack,
    wanted: Wanted,
    table: FarTable | None = None,
    caveats: Sequence[str] = (),
) -> Calibration:
    """All figures of one pack on one album; ``table`` is the pack's."""
    pairs = Pairs(album.embeddings, album.people)
    searched = None
    if wanted.fpir is not None:
        searches = Searches(album.embeddings, album.people)
        searched = searches.recommend(wanted.fpir, wanted.users or pairs.people - 1)
    return Calibration(
        model=pack.contract.id,
        pairs=pairs,
        refused=len(album.refused),
        rows=[pairs.recommend(wanted) for wanted in FARS],
        shipped=pairs.at(pack.threshold),
        identification=identify(album.embeddings, album.people, pack.threshold),
        recommended=pairs.recommend(wanted.far) if searched is None else None,
        searched=searched,
        shipped_fars=table,
        ignoring=list(ignoring(album.crowds, album.embeddings, album.people)),
        caveats=caveats,
    )


def write(found: Calibration, folder: Path) -> None:
    """Write the page and its pictures.

    Raises:
        ConfigurationError: the folder cannot be written, or matplotlib is missing.
    """
    threshold = found.shipped.threshold
    pictures = {"distances.png": draw_distances(found.pairs, threshold, found.model)}
    if len(found.pairs.genuine):
        pictures["det.png"] = draw_det(found.pairs, threshold, found.model)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, png in pictures.items():
            (folder / name).write_bytes(png)
        page = folder / "calibration.html"
        page.write_text(render(found, pictures.items()), encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{folder} cannot be written: {error.strerror}") from None
