"""What the benchmark makes of its measurements."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from benchmarks.answers import labelled_photos, verification
from benchmarks.figures import figures
from benchmarks.growth import Growth, Moment
from benchmarks.measure import Sample, Series, cpu_ratio, ratio, take_turns
from benchmarks.report import write_markdown
from benchmarks.results import Results, SceneResult


def series(*rates: float, cpu_s: float = 1.0) -> Series:
    return Series(tuple(Sample(round(10 * rate), 10, cpu_s * rate) for rate in rates))


@dataclass
class NotingLane:
    """Does a hundred photos a second and notes when it was asked."""

    name: str
    diary: list[str]
    asked: list[int] = field(default_factory=list)

    def round(self, photos: int) -> Sample:
        self.diary.append(self.name)
        self.asked.append(photos)
        return Sample(photos, photos / 100, 0)


def test_lanes_take_turns_in_another_order_each_time() -> None:
    diary: list[str] = []
    lanes = {name: NotingLane(name, diary) for name in "abc"}
    done: list[None] = []
    found = take_turns(lanes, rounds=3, round_s=2, done=lambda: done.append(None))
    assert "".join(diary) == "aabbcc" + "abc" + "bca" + "cab"
    assert len(done) == 3 * (3 + 1)
    assert [len(taken.samples) for taken in found.values()] == [3, 3, 3]
    assert lanes["a"].asked == [4, 8, 200, 200, 200]


def test_a_ratio_compares_round_with_round() -> None:
    # A slow moment of the machine, in both lanes' second round, changes nothing.
    assert ratio(series(20, 2, 20), series(10, 1, 10)) == pytest.approx(2)


def test_processor_time_compares_the_other_way_round() -> None:
    dear, cheap = series(10, cpu_s=0.4), series(10, cpu_s=0.1)
    assert cpu_ratio(dear, cheap) == pytest.approx(0.25)


def results() -> Results:
    lanes = {
        "loop": series(10),
        "limit": series(12, cpu_s=0.9),
        "decode-floor": series(100, cpu_s=0.05),
        "worker, store 0 ms": series(9.6),
        "worker, store 100 ms": series(8),
        "naive": series(1.5),
    }
    return Results("smoke", scenes=[SceneResult("a pack", "2 MP", lanes)])


def test_the_figures_say_whether_they_were_reached() -> None:
    met = {figure.what.partition(": ")[2]: figure.met for figure in figures(results())}
    assert {what: reached for what, reached in met.items() if reached is not None} == {
        "worker / loop, store 0 ms": True,
        "worker / loop, store 100 ms": False,
        "loop / limit, processor time": True,
        "worker / naive worker": True,
    }


def test_what_must_be_decoded_counts_as_necessary() -> None:
    (share,) = [f for f in figures(results()) if "decode floor" in f.what]
    assert share.measured == pytest.approx(0.95)
    assert share.met is None


def test_growth_has_its_own_place_on_the_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    marks = (
        "<!-- measured -->\nkept\n<!-- end -->\n\n<!-- measured: growth -->\nold\n<!-- end -->\n"
    )
    page.write_text(marks)
    moments = tuple(Moment(100 * n, n, 200, 9, 1) for n in range(11))
    write_markdown(Results("smoke", growth=Growth(2000, 5, moments)), page)
    text = page.read_text()
    assert "kept" in text
    assert "old" not in text
    assert "2,000 jobs queued, 5 users" in text


def test_a_page_is_rewritten_between_its_marks_only(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("Before.\n\n<!-- measured -->\nold\n<!-- end -->\n\nAfter.\n")
    write_markdown(results(), page)
    text = page.read_text()
    assert text.startswith("Before.\n\n<!-- measured -->\n")
    assert text.endswith("<!-- end -->\n\nAfter.\n")
    assert "old" not in text
    assert "| loop | 10.0 |" in text


def test_growth_is_the_last_tenth_beside_the_first() -> None:
    times = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11]
    moments = tuple(Moment(100 * n, at, 200 + n / 10, 9, 1) for n, at in enumerate(times))
    growth = Growth(queued=2000, users=5, moments=moments)
    assert growth.last_to_first == pytest.approx(0.5)
    assert growth.rss_slope == pytest.approx(1.0)
    assert growth.is_level


def test_verification_tells_a_good_recogniser_from_a_blind_one() -> None:
    people = np.repeat(["a", "b", "c"], 4)
    perfect = np.where(people[:, None] == people[None, :], 0.1, 0.9).astype(np.float32)
    good = verification(perfect, people)
    assert (good.auc.value, good.auc.low, good.auc.high) == (1, 1, 1)
    assert (good.eer.value, good.eer.high) == (0, 0)
    blind = verification(np.full((12, 12), 0.5, np.float32), people)
    assert blind.auc.value == pytest.approx(0.5)


def test_every_labelled_photo_says_what_is_on_it() -> None:
    photos = list(labelled_photos(scenes_of_people=0))
    assert len({photo.person for photo in photos if photo.person}) == 9
    assert {photo.count for photo in photos} == {0, 1, 2, None}
    assert all(photo.count == 1 for photo in photos if photo.person)
