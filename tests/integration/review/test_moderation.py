"""Words that come through the web: kept, checked against what was seen, and taken back."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.postgres.connection import Database
from connectors.postgres.review.cards import versions
from connectors.postgres.review.moderation import Moderation
from connectors.postgres.tags.deciding import Rules
from connectors.postgres.tags.decisions import Decision, Decisions, Word
from dataflow.steps.matching import MatchPolicy
from dataflow.tags.refusal import Refusal, RefusedWordError
from tests.builders import photo, user
from tests.fixtures.logins import login_with
from tests.fixtures.recording import MODEL, THRESHOLD, Records


@pytest.fixture
def moderation(matched: Records) -> Iterator[Moderation]:
    """By the reviewer's login: it needs no more."""
    with (
        login_with("soloface_reviewer", matched.settings) as login,
        closing(Database(login)) as database,
    ):
        yield Moderation(Decisions(database, Rules(MatchPolicy(THRESHOLD), MODEL)))


def said(word: Word, number: int | None = None, photo_number: int = 1) -> Decision:
    return Decision(photo(photo_number), user(number) if number else None, word, "Olga")


def words(records: Records) -> list[dict[str, object]]:
    return [
        dict(row)
        for row in records.run(
            "select user_id, decision, decided_by, decided_at from face_match_decisions "
            "order by decided_at, user_id"
        )
    ]


def version(moderation: Moderation) -> str:
    with moderation.decisions.database.connection() as connection:
        return versions(connection, [photo(1)])[photo(1)]


def refusal(error: pytest.ExceptionInfo[RefusedWordError]) -> Refusal:
    return error.value.refusal


def test_a_word_takes_effect_at_once_and_is_kept_with_what_came_of_it(
    matched: Records, moderation: Moderation
) -> None:
    entry = moderation.take(said(Word.REJECTED, 1), "olga")

    assert (entry.before_user_id, entry.now_user_id) == (user(1), user(2))
    assert (entry.reason, entry.decision, entry.taken_back) == ("matched", "rejected", 0)
    assert matched.matches() == {photo(1): user(2)}
    assert moderation.own("olga", 10) == [entry]
    assert moderation.own("otto", 10) == []
    (change,) = matched.run("select cause, by from face_outbox where change = 'moved'")
    assert dict(change) == {"cause": "rejected", "by": "Olga"}


def test_a_request_that_comes_twice_is_taken_once(matched: Records, moderation: Moderation) -> None:
    first = moderation.take(said(Word.REJECTED, 1), "olga", key="k")
    moderation.take(said(Word.FORGOTTEN), "olga")

    again = moderation.take(said(Word.REJECTED, 1), "olga", key="k")

    assert again == first
    assert matched.matches() == {photo(1): user(1)}
    # The key is the person's own, and names one request.
    moderation.take(said(Word.REJECTED, 1), "otto", key="k")
    with pytest.raises(RefusedWordError) as error:
        moderation.take(said(Word.NOBODY), "olga", key="k")
    assert refusal(error) is Refusal.KEY_REUSED
    matched.add_photos(2)
    with pytest.raises(RefusedWordError) as error:
        moderation.take(said(Word.NOBODY, photo_number=2), "olga", key="k")
    assert refusal(error) is Refusal.KEY_REUSED


def test_nobody_overwrites_what_they_have_not_seen(
    matched: Records, moderation: Moderation
) -> None:
    seen = version(moderation)
    moderation.take(said(Word.CONFIRMED, 2), "olga", seen=seen)

    with pytest.raises(RefusedWordError) as error:
        moderation.take(said(Word.CONFIRMED, 1), "otto", seen=seen)

    assert refusal(error) is Refusal.CHANGED_MEANWHILE
    assert matched.matches() == {photo(1): user(2)}
    assert len(moderation.own("otto", 10)) == 0
    moderation.take(said(Word.CONFIRMED, 1), "otto", seen=version(moderation))
    assert matched.matches() == {photo(1): user(1)}


def test_of_two_at_once_one_is_told_that_the_photo_has_changed(
    matched: Records, moderation: Moderation
) -> None:
    seen = version(moderation)

    def decide(number: int) -> str:
        try:
            moderation.take(said(Word.CONFIRMED, number), f"person {number}", seen=seen)
        except RefusedWordError as error:
            return str(error.refusal)
        finally:
            moderation.decisions.database.close()
        return f"user {number}"

    with ThreadPoolExecutor(2) as pool:
        told = sorted(pool.map(decide, (2, 3)))

    assert told[0] == "changed_meanwhile"
    winner = int(told[1].removeprefix("user "))
    assert matched.matches() == {photo(1): user(winner)}


