"""How much is measured: enough to see that it works, to believe it, or to publish it."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.photos import SIZES


@dataclass(frozen=True, slots=True)
class Size:
    """``rounds`` of ``round_s`` seconds for each lane of each scene, and the other parts' sizes.

    ``growth_jobs`` wait in the queue while ``growth_photos`` of them are settled, among
    ``growth_users``.
    """

    photos: tuple[str, ...]
    packs: int
    latencies_ms: tuple[int, ...]
    scaling_on: str
    rounds: int
    round_s: float
    thread_photos: int
    plumbing_jobs: int
    starts: int
    idle_s: float
    scenes_of_people: int
    growth_jobs: int
    growth_photos: int
    growth_users: int


NAMED = {
    "smoke": Size(
        photos=("500 px",),
        packs=1,
        latencies_ms=(0, 100),
        scaling_on="",
        rounds=1,
        round_s=0.3,
        thread_photos=10,
        plumbing_jobs=300,
        starts=1,
        idle_s=0.5,
        scenes_of_people=1,
        growth_jobs=300,
        growth_photos=100,
        growth_users=100,
    ),
    "default": Size(
        photos=tuple(SIZES),
        packs=2,
        latencies_ms=(0, 20, 100),
        scaling_on="2 MP",
        rounds=5,
        round_s=5,
        thread_photos=200,
        plumbing_jobs=5_000,
        starts=3,
        idle_s=5,
        scenes_of_people=9,
        growth_jobs=20_000,
        growth_photos=5_000,
        growth_users=1_000,
    ),
    "full": Size(
        photos=tuple(SIZES),
        packs=2,
        latencies_ms=(0, 20, 100),
        scaling_on="2 MP",
        rounds=9,
        round_s=8,
        thread_photos=500,
        plumbing_jobs=20_000,
        starts=5,
        idle_s=20,
        scenes_of_people=9,
        growth_jobs=100_000,
        growth_photos=20_000,
        growth_users=100_000,
    ),
}
