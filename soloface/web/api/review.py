"""`/v1/review`: what people should look at, so that no two look at the same."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from connectors.postgres.review.cards import cards
from connectors.postgres.review.claims import claim_next, release
from connectors.postgres.review.queues import Filters, Place, Queue, next_photos, waiting
from connectors.postgres.session import Connection
from connectors.postgres.tags.deciding import Rules
from dataflow.jobs.reason import Reason
from soloface.web.api.parts import Reviewer, TheDesk, refusals
from soloface.web.work.cursor import of_place, place_of
from soloface.web.work.desk import Desk
from soloface.web.work.views import card_of, scale_of
from soloface.web.work.wire import (
    Card,
    ClaimRequest,
    Distances,
    GalleryName,
    Histogram,
    Review,
)

router = APIRouter(tags=["review"])

COUNTED_TO = 1000

Cursor = Annotated[str | None, Query(max_length=256, description="`next` of the page before.")]


async def filters_of(
    gallery: Annotated[GalleryName | None, Query(description="Photos of this one only.")] = None,
    user_id: Annotated[UUID | None, Query(description="Tagged, nearest or second-nearest.")] = None,
    reason: Annotated[Reason | None, Query()] = None,
    since: Annotated[datetime | None, Query()] = None,
    until: Annotated[datetime | None, Query()] = None,
) -> Filters:
    """Which photos of a queue are wanted."""
    return Filters(gallery, user_id, reason, _with_zone(since), _with_zone(until))


TheFilters = Annotated[Filters, Depends(filters_of)]


@router.get("/v1/review", summary="A queue, page by page", responses=refusals())
async def get_review(
    desk: TheDesk,
    _reviewer: Reviewer,
    filters: TheFilters,
    queue: Annotated[Queue, Query()] = Queue.DOUBTFUL,
    limit: Annotated[int, Query(ge=1, le=50)] = 20,
    cursor: Cursor = None,
) -> Review:
    """The photos of a queue, the newest first. To look at them in turn, claim them."""
    after = place_of(cursor) if cursor else None
    return await desk.threads.asking.run(_page, desk, queue, filters, limit, after)


@router.post("/v1/review/claims", summary="Get the next photos of a queue", responses=refusals())
async def post_claims(  # noqa: PLR0913, PLR0917 - each is a part of the request
    desk: TheDesk,
    reviewer: Reviewer,
    filters: TheFilters,
    asked: ClaimRequest,
    queue: Annotated[Queue, Query()] = Queue.DOUBTFUL,
    cursor: Cursor = None,
) -> Review:
    """Nobody else gets these photos for a while. With `cursor`, only those behind it."""
    after = place_of(cursor) if cursor else None

    def claimed() -> Review:
        rules = desk.rules()
        with desk.database.connection() as connection:
            places = claim_next(
                connection,
                queue,
                rules.policy,
                filters,
                by=reviewer.name,
                for_s=desk.settings.web.claim_s,
                count=asked.count,
                after=after,
            )
            return _review(connection, rules, filters, places, more=len(places) == asked.count)

    return await desk.threads.asking.run(claimed)


@router.delete(
    "/v1/review/claims/{photo_id}",
    status_code=204,
    summary="Let others have a photo",
    responses=refusals(),
)
async def delete_claim(photo_id: UUID, desk: TheDesk, reviewer: Reviewer) -> None:
    """Skip it: it is in its queue for everybody again."""

    def let_go() -> None:
        with desk.database.connection() as connection:
            release(connection, reviewer.name, [photo_id])

    await desk.threads.asking.run(let_go)


@router.get(
    "/v1/review/distances", summary="What distances mean with this pack", responses=refusals()
)
async def get_distances(desk: TheDesk, _reviewer: Reviewer) -> Distances:
    """How many pairs of photos of one person, and of two, were how far apart when measured."""
    return await desk.threads.asking.run(_distances, desk)


def _page(desk: Desk, queue: Queue, filters: Filters, limit: int, after: Place | None) -> Review:
    rules = desk.rules()
    with desk.database.connection() as connection:
        places = next_photos(connection, queue, rules.policy, filters, after=after, count=limit + 1)
        more = len(places) > limit
        return _review(connection, rules, filters, places[:limit], more=more)


def _review(
    connection: Connection, rules: Rules, filters: Filters, places: list[Place], *, more: bool
) -> Review:
    return Review(
        cards=cards_of(connection, rules, [place.photo_id for place in places]),
        waiting={
            str(name): count
            for name, count in waiting(connection, rules.policy, filters, COUNTED_TO).items()
        },
        scale=scale_of(rules),
        next=of_place(places[-1]) if more and places else None,
    )


def _distances(desk: Desk) -> Distances:
    model = desk.rules().model
    known = desk.histogram(model)
    return Distances(model=model, histogram=known and Histogram.model_validate(known))


def cards_of(connection: Connection, rules: Rules, photo_ids: list[UUID]) -> list[Card]:
    """Some photos, as they are shown."""
    return [card_of(card, rules) for card in cards(connection, photo_ids, rules)]


def _with_zone(time: datetime | None) -> datetime | None:
    return time.replace(tzinfo=UTC) if time and time.tzinfo is None else time
