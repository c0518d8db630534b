"""How rules for photos of several faces are judged."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.bystanders.boxes import MANNERS, by_middles, by_overlap, counted, drawn_by, overlap
from benchmarks.bystanders.judging import by_size, by_size_and_place, cut_out, judge
from benchmarks.bystanders.report import measured, pages, said
from benchmarks.bystanders.scenes import Scene
from dataflow.faces.choosing import SHIPPED, clear_subject
from dataflow.faces.face import Box

SIDE = 1000.0


def square(x: float, y: float, side: float) -> Box:
    return Box(x - side / 2, y - side / 2, x + side / 2, y + side / 2)


def scene(person: str, *faces: Box, subject: int | None = None) -> Scene:
    return Scene("set", person, f"{person}.jpg", SIDE, SIDE, faces, (), subject)


MIDDLE, SMALL, ASIDE = square(500, 500, 300), square(100, 100, 100), square(150, 150, 210)
SCENES = [
    scene("ana", MIDDLE, subject=0),
    scene("ana", MIDDLE, SMALL, subject=0),
    scene("bea", MIDDLE, subject=0),
    scene("bea", SMALL, MIDDLE, subject=0),
    scene("caro", MIDDLE, ASIDE),
    scene("", MIDDLE, SMALL),
    scene("", MIDDLE, MIDDLE),
]


def test_a_rule_is_right_wrong_or_unknown_and_groups_are_counted_apart() -> None:
    found = judge(SCENES, SCENES[-1:], by_size(0.5))

    assert (found.of, found.right, found.wrong, found.unknown) == (3, 1, 1, 0)
    assert (found.groups, found.groups_of, found.cuts, found.cuts_of) == (1, 2, 0, 1)
    assert (found.people, found.people_of) == (0, 1)


def test_the_shipped_rule_is_judged_like_any_other() -> None:
    found = judge(SCENES, [], clear_subject)

    assert found == judge(SCENES, [], by_size_and_place(SHIPPED))
    assert (found.right, found.wrong, found.unknown, found.people) == (1, 1, 1, 1)
    stricter = judge(SCENES, [], by_size_and_place(replace(SHIPPED, in_the_middle=0.6)))
    assert (stricter.unknown, stricter.people) == (0, 0)


def test_a_share_of_one_takes_the_largest_and_equals_none() -> None:
    rule = by_size(1)

    assert rule([SMALL, MIDDLE], SIDE, SIDE) == 1
    assert rule([MIDDLE, MIDDLE], SIDE, SIDE) is None
    assert rule([MIDDLE], SIDE, SIDE) == 0


def test_parts_of_a_group_show_just_those_who_were_cut_out() -> None:
    row = [square(x, 500, 100) for x in (100, 300, 500, 900)]

    cuts = cut_out([scene("", *row)])

    assert {len(cut.faces) for cut in cuts} == {2, 3, 4}
    for cut in cuts:
        assert 0 < cut.width <= SIDE
        assert 0 < cut.height <= SIDE
        assert all(
            0 <= face.middle[0] <= cut.width and 0 <= face.middle[1] <= cut.height
            for face in cut.faces
        )
    first = min(cuts, key=lambda cut: cut.width)
    assert [face.long_side for face in first.faces] == [100, 100]


def test_boxes_of_any_manner_find_their_face_by_their_middles() -> None:
    crowd = scene("", square(200, 500, 200), square(500, 500, 200), square(800, 500, 200))

    for manner in MANNERS.values():
        assert counted(drawn_by(manner, [crowd]), by_middles) == {"right": 3}
    half = drawn_by(MANNERS["half as large"], [crowd])
    assert counted(half, by_overlap(0.3)) == {"none": 3}


@pytest.mark.parametrize(
    ("other", "share"),
    [(square(500, 500, 300), 1), (square(500, 500, 150), 0.25), (square(100, 100, 10), 0)],
)
def test_overlap_is_intersection_over_union(other: Box, share: float) -> None:
    assert overlap(MIDDLE, other) == pytest.approx(share)
    assert overlap(other, MIDDLE) == pytest.approx(share)


def test_a_run_becomes_three_tables_that_name_nobody() -> None:
    run = measured("open-1", SCENES)

    tables = list(pages(run))
    text = said(run) + str(tables)

    assert [len(table.rows) for table in tables] == [9, 7, 8]
    assert all(len(row) == len(table.columns) for table in tables for row in table.rows)
    assert not any(scene.person and scene.person in text for scene in SCENES)
    assert "3 photos of one person and 2 group photos show several faces" in text
