"""What a run came to, for programs: no vectors, no photos, no people by name."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.accuracy.far_table import as_dict as far_table
from benchmarks.accuracy.run import PackResult, Run


def far_tables(run: Run) -> dict[str, object]:
    """Which distance keeps to which FAR, by pack."""
    return {
        "packs": [
            far_table(
                one.faces.name, one.faces.contract, one.faces.threshold, one.sets, one.several
            )
            for one in run.packs
        ]
    }


def as_dict(run: Run) -> dict[str, object]:
    """For JSON; no vectors."""
    return {
        "sets": {
            one.name: {"people": len(set(one.people)), "photos": len(one.paths)} for one in run.sets
        },
        "packs": [_pack(found) for found in run.packs],
        "ahead": run.ahead,
    }


def _pack(found: PackResult) -> Mapping[str, object]:
    return {
        "pack": found.faces.name,
        "contract": found.faces.contract,
        "threshold": found.faces.threshold,
        "photos": {
            one.name: {"offered": one.offered, "refused": dict(one.refused)}
            for one in found.faces.groups
        },
        "sets": {
            one.faces.name: {
                "people": len(one.faces.names),
                "photos": len(one.faces.people),
                "genuine_pairs": one.genuine_pairs,
                "impostor_pairs": one.impostor_pairs,
                "users": one.users,
                "figures": one.figures,
            }
            for one in found.judged
        },
        "crossed": found.crossed,
        "neighbours": found.neighbours,
        "unlike": found.unlike,
        "limits_compared": found.compared,
        "limits_carried": found.carried,
        "limits_derived": found.derived,
        "limits_by_user": found.by_user,
    }
