"""What may happen, in any order and cut short anywhere, and what must hold once it is settled."""

from __future__ import annotations

from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.faults.law.draws import (
    enrolments,
    few,
    gallery,
    happenings,
    jobs,
    joins,
    memberships,
    searched,
    starts,
    un_enrolments,
)
from tests.faults.law.grounds import Grounds
from tests.faults.law.happenings import (
    MIN_MARGINS,
    MOST_PIECES,
    PHOTOS,
    USERS,
    Circumstances,
    Happening,
    Job,
    RematchAll,
    Replace,
    Start,
    rematching,
)
from tests.faults.law.processes import Process, Work, Worker


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
