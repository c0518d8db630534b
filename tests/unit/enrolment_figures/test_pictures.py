"""What photos bring and cost, and users who are known by several."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from benchmarks.accuracy.faces import Faces
from benchmarks.enrolment.brought import Bringing, Signs, signs
from benchmarks.enrolment.changes import HIDDEN, changes
from benchmarks.enrolment.pictures import MEASURES, Pictures
from benchmarks.enrolment.report import Findings, pages, said
from benchmarks.enrolment.several import WAYS, compared, each, mean, searches, weighted, without
from benchmarks.enrolment.viewing import chosen
from dataflow.faces.quality import OFF, STRICT
from dataflow.gallery.made_up import disturbed, unit
from tests.unit.accuracy.people import faces_of

GOOD = (0.9, 60, 0.2, 120, 0, 0, 12, 0.07)


def pictures_of(people: int, photos: int, similarity: float = 0.8) -> tuple[Pictures, Faces]:
    """Each person's first photo also half hidden, which makes it like nobody, and too bright, which
    makes it like everybody's that is too bright."""
    faces = faces_of(people, photos, similarity)
    rng = np.random.default_rng(1)
    first = faces.embeddings[::photos]
    glare = unit(np.ones((1, first.shape[1]), np.float32))
    hidden = disturbed(first, rng, (0.2, 0.2))
    bright = disturbed(np.repeat(glare, people, axis=0), rng, (0.95, 0.95))
    return (
        Pictures(
            np.concatenate([faces.embeddings, hidden, bright]),
            np.array(
                [GOOD] * len(faces.people)
                + [(0.7, 60, 0.2, 120, 30, 0, 9, 0.4)] * people
                + [(0.9, 60, 0.2, 250, 0, 0, 6, 0.1)] * people
            ),
            [*faces.people, *faces.people[::photos], *faces.people[::photos]],
            [*faces.paths, *faces.paths[::photos], *faces.paths[::photos]],
            [""] * len(faces.people) + ["hidden side"] * people + ["light 5"] * people,
        ),
        faces,
    )


PICTURES, FACES = pictures_of(30, 3)


def test_a_good_photo_brings_a_hidden_one_little_and_one_like_many_strangers_costs() -> None:
    bringing = Bringing(PICTURES, FACES)
    bringing.price = 10
    good, hidden, bright = bringing.by_change()

    assert (good.what, hidden.what, bright.what) == ("as they are", "hidden side", "light 5")
    assert good.brings.value > 0.9
    assert good.brings.low <= good.brings.value <= good.brings.high
    assert hidden.brings.value < 0.1


def test_what_is_near_to_strangers_pays_to_refuse() -> None:
    bringing = Bringing(PICTURES, FACES)
    (low, *_, high) = bringing.by_measure("brightness")

    assert "245 to 256" in high.what
    assert high.photos == 30
    assert high.brings.value == 0
    assert high.costs.value >= low.costs.value


def test_landmarks_apart_and_a_short_vector_tell_a_bad_photo() -> None:
    assert list(signs(PICTURES)) == [
        Signs("as they are", 0, 0),
        Signs("hidden side", 1, 1),
        Signs("light 5", 0, 1),
    ]


def test_a_policy_is_judged_by_what_it_refuses() -> None:
    bringing = Bringing(PICTURES, FACES)
    assert bringing.refused("off", OFF).photos == 0
    assert bringing.refused("strict", STRICT).photos == 30


def test_photos_of_people_without_another_one_tell_nothing() -> None:
    pictures, _ = pictures_of(12, 1)
    bringing = Bringing(pictures, faces_of(12, 2, 0.8))
    assert all(brought.photos == 0 for brought in bringing.by_change())


