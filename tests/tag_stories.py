"""Changes of tags as a database may make them, drawn by hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

from dataflow.tags.change import Change, TagChange, Tags
from tests.builders import photo, tag_change, user

FACES = st.tuples(st.integers(1, 4), st.integers(0, 1))
STEPS = st.lists(st.tuples(FACES, st.none() | st.integers(1, 3), st.floats(0, 2)), max_size=30)


@st.composite
def stories(draw: st.DrawFn) -> tuple[list[TagChange], Tags]:
    """What happened to some tags, and which are there at its end."""
    changes: list[TagChange] = []
    tags: Tags = {}
    seq = 0
    for (number, index), who, distance in draw(STEPS):
        face = (photo(number), index)
        before, _ = tags.get(face, (None, None))
        now = user(who) if who else None
        change = _change(before, now)
        if change is None:
            continue
        seq += draw(st.integers(1, 3))
        measured = distance if now else None
        changes.append(
            tag_change(
                seq,
                number,
                change,
                face_index=index,
                user_id=now,
                previous_user_id=before,
                distance=measured,
            )
        )
        if now:
            tags[face] = (now, measured)
        else:
            del tags[face]
    return changes, tags


def _change(before: object, now: object) -> Change | None:
    if before is None:
        return Change.GAINED if now else None
    if now is None:
        return Change.LOST
    return Change.REMEASURED if now == before else Change.MOVED
