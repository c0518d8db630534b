"""What may happen, and how often, as hypothesis draws it."""

from __future__ import annotations

from hypothesis import strategies as st

from connectors.postgres.tags.decisions import Word
from tests.builders import photo, user
from tests.faults.law.happenings import (
    FACE_DEGREES,
    GALLERIES,
    MAX_DISTANCES,
    MIN_MARGINS,
    PHOTOS,
    USER_DEGREES,
    USERS,
    Agree,
    Enrol,
    Erase,
    Forget,
    Happening,
    Job,
    Rematch,
    RematchAll,
    Rewrite,
    Say,
    Start,
    Statement,
)
from tests.fixtures.recording import MODEL, direction

users = st.sampled_from(USERS)
photos = st.sampled_from(PHOTOS)
indices = st.sampled_from((0, 0, 0, 1))
user_degrees = st.sampled_from(USER_DEGREES)
face_degrees = st.sampled_from(FACE_DEGREES)
stale = st.sampled_from((False, False, False, True))
galleries = st.sampled_from(GALLERIES)


def enrolled_by_hand(number: int, degrees: float) -> Statement:
    return Statement(
        "insert into users (id, face_embedding, face_embedding_model) values (%s, %s, %s) "
        "on conflict (id) do update set face_embedding = excluded.face_embedding, "
        "face_embedding_model = excluded.face_embedding_model",
        (user(number), str(direction(degrees).tolist()), MODEL),
    )


def _for_user(text: str) -> st.SearchStrategy[Statement]:
    return users.map(lambda number: Statement(text, (user(number),)))


def _for_photo(text: str) -> st.SearchStrategy[Statement]:
    return photos.map(lambda number: Statement(text, (photo(number),)))


some_photos = st.lists(photos, min_size=1, max_size=2, unique=True).map(tuple)
jobs = st.builds(Job, some_photos, face_degrees, indices, stale, st.none() | galleries)


def _for_member(text: str) -> st.SearchStrategy[Statement]:
    return st.builds(
        lambda gallery, number: Statement(text, (gallery, user(number))), galleries, users
    )


joins = st.one_of(
    _for_member("insert into face_gallery_members values (%s, %s) on conflict do nothing"),
    st.builds(
        lambda gallery: Statement(
            "insert into face_gallery_members select %s, id from users on conflict do nothing",
            (gallery,),
        ),
        galleries,
    ),
)
memberships = st.one_of(
    joins,
    joins,
    joins,
    _for_member("delete from face_gallery_members where (gallery, user_id) = (%s, %s)"),
    st.builds(
        lambda gallery, number: Statement(
            "update face_gallery_members set gallery = %s where user_id = %s and gallery <> %s "
            "and not exists (select from face_gallery_members as other "
            "where other.user_id = face_gallery_members.user_id and other.gallery = %s)",
            (gallery, user(number), gallery, gallery),
        ),
        galleries,
        users,
    ),
    st.sampled_from(
        (Statement("truncate face_gallery_members"), Statement("delete from face_gallery_members"))
    ),
    st.builds(
        lambda gallery, number: Statement(
            "update photo_faces set gallery = %s where photo_id = %s", (gallery, photo(number))
        ),
        st.none() | galleries,
        photos,
    ),
)
words = st.one_of(
    st.builds(Say, st.just(Word.CONFIRMED), photos, users, st.none() | indices, stale),
    st.builds(Say, st.just(Word.REJECTED), photos, users, stale=stale),
    st.builds(Say, st.just(Word.NOBODY), photos, stale=stale),
    st.builds(Say, st.just(Word.FORGOTTEN), photos, st.none() | users, stale=stale),
)
enrolments = st.one_of(
    st.builds(enrolled_by_hand, users, user_degrees),
    st.builds(Enrol, st.lists(users, min_size=1, max_size=3, unique=True).map(tuple), user_degrees),
)
rare = st.one_of(
    _for_user("delete from users where id = %s"),
    _for_user("insert into users (id) values (%s) on conflict do nothing"),
    _for_photo("delete from photos where id = %s"),
    _for_photo("insert into photos (id) values (%s) on conflict do nothing"),
    _for_photo("delete from face_match_decisions where photo_id = %s"),
    st.sampled_from((Statement("truncate users cascade"), Statement("truncate photos cascade"))),
    st.builds(Erase, st.just("user"), users, st.booleans()),
    st.builds(Erase, st.just("photo"), photos, st.booleans()),
    st.builds(Agree, users),
    st.just(Forget()),
    st.just(Rewrite()),
)
un_enrolments = _for_user("update users set face_embedding = null where id = %s") | _for_user(
    "update users set face_embedding = null, face_embedding_model = null where id = %s"
)
gallery = enrolments | enrolments | un_enrolments
starts = st.builds(
    Start,
    st.sampled_from(MAX_DISTANCES),
    st.sampled_from(MIN_MARGINS),
    st.booleans(),
    st.sampled_from((False, False, False, True)),
)
rematches = st.sampled_from((Rematch(), RematchAll()))
happenings: st.SearchStrategy[Happening] = st.sampled_from(
    [jobs] * 7
    + [enrolments] * 4
    + [words] * 3
    + [memberships] * 4
    + [rematches] * 5
    + [un_enrolments, starts, rare]
).flatmap(lambda kind: kind)
"""Drawn by these weights: ``one_of`` would give each of the many rare ones as much."""
few = st.integers(1, 9)
searched = st.integers(4, 9)
"""Statements after which a job has searched, and not written yet."""
