"""The object store: the buckets that references may name, and one object in them."""

from __future__ import annotations

from collections.abc import Iterator

from minio import Minio
from urllib3.exceptions import HTTPError

from connectors.store import MinioStore, minio_client
from connectors.store import explain as explain_store
from connectors.store.answers import RefusedError
from connectors.store.client import bucket_exists
from dataflow.jobs.errors import ConfigurationError, DataError, UnprovenError
from dataflow.jobs.image_ref import RefPolicy
from dataflow.settings import Settings
from soloface.cli.doctor.finding import Warn
from soloface.cli.doctor.recent import recent_images

_MOST = 5


def store(settings: Settings, image_ref: str | None = None) -> Iterator[str]:
    """Are the buckets there, is our login let in, and can an object be read."""
    yield from _buckets(settings)
    yield from _named(settings, image_ref) if image_ref is not None else _recent(settings)


def _buckets(settings: Settings) -> Iterator[str]:
    asked = settings.store
    client = minio_client(asked, connections=1)
    hidden: list[str] = []
    missing: list[str] = []
    for bucket in sorted({asked.bucket, *asked.buckets}):
        try:
            if not bucket_exists(client, bucket):
                missing.append(bucket)
        except RefusedError as answer:
            # One to HEAD has no body that could say more.
            refusal = _refusal_to_list(client, bucket) or answer
            if not refusal.denied:
                raise explain_store(refusal, bucket) from refusal
            hidden.append(bucket)
        except (HTTPError, OSError, ValueError) as error:
            raise explain_store(error, bucket) from error
    if missing:
        raise ConfigurationError(f"no such bucket: {', '.join(missing)}")
    if hidden:
        yield Warn(
            f"this login may not list {', '.join(hidden)} (s3:ListBucket), so the store may call a "
            "missing object forbidden; or the login is wrong, see SOLOFACE_STORE__ACCESS_KEY"
        )
    else:
        yield f"{asked.endpoint}, bucket {asked.bucket}"


def _refusal_to_list(client: Minio, bucket: str) -> RefusedError | None:
    try:
        next(iter(client.list_objects(bucket)), None)
    except RefusedError as refusal:
        return refusal
    return None


def _named(settings: Settings, image_ref: str) -> Iterator[str]:
    try:
        yield _read(settings, image_ref)
    except DataError as error:
        raise ConfigurationError(f"{image_ref} cannot be read: {error.reason}: {error}") from None


def _recent(settings: Settings) -> Iterator[str]:
    problem = "neither the database nor a stream names one"
    for number, (whose, image_ref) in enumerate(recent_images(settings)):
        try:
            yield f"{_read(settings, image_ref)} ({whose})"
        except DataError as error:
            problem = f"the image of {whose}: {error.reason}: {error}"
        else:
            return
        if number + 1 == _MOST:
            break
    yield Warn(f"no object was read to see whether that works: {problem}; give one with --object")


def _read(settings: Settings, image_ref: str) -> str:
    asked = settings.store
    ref = RefPolicy(asked.bucket, asked.buckets, asked.prefixes).parse(image_ref)
    try:
        size = len(MinioStore(asked, settings.images, connections=1).read(ref))
    except UnprovenError as error:
        raise ConfigurationError(f"{ref.bucket}/{ref.key} cannot be read: {error}") from None
    return f"read {ref.bucket}/{ref.key}, {size} bytes"