def test_a_tag_that_has_moved_by_itself_is_a_change_too(
    matched: Records, moderation: Moderation
) -> None:
    seen = version(moderation)
    matched.run("update face_matches set user_id = %s", user(3))

    with pytest.raises(RefusedWordError) as error:
        moderation.take(said(Word.CONFIRMED, 1), "olga", seen=seen)

    assert refusal(error) is Refusal.CHANGED_MEANWHILE


def test_an_undo_says_again_what_was_said_before(matched: Records, moderation: Moderation) -> None:
    moderation.take(said(Word.CONFIRMED, 2), "otto")
    before = words(matched)
    entry = moderation.take(said(Word.NOBODY), "olga")
    assert matched.matches() == {}

    undone = moderation.undo(entry.id, "olga")

    assert undone.undone_at
    assert words(matched) == before
    assert matched.matches() == {photo(1): user(2)}
    with pytest.raises(RefusedWordError) as error:
        moderation.undo(entry.id, "olga")
    assert refusal(error) is Refusal.ALREADY_UNDONE


def test_only_ones_own_last_word_can_be_taken_back(
    matched: Records, moderation: Moderation
) -> None:
    first = moderation.take(said(Word.REJECTED, 1), "olga")
    moderation.take(said(Word.CONFIRMED, 3), "otto")
    before = words(matched)

    for number, by, expected in (
        (first.id, "otto", Refusal.UNKNOWN_DECISION),
        (first.id + 99, "olga", Refusal.UNKNOWN_DECISION),
        (first.id, "olga", Refusal.CHANGED_MEANWHILE),
    ):
        with pytest.raises(RefusedWordError) as error:
            moderation.undo(number, by)
        assert refusal(error) is expected

    assert words(matched) == before


def test_an_undo_brings_nobody_back_who_has_withdrawn(
    matched: Records, moderation: Moderation
) -> None:
    matched.run("insert into users (id) values (%s)", user(9))
    moderation.take(said(Word.CONFIRMED, 9), "otto")
    entry = moderation.take(said(Word.CONFIRMED, 2), "olga")
    matched.run("insert into face_withdrawals (user_id) values (%s)", user(9))

    moderation.undo(entry.id, "olga")

    assert words(matched) == []
    assert user(9) not in matched.matches().values()


def test_a_word_about_what_is_not_there_is_refused(
    matched: Records, moderation: Moderation
) -> None:
    matched.run("insert into users (id) values (%s)", user(9))
    matched.run("insert into face_withdrawals (user_id) values (%s)", user(9))
    for decision, expected in (
        (said(Word.CONFIRMED, 1, photo_number=7), Refusal.UNKNOWN_PHOTO),
        (said(Word.CONFIRMED, 8), Refusal.UNKNOWN_USER),
        (said(Word.CONFIRMED, 9), Refusal.USER_WITHDRAWN),
        (Decision(photo(1), user(1), Word.CONFIRMED, "Olga", 4), Refusal.UNKNOWN_FACE),
    ):
        with pytest.raises(RefusedWordError) as error:
            moderation.take(decision, "olga")
        assert refusal(error) is expected
    matched.run(
        "insert into photo_faces (photo_id, face_index, embedding, bbox, model, det_score) "
        "select photo_id, 1, embedding, bbox, model, det_score from photo_faces"
    )
    matched.run("delete from face_matches")
    with pytest.raises(RefusedWordError) as error:
        moderation.take(said(Word.CONFIRMED, 1), "olga")
    assert refusal(error) is Refusal.SEVERAL_FACES


STEPS = st.lists(
    st.tuples(
        st.sampled_from([Word.CONFIRMED, Word.REJECTED, Word.NOBODY, Word.FORGOTTEN]),
        st.integers(1, 3),
    ),
    min_size=1,
    max_size=4,
)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(STEPS)
def test_all_undone_in_turn_leaves_everything_as_it_was(
    matched: Records, moderation: Moderation, steps: list[tuple[Word, int]]
) -> None:
    matched.run("delete from face_match_decisions")
    moderation.take(said(Word.FORGOTTEN), "nobody in particular")
    states = [(words(matched), matched.matches())]
    entries = []
    for word, number in steps:
        named = None if word in {Word.NOBODY, Word.FORGOTTEN} else number
        entries.append(moderation.take(said(word, named), "olga"))
        states.append((words(matched), matched.matches()))

    for entry in reversed(entries):
        states.pop()
        moderation.undo(entry.id, "olga")
        assert (words(matched), matched.matches()) == states[-1]
