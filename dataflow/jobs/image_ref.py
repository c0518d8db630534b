"""What a job may name as its image: an object in an allowed bucket, nothing else."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dataflow.jobs.errors import DataError
from dataflow.jobs.reason import Reason

SCHEME = "minio://"
MAX_KEY_BYTES = 1024  # S3's own limit
MAX_PART_BYTES = 255  # between two slashes: MinIO's limit, and that of the file systems below it

_ANY_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


@dataclass(frozen=True, slots=True)
class ImageRef:
    """An object in the store."""

    bucket: str
    key: str

    @property
    def in_full(self) -> str:
        """A reference to it that means the same whatever the default bucket is."""
        return f"{SCHEME}{self.bucket}/{self.key}"


@dataclass(frozen=True, slots=True)
class RefPolicy:
    """Which buckets a reference may name; a bare key means ``default_bucket``.

    ``prefixes`` is what a key must start with, whatever its bucket; empty: anything.
    """

    default_bucket: str
    further_buckets: frozenset[str] = frozenset()
    prefixes: tuple[str, ...] = ()

    def parse(self, text: str) -> ImageRef:
        """Read ``minio://<bucket>/<key>`` or a bare key.

        Raises:
            DataError: ``invalid_image_ref``, with the rule that was broken.
        """
        bucket, key = self.default_bucket, text
        if text.startswith(SCHEME):
            bucket, _, key = text.removeprefix(SCHEME).partition("/")
        elif _ANY_SCHEME.match(text):
            raise _invalid(f"only {SCHEME}<bucket>/<key> or a bare key is a reference")
        _check_key(key)
        if bucket != self.default_bucket and bucket not in self.further_buckets:
            raise _invalid("the bucket is not allowed; see SOLOFACE_STORE__BUCKETS")
        if self.prefixes and not key.startswith(self.prefixes):
            raise _invalid("the key is not under an allowed prefix; see SOLOFACE_STORE__PREFIXES")
        return ImageRef(bucket, key)


def _check_key(key: str) -> None:
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        raise _invalid("the key is not valid Unicode") from None
    if not key:
        raise _invalid("the key is empty")
    if size > MAX_KEY_BYTES:
        raise _invalid(f"the key is longer than {MAX_KEY_BYTES} bytes")
    if any(ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0 for char in key):  # noqa: PLR2004 - C0, C1
        raise _invalid("the key has a control character")
    parts = key.split("/")
    # MinIO looks at the parts without the spaces around them.
    if key.startswith("/") or "\\" in key or any(part.strip() in {".", ".."} for part in parts):
        raise _invalid("a file path is not a key")
    if "" in parts[:-1]:
        raise _invalid("the key has // in it, which MinIO never stores")
    if any(len(part.encode()) > MAX_PART_BYTES for part in parts):
        raise _invalid(f"a part of the key is longer than {MAX_PART_BYTES} bytes")


def _invalid(why: str) -> DataError:
    return DataError(Reason.INVALID_IMAGE_REF, why)
