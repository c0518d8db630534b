"""Enrolling many users: in batches, each checked against those who are enrolled already."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from functools import partial
from heapq import nsmallest
from itertools import islice
from uuid import UUID

from dataflow.faces.face import Embedding
from dataflow.faces.packs.gap_table import NEXT
from dataflow.gallery.clashes import ClashLimit, Near
from dataflow.gallery.enrolment import (
    USERS_AT_A_TIME,
    Enrolment,
    Examiner,
    Neighbours,
    Offer,
    Portrait,
    Register,
    Status,
)
from dataflow.steps.matching import Candidate


@dataclass(frozen=True, slots=True)
class Enroller:
    """Enrols users, batch by batch: what is done is stored, and is not done again.

    ``clashes`` says who is too near to another user; ``None``: nobody is. Compared are users who
    share a gallery, and those who belong to none with everybody; or with nobody, if that is
    ``gallery_required``, here or by the register. ``keep`` makes of a used photo a reference that
    lasts, or :data:`~dataflow.gallery.enrolment.NOT_KEPT`.
    """

    examiner: Examiner
    register: Register
    pool: Executor
    clashes: ClashLimit | None
    dry_run: bool = False
    gallery_required: bool = False
    keep: Callable[[UUID, Portrait], str] = field(default=lambda _user, portrait: portrait.photo)

    def enrol(self, offers: Iterable[Offer]) -> Iterator[Enrolment]:
        """Enrol all of them, in order."""
        waiting = iter(offers)
        users = self.register.count() if self.clashes else 0
        while batch := list(islice(waiting, USERS_AT_A_TIME)):
            done = self._enrol(batch, users)
            users += sum(enrolment.status is Status.ENROLLED for enrolment in done)
            yield from done

    def _enrol(self, offers: Sequence[Offer], users: int) -> list[Enrolment]:
        withdrawn = self.register.withdrawn([offer.user_id for offer in offers])
        willing = [offer for offer in offers if offer.user_id not in withdrawn]
        unchanged = self._unchanged(willing)
        changed = [offer for offer in willing if offer.user_id not in unchanged]
        photos = (photo for offer in changed for photo in offer.photos)
        examined = self.pool.map(self.examiner.examine, photos)
        enrolments = self._apart(
            [
                replace(
                    self.examiner.enrolment(offer.user_id, islice(examined, len(offer.photos))),
                    consent=offer.consent,
                    galleries=offer.galleries,
                )
                for offer in changed
            ],
            self.register,
            users=users + len(changed),
        )
        good = [enrolment for enrolment in enrolments if enrolment.status is Status.ENROLLED]
        ended = {enrolment.user_id: enrolment for enrolment in enrolments}
        if good and not self.dry_run:
            # Again, as somebody else may have enrolled the same person since the first look.
            judge = partial(self._apart, users=users + len(changed)) if self.clashes else None
            saved = self.register.save([self._kept(enrolment) for enrolment in good], judge)
            # By the names that the photos were offered under, wherever they are kept.
            ended |= {
                e.user_id: replace(ended[e.user_id], status=e.status, clash=e.clash, alike=e.alike)
                for e in saved
            }
        if not self.dry_run:
            agreed = {o.user_id: o.consent for o in offers if o.user_id in unchanged and o.consent}
            self.register.agreed(agreed)
            joining = {o.user_id: o.galleries for o in offers if o.user_id in unchanged}
            self.register.join({user: names for user, names in joining.items() if names})
        done = {
            offer.user_id: Enrolment(
                offer.user_id,
                Status.WITHDRAWN if offer.user_id in withdrawn else Status.UNCHANGED,
                consent=offer.consent,
                galleries=offer.galleries,
            )
            for offer in offers
        } | ended
        return list(done.values())

    def _unchanged(self, offers: Sequence[Offer]) -> set[UUID]:
        """Users who were enrolled by these very photos already."""
        known = self.register.fingerprints([offer.user_id for offer in offers])
        return {
            offer.user_id
            for offer in offers
            if offer.user_id in known
            and known[offer.user_id]
            == self.examiner.fingerprint(self.pool.map(self.examiner.hash, offer.photos))
        }

    def _apart(
        self, enrolments: Sequence[Enrolment], neighbours: Neighbours, *, users: int
    ) -> list[Enrolment]:
        """Refuse those who are too near to another user: one enrolled, or one before them here."""
        good = [e for e in enrolments if e.embedding is not None]
        if self.clashes is None or not good:
            return list(enrolments)
        places = _galleries(good, neighbours)
        alone = self._alone(places, neighbours)
        counts = _counts(places, neighbours, users, len(enrolments))
        compared = [e for e in good if e.user_id not in alone]
        # So many that the users of this batch, whose vectors are about to change, hide nobody.
        vectors = [e.embedding for e in compared if e.embedding is not None]
        wanted = [places[e.user_id] for e in compared]
        found = neighbours.nearest(vectors, wanted, len(enrolments) + 1 + NEXT)
        photos = _photos(found, neighbours, self.clashes.threshold)
        enrolled = iter(found)
        accepted: dict[UUID, Embedding] = {}
        judged = []
        for enrolment in enrolments:
            embedding = enrolment.embedding
            if embedding is None or enrolment.user_id in alone:
                judged.append(enrolment)
                continue
            mine = places[enrolment.user_id]
            others = [c for c in next(enrolled) if c.user_id not in accepted]
            others += [
                Candidate(user, float(1 - embedding @ other))
                for user, other in accepted.items()
                if not mine or mine & places[user]
            ]
            others = [other for other in others if other.user_id != enrolment.user_id]
            near = nsmallest(1 + NEXT, others, key=lambda candidate: candidate.distance)
            known = [Near(other.distance, photos.get(other.user_id, 1)) for other in near]
            used = len(enrolment.used)
            place = self.clashes.clash(known, counts[enrolment.user_id], used)
            if place is not None:
                judged.append(replace(enrolment, status=Status.CLASHES, clash=near[place]))
                continue
            accepted[enrolment.user_id] = embedding
            photos[enrolment.user_id] = used
            alike = bool(near) and near[0].distance < self.clashes.threshold
            judged.append(replace(enrolment, alike=near[0] if alike else None))
        return judged

    def _alone(self, places: Mapping[UUID, frozenset[str]], neighbours: Neighbours) -> set[UUID]:
        """Those who are compared with nobody."""
        alone = {user_id for user_id, mine in places.items() if not mine}
        required = self.gallery_required or (alone and neighbours.gallery_required())
        return alone if required else set()

    def _kept(self, enrolment: Enrolment) -> Enrolment:
        used = [replace(p, photo=self.keep(enrolment.user_id, p)) for p in enrolment.used]
        return replace(enrolment, used=used)


def _galleries(
    enrolments: Sequence[Enrolment], neighbours: Neighbours
) -> dict[UUID, frozenset[str]]:
    """To which galleries they will belong."""
    known = neighbours.galleries([enrolment.user_id for enrolment in enrolments])
    return {e.user_id: known.get(e.user_id, frozenset()) | {*e.galleries} for e in enrolments}


def _counts(
    places: Mapping[UUID, frozenset[str]], neighbours: Neighbours, users: int, more: int
) -> dict[UUID, int]:
    """With how many others each is compared."""
    names = frozenset[str]().union(*places.values())
    members = neighbours.members(names) if names else {}
    return {
        user_id: sum(members.get(name, 0) for name in mine) + more if mine else users
        for user_id, mine in places.items()
    }


def _photos(
    found: Sequence[Sequence[Candidate]], neighbours: Neighbours, threshold: float
) -> dict[UUID, int]:
    """Of how many photos those are the means who are near enough for that to matter."""
    near = {user.user_id for users in found for user in users if user.distance < threshold}
    return dict(neighbours.photo_counts(sorted(near))) if near else {}
