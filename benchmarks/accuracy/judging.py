"""One pack on one set: all figures, and by how much another pack is ahead on the same photos."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from benchmarks.accuracy.faces import Faces
from benchmarks.accuracy.identification import identify_all
from benchmarks.accuracy.limits import FPIRS
from benchmarks.accuracy.resampling import Estimates, Figure, difference, figure, person_weights
from benchmarks.accuracy.verification import TAR_FARS, Verification, verify
from dataflow.gallery.calibration import Pairs, Share

LEAST_PEOPLE = 4
"""With fewer, one stranger leaves too few users to compare the nearest with."""

COMPARED: Mapping[str, str] = {
    "auc": "AUC",
    "eer": "EER",
    **{f"tar_{far:g}": f"TAR at FAR {far:g}" for far in TAR_FARS},
    "rank_1": "rank-1, one photo enrolled",
    "leave_one_out": "rank-1, leave-one-out",
    **{f"right_{fpir:g}": f"right tags at FPIR {fpir:.0%}" for fpir in FPIRS},
}
"""Measures at equal cost, by which packs are compared."""

AT_SHIPPED: Mapping[str, str] = {
    "far": "FAR",
    "tar": "TAR",
    "fpir": "FPIR: strangers' photos tagged",
    "fnir": "FNIR: enrolled people's not tagged rightly",
    "right": "right tag",
    "wrong": "wrong tag",
    "none": "no tag",
}
"""Measures at the threshold that the pack ships."""


@dataclass(frozen=True)
class Judged:
    """One pack on one set.

    ``users`` are enrolled in the open set; ``figures`` has what of :data:`COMPARED` and
    :data:`AT_SHIPPED` so many photos can tell.
    """

    faces: Faces
    users: int
    genuine_pairs: int
    impostor_pairs: int
    figures: Mapping[str, Figure]
    verification: Verification


def judge(faces: Faces, threshold: float, shape: Estimates | None = None) -> Judged | None:
    """Judge one set; ``None`` if its photos tell nothing.

    Args:
        faces: of the set.
        threshold: the distance that the pack ships.
        shape: of the tail of all sets together.
    """
    if len(faces.names) < LEAST_PEOPLE:
        return None
    pairs = Pairs(faces.embeddings, faces.people)
    weights = person_weights(len(faces.names))
    verified = verify(pairs, weights, shape)
    if verified is None:
        return None
    found = identify_all(faces, weights, threshold)
    photos, genuine = len(faces.people), len(pairs.genuine)
    shipped = pairs.at(threshold)
    figures = {
        "auc": figure(verified.auc),
        "eer": figure(verified.eer),
        **{f"tar_{far:g}": figure(share, genuine) for far, share in verified.tar.items()},
        "rank_1": figure(found.rank_1, photos),
        "leave_one_out": figure(found.leave_one_out, photos),
        **{f"right_{fpir:g}": figure(share, photos) for fpir, share in found.right_at.items()},
        "far": _shared(shipped.far),
        "tar": _shared(shipped.tar),
        "fpir": figure(found.fpir, photos),
        "fnir": figure(1 - found.right, photos),
        "right": figure(found.right, photos),
        "wrong": figure(found.wrong, photos),
        "none": figure(found.none, photos),
    }
    return Judged(faces, found.users, genuine, len(pairs.impostor), figures, verified)


def compare(one: Faces, other: Faces) -> dict[str, Figure]:
    """By how much the one pack is above the other, on the photos where both find one face.

    The intervals are of the difference: the same people are drawn for both. Empty where the photos
    tell nothing.
    """
    paths = set(one.paths) & set(other.paths)
    both = [dict(_compared(faces.of(paths))) for faces in (one, other)]
    return {
        name: difference(both[0][name], both[1][name])
        for name in COMPARED
        if all(name in estimates for estimates in both)
    }


def _compared(faces: Faces) -> Iterator[tuple[str, Estimates]]:
    if len(faces.names) < LEAST_PEOPLE:
        return
    weights = person_weights(len(faces.names))
    verified = verify(Pairs(faces.embeddings, faces.people), weights)
    if verified is None:
        return
    found = identify_all(faces, weights, 0)
    yield "auc", verified.auc
    yield "eer", verified.eer
    for far, share in verified.tar.items():
        yield f"tar_{far:g}", share
    yield "rank_1", found.rank_1
    yield "leave_one_out", found.leave_one_out
    for fpir, share in found.right_at.items():
        yield f"right_{fpir:g}", share


def _shared(share: Share) -> Figure:
    return Figure(share.value, *share.range_95)
