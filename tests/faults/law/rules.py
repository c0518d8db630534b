"""What may happen, in any order and cut short anywhere, and what must hold once it is settled."""

from __future__ import annotations

from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from connectors.postgres.tags.decisions import Word
from tests.builders import photo, user
from tests.faults.law.grounds import Grounds
from tests.faults.law.happenings import (
    FACE_DEGREES,
    GALLERIES,
    MAX_DISTANCES,
    MIN_MARGINS,
    MOST_PIECES,
    PHOTOS,
    USER_DEGREES,
    USERS,
    Agree,
    Circumstances,
    Enrol,
    Erase,
    Forget,
    Happening,
    Job,
    Rematch,
    RematchAll,
    Replace,
    Rewrite,
    Say,
    Start,
    Statement,
    rematching,
)
from tests.faults.law.processes import Process, Work, Worker
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


class Law(RuleBasedStateMachine):
    """Processes on one database; each may stand still or die between any two statements.

    What is drawn depends on nothing that the server does, so that a run can be repeated.
    """

    grounds: ClassVar[Grounds]
    steps: ClassVar[int] = 0
    """What has happened so far, over all runs."""
    runs: ClassVar[int] = 0
    settled: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.now = Circumstances()
        self.idle = list(self.grounds.processes)
        self.working: list[Worker] = []
        self.undone: list[Work] = []

    @initialize(
        limits=st.one_of(starts, starts, starts, st.none()),
        enrolled=st.lists(enrolments, min_size=1, max_size=3),
        members=st.lists(joins, max_size=3),
        seen=st.lists(jobs, min_size=1, max_size=4),
    )
    def the_platform_begins(
        self,
        limits: Start | None,
        enrolled: list[Happening],
        members: list[Happening],
        seen: list[Happening],
    ) -> None:
        self.grounds.clear(len(USERS) - 1, len(PHOTOS) - 1)
        for happening in filter(None, [limits, *enrolled, *members, *seen]):
            self._run(happening.work(self.now), None)

    @rule(what=happenings)
    def it_happens(self, what: Happening) -> None:
        self._do(what.work(self.now), None)

    @rule(what=happenings, statements=few)
    def it_is_cut_short(self, what: Happening, statements: int) -> None:
        self._do(what.work(self.now), statements)

    @rule(what=happenings, statements=few)
    def it_stands_still(self, what: Happening, statements: int) -> None:
        if len(self.idle) > 1:
            self.working.append(Worker(self.idle.pop(), what.work(self.now)))
            self._go_on(self.working[-1], statements)

    @rule(job=jobs, statements=searched, change=enrolments | un_enrolments | memberships)
    def users_change_while_a_job_stands_still(
        self, job: Job, statements: int, change: Happening
    ) -> None:
        """What only the gate makes harmless: others could hardly do it in this order."""
        self._let_all_finish()
        self.it_happens(Replace(job.photos))
        self.it_stands_still(job, statements)
        self.it_happens(change)
        self.it_happens(RematchAll())

    @rule(
        job=jobs,
        margin=st.sampled_from(MIN_MARGINS),
        changes=st.lists(gallery | memberships, max_size=3),
    )
    def users_move_the_limit(
        self, job: Job, margin: float | None, changes: list[Happening]
    ) -> None:
        """Faces that none of those who come and go is near to: only the step concerns them."""
        self.it_happens(Start(None, margin, follows=True))
        self.it_happens(job)
        self.it_happens(RematchAll())
        for change in changes:
            self.it_happens(change)
        self.it_happens(RematchAll())

    @rule(which=st.integers(0, 1), statements=few | st.none(), dies=st.sampled_from((False, True)))
    def it_goes_on(self, which: int, statements: int | None, *, dies: bool) -> None:
        if not self.working:
            return
        worker = self.working[which % len(self.working)]
        if dies:
            self._leave(worker)
        else:
            self._go_on(worker, statements)

    @rule(statements=few | st.none())
    def it_is_tried_again(self, statements: int | None) -> None:
        if self.undone:
            self._do(self.undone.pop(0), statements)

    @rule()
    def all_is_settled(self) -> None:
        self.settle()

    @invariant()
    def every_step_is_counted(self) -> None:
        type(self).steps += 1

    @invariant()
    def who_has_heard_all_knows_all(self) -> None:
        problems = self.grounds.untold()
        assert not problems, "\n".join(problems)

    def teardown(self) -> None:
        """Whatever has happened: left alone, all comes to what the law has."""
        try:
            self.settle()
        finally:
            type(self).runs += 1
            for worker in self.working:
                worker.crash()

    def settle(self) -> None:
        """Let everybody finish, and compare."""
        self._let_all_finish()
        for work in [*self.undone]:
            self.undone.remove(work)
            self._do(work, None)
        assert not self.undone, "a job fails although nobody is in its way"
        for _ in range(MOST_PIECES):
            if not self.grounds.waits():
                break
            self._match_again(self.idle[0])
        assert not self.grounds.waits(), "matching again does not come to an end"
        type(self).settled += 1
        problems = self.grounds.problems()
        assert not problems, "\n".join(problems)

    def _let_all_finish(self) -> None:
        while self.working:
            self._go_on(self.working[0], None)

    def _match_again(self, process: Process) -> None:
        process.statements = None
        rematching(process, self.now).step()

    def _do(self, work: Work, statements: int | None) -> None:
        if not self._run(work, statements):
            self.undone.append(work)

    def _run(self, work: Work, statements: int | None) -> bool:
        """Do it at once; returns whether it came to its end."""
        process = self.idle[0]
        process.statements, process.halt = statements, process.crash
        return process.does(work)

    def _go_on(self, worker: Worker, statements: int | None) -> None:
        worker.go_on(statements)
        if worker.done:
            self._part(worker)

    def _leave(self, worker: Worker) -> None:
        worker.crash()
        self._part(worker)

    def _part(self, worker: Worker) -> None:
        if worker.failed:
            self.undone.append(worker.work)
        self.working.remove(worker)
        self.idle.append(worker.process)


def law_on(ground: Grounds) -> type[Law]:
    """The machine on a database, with counts of its own."""

    class LawHere(Law):
        grounds = ground

    return LawHere
