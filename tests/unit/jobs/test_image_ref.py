"""What a job may name as its image."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflow.jobs.errors import DataError
from dataflow.jobs.image_ref import MAX_KEY_BYTES, MAX_PART_BYTES, SCHEME, ImageRef, RefPolicy
from dataflow.jobs.reason import Reason

POLICY = RefPolicy("images", frozenset({"archive", "more.images"}))

PRINTABLE = st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="/\\")
PARTS = st.text(PRINTABLE, min_size=1, max_size=40).filter(
    lambda part: part.strip() not in {".", ".."}
)
KEYS = st.lists(PARTS, min_size=1, max_size=5).map("/".join)
BUCKETS = st.sampled_from(["images", "archive", "more.images"])
SCHEMES = st.from_regex(r"[A-Za-z][A-Za-z0-9+.-]{0,15}", fullmatch=True)


def refused(text: str, policy: RefPolicy = POLICY) -> str:
    """The explanation with which the reference is refused."""
    with pytest.raises(DataError) as refusal:
        policy.parse(text)
    assert refusal.value.reason is Reason.INVALID_IMAGE_REF
    assert str(refusal.value).isprintable()
    return str(refusal.value)


@given(BUCKETS, KEYS)
def test_bucket_and_key_come_out_as_they_were_written(bucket: str, key: str) -> None:
    assert POLICY.parse(f"{SCHEME}{bucket}/{key}") == ImageRef(bucket, key)


@given(KEYS)
def test_a_bare_key_is_in_the_default_bucket(key: str) -> None:
    assert POLICY.parse(key) == ImageRef("images", key)


@pytest.mark.parametrize(
    "key", ["a b.jpg", "2024/ä ß 写真.jpg", "a/", "...", "a..b", "..a/b..", "%2e%2e", "a:b"]
)
def test_a_key_need_not_be_pretty(key: str) -> None:
    assert POLICY.parse(key).key == key
    assert POLICY.parse(f"minio://archive/{key}").key == key


@given(SCHEMES.filter(lambda scheme: scheme != "minio"), st.text())
def test_every_other_scheme_is_refused(scheme: str, rest: str) -> None:
    assert SCHEME in refused(f"{scheme}://{rest}")


@pytest.mark.parametrize(
    "text",
    [
        "http://images/a.jpg",
        "https://images/a.jpg",
        "s3://images/a.jpg",
        "file:///etc/passwd",
        "MINIO://images/a.jpg",
    ],
)
def test_a_url_is_no_reference(text: str) -> None:
    refused(text)


@pytest.mark.parametrize("text", ["", "minio://", "minio://images", "minio://images/"])
def test_an_empty_key_is_refused(text: str) -> None:
    assert "empty" in refused(text)


@pytest.mark.parametrize(
    "key",
    [
        "/etc/passwd",
        "..",
        ".",
        "../a",
        "a/../b",
        "a/..",
        "./a",
        "a/ .. /b",
        " ./a",
        "a/./b",
        "\\\\host\\share",
        "a\\..\\b",
        "C:\\a.jpg",
    ],
)
def test_a_file_path_is_no_key(key: str) -> None:
    assert "path" in refused(key)
    assert "path" in refused(f"minio://images/{key}")


@given(
    KEYS,
    st.characters(categories=["Cc"]),
    st.integers(min_value=0, max_value=200),
)
def test_a_control_character_is_refused_wherever_it_is(key: str, char: str, at: int) -> None:
    assert "control character" in refused(key[:at] + char + key[at:])


@given(KEYS, st.characters(categories=["Cs"]))
def test_a_lone_surrogate_is_refused(key: str, surrogate: str) -> None:
    assert "Unicode" in refused(key + surrogate)


@pytest.mark.parametrize("key", ["double//slash.jpg", "a/b//", "a//"])
def test_what_minio_never_stores_is_refused(key: str) -> None:
    assert "//" in refused(key)
    assert "//" in refused(f"minio://archive/{key}")


@pytest.mark.parametrize("char", ["a", "ä", "写", "🙂"])
def test_a_keys_length_is_counted_in_bytes(char: str) -> None:
    part = char * (120 // len(char.encode())) + "/"
    fits = part * (MAX_KEY_BYTES // len(part.encode()))
    fits += "x" * (MAX_KEY_BYTES - len(fits.encode()))
    assert POLICY.parse(fits).key == fits
    assert str(MAX_KEY_BYTES) in refused(f"{fits}x")


@pytest.mark.parametrize("char", ["a", "ä", "写", "🙂"])
def test_so_is_the_length_of_its_parts(char: str) -> None:
    fits = "photos/" + char * (MAX_PART_BYTES // len(char.encode())) + "/a.jpg"
    assert POLICY.parse(fits).key == fits
    assert str(MAX_PART_BYTES) in refused(fits.replace("/a.jpg", f"{char}/a.jpg"))


@pytest.mark.parametrize("bucket", ["", "other", "IMAGES", "images ", "image", "..", "more-images"])
def test_a_foreign_bucket_is_refused_with_the_name_of_the_setting(bucket: str) -> None:
    assert "SOLOFACE_STORE__BUCKETS" in refused(f"minio://{bucket}/a.jpg")


def test_only_the_default_bucket_is_allowed_unless_told() -> None:
    policy = RefPolicy("photos")
    assert policy.parse("minio://photos/a.jpg") == ImageRef("photos", "a.jpg")
    refused("minio://images/a.jpg", policy)


@given(st.text(st.characters(codec=None)))
def test_any_text_is_a_reference_within_the_rules_or_refused(text: str) -> None:
    try:
        ref = POLICY.parse(text)
    except DataError as error:
        assert error.reason is Reason.INVALID_IMAGE_REF  # noqa: PT017 - it may be raised or not
    else:
        assert ref.bucket in {"images", "archive", "more.images"}
        assert ref.key.isprintable() or not any(ord(char) < 32 for char in ref.key)
        assert not ref.key.startswith("/")
        assert ".." not in ref.key.split("/")


LIMITED = RefPolicy("images", frozenset({"archive"}), ("photos/", "2024"))


@pytest.mark.parametrize("key", ["photos/a.jpg", "photos/", "2024/a.jpg", "2024-a.jpg"])
def test_a_key_under_an_allowed_prefix_is_a_reference(key: str) -> None:
    assert LIMITED.parse(key).key == key
    assert LIMITED.parse(f"minio://archive/{key}").bucket == "archive"


@pytest.mark.parametrize("key", ["photos", "photos-private/a.jpg", "Photos/a.jpg", "a/photos/b"])
def test_a_key_elsewhere_is_refused_by_the_settings_name(key: str) -> None:
    assert "SOLOFACE_STORE__PREFIXES" in refused(key, LIMITED)
    assert "SOLOFACE_STORE__PREFIXES" in refused(f"minio://archive/{key}", LIMITED)


def test_a_prefix_opens_no_way_out() -> None:
    assert "path" in refused("photos/../secret.jpg", LIMITED)
