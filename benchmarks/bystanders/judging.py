"""How often a rule takes the right face, a wrong one, or one of a group where nobody is meant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, islice
from typing import TypeAlias

from benchmarks.bystanders.scenes import Scene
from dataflow.faces.choosing import SubjectRule, clear_subject
from dataflow.faces.face import Box

Rule: TypeAlias = Callable[[Sequence[Box], float, float], int | None]
"""The place of the face that it takes, if it takes one."""

_CUTS = (2, 3, 4)
_MARGINS = (0.5, 1.0, 1.5)
_MOST_CUTS = 2000


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule does with photos of several faces.

    Of the ``of`` photos of one person: taken rightly, wrongly, and where nobody can tell because
    no other photo shows the person alone. ``people`` of the ``people_of`` who have no photo without
    others got one. ``groups`` of ``groups_of`` group photos lost their others, and ``cuts`` of
    ``cuts_of`` parts of them.
    """

    of: int
    right: int
    wrong: int
    unknown: int
    people: int
    people_of: int
    groups: int
    groups_of: int
    cuts: int
    cuts_of: int


def judge(scenes: Sequence[Scene], cuts: Sequence[Scene], rule: Rule) -> Verdict:
    """What a rule comes to on all photos that show several faces."""
    several = [scene for scene in scenes if len(scene.faces) > 1]
    alone = {scene.person for scene in scenes if len(scene.faces) == 1}
    of_people = [scene for scene in several if scene.person]
    groups = [scene for scene in several if not scene.person]
    counts: Counter[str] = Counter()
    gained = set()
    for scene in of_people:
        place = _taken(scene, rule)
        if place is None:
            continue
        if scene.subject is None:
            counts["unknown"] += 1
            gained.add(scene.person)
        else:
            counts["right" if place == scene.subject else "wrong"] += 1
    return Verdict(
        len(of_people),
        counts["right"],
        counts["wrong"],
        counts["unknown"],
        len(gained),
        len({scene.person for scene in of_people} - alone),
        sum(_taken(group, rule) is not None for group in groups),
        len(groups),
        sum(_taken(cut, rule) is not None for cut in cuts),
        len(cuts),
    )


def by_size(share: float) -> Rule:
    """`MODEL__IGNORE_SMALLER`: the face beside which all others are smaller than that share."""

    def rule(faces: Sequence[Box], width: float, height: float) -> int | None:
        del width, height
        order = sorted(range(len(faces)), key=lambda place: -faces[place].long_side)
        second = faces[order[1]].long_side if len(order) > 1 else 0
        return order[0] if second < share * faces[order[0]].long_side else None

    return rule


def by_size_and_place(rule: SubjectRule) -> Rule:
    """The subject by other limits than those that are shipped."""
    return lambda faces, width, height: clear_subject(faces, width, height, rule)


def cut_out(groups: Sequence[Scene]) -> list[Scene]:
    """Parts of group photos that show two to four of the people, with more or less around them.

    As somebody may cut a photo who has no better one: nobody in it is its subject.
    """
    return [
        cut
        for group in groups
        for count in _CUTS
        for chosen in islice(combinations(group.faces, count), _MOST_CUTS)
        for cut in _cuts(group, chosen)
    ]


def _cuts(group: Scene, chosen: Sequence[Box]) -> Iterator[Scene]:
    for margin in _MARGINS:
        around = margin * max(face.long_side for face in chosen)
        left = max(0.0, min(face.x1 for face in chosen) - around)
        top = max(0.0, min(face.y1 for face in chosen) - around)
        right = min(group.width, max(face.x2 for face in chosen) + around)
        bottom = min(group.height, max(face.y2 for face in chosen) + around)
        part = Box(left, top, right, bottom)
        inside = [face for face in group.faces if part.holds(face.middle)]
        if len(inside) == len(chosen):
            faces = [
                Box(face.x1 - left, face.y1 - top, face.x2 - left, face.y2 - top) for face in inside
            ]
            yield Scene(group.name, "", group.path, right - left, bottom - top, faces)


def _taken(scene: Scene, rule: Rule) -> int | None:
    return rule(scene.faces, scene.width, scene.height)