def test_a_user_is_known_by_the_mean_by_a_weighted_one_or_by_each_photo() -> None:
    vectors = np.eye(2, 4, dtype=np.float32)
    measures = np.array([GOOD, (0.5, 60, 0.2, 120, 0, 0, 12, 0.9)])

    assert mean(vectors, measures)[0] == pytest.approx([0.5**0.5, 0.5**0.5, 0, 0])
    assert len(each(vectors, measures)) == 2
    score = MEASURES.index("score")
    heavier = weighted(lambda m: m[:, score] - 0.5)(vectors, measures)[0]
    assert heavier[0] > 5 * heavier[1] > 0
    apart = without(lambda m: m[:, -1] > 0.2)
    assert apart(vectors, measures)[0] == pytest.approx([1, 0, 0, 0])
    assert apart(vectors[1:], measures[1:])[0] == pytest.approx([0, 1, 0, 0])


def test_a_photo_of_each_user_is_left_to_be_sought_and_none_that_is_enrolled() -> None:
    found = searches(PICTURES, mean, draws=2)

    assert found.users == 20
    assert found.enrolled.sum() == 2 * 20
    assert (~found.enrolled).sum() == 2 * 10 * 3
    assert found.first[found.enrolled].mean() > 0.9


def test_where_one_photo_is_poor_it_is_among_those_enrolled() -> None:
    plain = searches(PICTURES, mean, draws=2)
    poor = searches(PICTURES, mean, poor=HIDDEN, draws=2)

    assert poor.enrolled.sum() == 2 * 20
    known = poor.near[poor.enrolled, 0].mean()
    assert known > plain.near[plain.enrolled, 0].mean() + 0.02


def test_all_ways_are_compared_with_the_mean_on_each_set_and_where_photos_are_poor() -> None:
    found = list(compared(PICTURES, ["made-up"], draws=1))

    assert len(found) == 3 * len(WAYS)
    assert found[0].name == "made-up"
    assert [one.way for one in found[: len(WAYS)]] == list(WAYS)
    assert all(one.rank_1_gain.value == 0 for one in found if one.way == "mean")


def test_everything_is_said_in_tables() -> None:
    findings = Findings("open", "open-1", known=list(compared(PICTURES, ["made-up"], draws=1)))
    bringing = Bringing(PICTURES, FACES)
    findings.changes = list(bringing.by_change())
    findings.signs = list(signs(PICTURES))
    findings.policies = [bringing.refused("strict", STRICT)]

    tables = {page.title: page for page in pages(findings)}

    assert list(tables) == [
        "Photos that a policy refuses",
        "What tells a bad photo",
        "Photos by what was done to them",
        "Several photos of a user",
    ]
    for page in tables.values():
        assert {len(row) for row in page.rows} == {len(page.columns)}
    assert "open (open-1)" in said(findings)


def test_one_photo_is_worsened_of_whoever_has_several_always_the_same_one() -> None:
    shown = [("a", "1"), ("b", "2"), ("a", "3"), ("a", "4")]
    assert chosen(shown) == chosen(shown)
    assert len(chosen(shown)) == 1
    assert chosen(shown) <= {"1", "3", "4"}


def test_changes_are_in_pixels_of_the_face() -> None:
    photo = np.random.default_rng(0).integers(0, 255, (300, 240, 3)).astype(np.uint8)
    landmarks = np.array([(80, 120), (160, 120), (120, 162), (88, 200), (152, 200)], np.float32)
    done = {
        name: cv2.imdecode(np.frombuffer(change(photo), np.uint8), cv2.IMREAD_COLOR)
        for name, change in changes(landmarks)
    }

    assert set(HIDDEN) <= set(done)
    small = done["small 12"]
    assert small is not None
    assert small.shape[1] == pytest.approx(240 * 12 / 80, abs=1)
    below, eyes = done["hidden below"], done["hidden eyes"]
    assert below is not None
    assert eyes is not None
    assert np.abs(below[195:205, 100:140].astype(int) - 110).max() < 20
    assert np.abs(eyes[115:125, 70:170].astype(int) - 110).max() < 20
    names = [name for name, _ in changes(np.asarray(landmarks / 10, np.float32))]
    assert [name for name in names if name.startswith("small")] == ["small 6"]
