"""A small client of the API `/v1` of `soloface serve`.

with Client("http://127.0.0.1:8080", token) as soloface:
    print(soloface.find(Path("guest.jpg").read_bytes()).user_id)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Literal, Self, TypeVar
from urllib.parse import urlencode
from uuid import UUID, uuid4

import orjson
import urllib3
from pydantic import BaseModel, ValidationError
from urllib3.exceptions import HTTPError

from dataflow.jobs.errors import SolofaceError
from soloface.web.work.wire import (
    ClaimRequest,
    Decided,
    DecidedPage,
    DecisionRequest,
    Distances,
    Found,
    Groups,
    NearestUsers,
    Photo,
    Review,
    TaggedPhotos,
    Word,
)
from soloface.web.work.wire_enrolment import Enrolled, EnrolRequest, Erased, NewUserRequest

QueueName = Literal["doubtful", "near_misses", "unknown", "recent"]
M = TypeVar("M", bound=BaseModel)

_FIRST_ERROR = 400


class ApiError(SolofaceError):
    """The server has refused a request; ``reason`` is its stable code."""

    def __init__(self, status: int, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.status = status
        self.reason = reason


class Client:
    """Speaks to one server, from any thread. Use it in a ``with``, or close it.

    Every method raises :class:`ApiError` where the server refuses, and where it does not answer
    (``status`` 0, ``reason`` ``no_answer``).
    """

    def __init__(self, url: str, token: str | None = None, *, timeout_s: float = 30) -> None:
        """Nothing is asked yet.

        Args:
            url: of the server, like ``https://faces.example.org``.
            token: as `soloface token` makes it; a server on this machine may need none.
            timeout_s: the longest wait for an answer.
        """
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._pool = urllib3.PoolManager(timeout=timeout_s, retries=False, maxsize=16)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()

    def find(
        self,
        image: bytes,
        *,
        photos: bool = False,
        gallery: str | None = None,
        bbox: Sequence[float] | None = None,
        limit: int = 20,
    ) -> Found:
        """Whom a photo shows; with ``photos`` also on which photos the same face is.

        With ``gallery`` only its members and its photos are looked at. ``bbox`` says which face is
        meant (x1, y1, x2, y2), where workers let a job's choose.
        """
        box = bbox and ",".join(map(str, bbox))
        query = {"photos": photos, "gallery": gallery, "bbox": box, "limit": limit}
        return self._model(Found, "POST", "/v1/find", query, image)

    def enrol(self, user_id: UUID, request: EnrolRequest) -> Enrolled:
        """Enrol a user by photos in the store."""
        return self._model(Enrolled, "PUT", f"/v1/users/{user_id}/face", body=request)

    def enrol_image(  # noqa: PLR0913 - each is part of what is asked
        self,
        user_id: UUID,
        image: bytes,
        *,
        keep: bool = False,
        consent: str | None = None,
        galleries: Sequence[str] = (),
        again: bool = False,
        force: bool = False,
    ) -> Enrolled:
        """Enrol a user by one photo, which is stored with ``keep`` only."""
        query = {
            "keep": keep,
            "consent": consent,
            "gallery": list(galleries),
            "again": again,
            "force": force,
        }
        return self._model(Enrolled, "PUT", f"/v1/users/{user_id}/face", query, image)

    def erase(self, user_id: UUID) -> Erased:
        """Erase a user's face everywhere."""
        return self._model(Erased, "DELETE", f"/v1/users/{user_id}/face")

    def photos_of(
        self, user_id: UUID, *, limit: int = 50, cursor: str | None = None
    ) -> TaggedPhotos:
        """The photos that show a user, the farthest first."""
        query = {"limit": limit, "cursor": cursor}
        return self._model(TaggedPhotos, "GET", f"/v1/users/{user_id}/photos", query)

    def photo(self, photo_id: UUID) -> Photo:
        """All that is known of a photo, and why."""
        return self._model(Photo, "GET", f"/v1/photos/{photo_id}")

    def decide(  # noqa: PLR0913 - each is part of what is said
        self,
        photo_id: UUID,
        decision: Word | Literal["confirm", "reject", "nobody", "forget"],
        user_id: UUID | None = None,
        *,
        face_index: int | None = None,
        version: str | None = None,
        key: str | None = None,
    ) -> Decided:
        """Say whom a photo shows. ``key`` names the request; by default it has one of its own."""
        body = DecisionRequest(
            decision=Word(decision), user_id=user_id, face_index=face_index, version=version
        )
        headers = {"Idempotency-Key": key or str(uuid4())}
        return self._model(
            Decided, "POST", f"/v1/photos/{photo_id}/decision", body=body, headers=headers
        )

    def decisions(self, *, limit: int = 50, before: int | None = None) -> DecidedPage:
        """One's own decisions, the newest first."""
        return self._model(DecidedPage, "GET", "/v1/decisions", {"limit": limit, "before": before})

    def undo(self, decision_id: int) -> Decided:
        """Take back one's own decision."""
        return self._model(Decided, "POST", f"/v1/decisions/{decision_id}/undo")

    def review(
        self,
        queue: QueueName = "doubtful",
        *,
        limit: int = 20,
        cursor: str | None = None,
        **filters: UUID | str | datetime,
    ) -> Review:
        """A page of a queue. ``filters`` are gallery, user_id, reason, since and until."""
        query = {"queue": queue, "limit": limit, "cursor": cursor, **filters}
        return self._model(Review, "GET", "/v1/review", query)

    def claim(
        self,
        queue: QueueName = "doubtful",
        *,
        count: int = 5,
        cursor: str | None = None,
        **filters: UUID | str | datetime,
    ) -> Review:
        """The next photos of a queue, which nobody else gets meanwhile."""
        query = {"queue": queue, "cursor": cursor, **filters}
        return self._model(Review, "POST", "/v1/review/claims", query, ClaimRequest(count=count))

    def let_go(self, photo_id: UUID) -> None:
        """Let others have a photo."""
        self._call("DELETE", f"/v1/review/claims/{photo_id}")

    def groups(self, *, limit: int = 20, **filters: UUID | str | datetime) -> Groups:
        """Unknown faces that look like one person."""
        return self._model(Groups, "GET", "/v1/review/groups", {"limit": limit, **filters})

    def users_like(self, photo_id: UUID, face_index: int = 0, *, limit: int = 9) -> NearestUsers:
        """The users who are nearest to a recorded face, without those who were rejected."""
        path = f"/v1/photos/{photo_id}/faces/{face_index}/users"
        return self._model(NearestUsers, "GET", path, {"limit": limit})

    def enrol_group(self, request: NewUserRequest) -> Enrolled:
        """Enrol somebody new by recorded faces."""
        return self._model(Enrolled, "POST", "/v1/review/groups/user", body=request)

    def distances(self) -> Distances:
        """How far photos of one person and of two are apart, as measured with the pack."""
        return self._model(Distances, "GET", "/v1/review/distances")

    def image(self, photo_id: UUID, *, px: int = 1024) -> bytes:
        """A photo as a JPEG, scaled down."""
        return self._call("GET", f"/v1/photos/{photo_id}/image", {"px": px})

    def face(self, photo_id: UUID, face_index: int = 0, *, px: int = 384) -> bytes:
        """A face as a JPEG."""
        return self._call("GET", f"/v1/photos/{photo_id}/faces/{face_index}/image", {"px": px})

    def enrolled_image(self, user_id: UUID, sha256: str, *, px: int = 384) -> bytes:
        """A photo that a user is enrolled by, as a JPEG."""
        return self._call("GET", f"/v1/users/{user_id}/enrolment/{sha256}/image", {"px": px})

    def _model(  # noqa: PLR0913, PLR0917 - the parts of a request
        self,
        kind: type[M],
        method: str,
        path: str,
        query: Mapping[str, object] | None = None,
        body: bytes | BaseModel | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> M:
        answer = self._call(method, path, query, body, headers)
        try:
            return kind.model_validate_json(answer)
        except ValidationError:
            raise ApiError(0, "strange_answer", f"{path} is not served by soloface") from None

    def _call(
        self,
        method: str,
        path: str,
        query: Mapping[str, object] | None = None,
        body: bytes | BaseModel | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        asked = urlencode(
            {k: _texts(v) for k, v in (query or {}).items() if v is not None}, doseq=True
        )
        url = f"{self._url}{path}" + (f"?{asked}" if asked else "")
        sent = {**self._headers, **(headers or {})}
        data = body if isinstance(body, bytes) else None
        if isinstance(body, BaseModel):
            data = body.model_dump_json().encode()
        if body is not None:
            kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
            sent["Content-Type"] = kind
        try:
            answer = self._pool.request(method, url, body=data, headers=sent)
        except HTTPError as error:
            raise ApiError(0, "no_answer", str(error)) from None
        if answer.status >= _FIRST_ERROR:
            raise _refusal(answer.status, answer.data)
        return bytes(answer.data)


def _texts(value: object) -> str | list[str]:
    return [_text(one) for one in value] if isinstance(value, list) else _text(value)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _refusal(status: int, body: bytes) -> ApiError:
    try:
        problem = orjson.loads(body)
        return ApiError(status, str(problem["reason"]), str(problem["detail"]))
    except (ValueError, KeyError, TypeError):
        return ApiError(status, "strange_answer", body[:200].decode("utf-8", "replace"))
