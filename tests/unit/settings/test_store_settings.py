"""The store's address and the names of its buckets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.store import minio_client
from dataflow.settings import StoreSettings, load_settings
from tests.fixtures.environment import Environment, refused


@pytest.mark.parametrize(
    ("endpoint", "address", "encrypted"),
    [
        ("minio:9000", "minio:9000", False),
        ("minio", "minio", False),
        ("my_minio.local:9000", "my_minio.local:9000", False),
        ("[::1]:9000", "[::1]:9000", False),
        ("127.0.0.1:65535", "127.0.0.1:65535", False),
        ("http://minio:9000", "minio:9000", False),
        ("http://minio:9000/", "minio:9000", False),
        ("HTTPS://Minio:9000", "Minio:9000", True),
        ("https://s3.eu-central-1.amazonaws.com", "s3.eu-central-1.amazonaws.com", True),
    ],
)
def test_an_endpoint_is_an_address_or_a_url_whose_scheme_decides(
    endpoint: str,
    address: str,
    encrypted: bool,  # noqa: FBT001 - a table's column
    environment: Environment,
) -> None:
    environment(STORE__ENDPOINT=endpoint)
    store = load_settings().store
    assert (store.address, store.encrypted) == (address, encrypted)
    assert minio_client(store, 1)._base_url.is_https is encrypted


@pytest.mark.parametrize(
    ("endpoint", "secure"), [("http://h:1", "false"), ("https://h:1", "true"), ("h:1", "true")]
)
def test_both_may_say_the_same(endpoint: str, secure: str, environment: Environment) -> None:
    environment(STORE__ENDPOINT=endpoint, STORE__SECURE=secure)
    assert load_settings().store.encrypted is (secure == "true")


@pytest.mark.parametrize(("scheme", "secure"), [("http", "true"), ("https", "false")])
def test_a_contradiction_is_one_line(scheme: str, secure: str, environment: Environment) -> None:
    environment(STORE__ENDPOINT=f"{scheme}://h:1", STORE__SECURE=secure)
    message = refused()
    assert "SOLOFACE_STORE__ENDPOINT" in message
    assert "SOLOFACE_STORE__SECURE" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "endpoint",
    [
        *("", " ", "h:99999", "h:0", "h:", "h:port", ":9000", "h:9000 ", " h:9000", "my host:1"),
        *("h:9000/", "h:9000/bucket", "http://h:9000/bucket", "http://h:9000//", "http://"),
        *("http://user:s3cret@h:9000", "user@h:9000", "s3://h:9000", "http://http://h", "h?x=1"),
        *("http://h:9000?x", "http://h#x", "[::1", "::1", "h..i:1", "-h:1", "h\n:1", "hö:1"),
    ],
)
def test_anything_else_is_one_line_that_names_the_variable(
    endpoint: str, environment: Environment
) -> None:
    environment(STORE__ENDPOINT=endpoint)
    message = refused()
    assert message.startswith("SOLOFACE_STORE__ENDPOINT: ")
    assert "\n" not in message
    assert "s3cret" not in message


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30))
def test_any_text_makes_a_client_or_is_refused(endpoint: str) -> None:
    try:
        settings = StoreSettings(endpoint=endpoint)
    except ValueError:
        return
    minio_client(settings, 1)


OLD_NAMES = ["My_Bucket", "UPPER", "a_b", "a.b-c_D", "x" * 63, "2024"]


@pytest.mark.parametrize("name", OLD_NAMES)
def test_a_bucket_may_have_an_old_name(name: str, environment: Environment) -> None:
    environment(STORE__BUCKET=name, STORE__BUCKETS=f"{name},other")
    store = load_settings().store
    assert store.bucket == name
    assert name in store.buckets


@pytest.mark.parametrize(
    "name", ["ab", "x" * 64, "a/b", "a b", "-ab", "ab_", "a..b", "a.-b", "192.168.0.1", "ä" * 5]
)
def test_a_name_that_no_client_takes_is_refused(name: str, environment: Environment) -> None:
    environment(STORE__BUCKET=name)
    assert refused().startswith("SOLOFACE_STORE__BUCKET: ")


@pytest.mark.parametrize(("name", "virtual"), [("images", True), ("My_Bucket", False)])
def test_amazon_is_asked_by_path_where_a_bucket_is_no_host_name(
    name: str,
    virtual: bool,  # noqa: FBT001 - a table's column
) -> None:
    settings = StoreSettings(endpoint="s3.amazonaws.com", secure=True, bucket=name)
    url = minio_client(settings, 1)._base_url.build(
        method="GET", region="us-east-1", bucket_name=name, object_name="a.jpg"
    )
    assert url.netloc.startswith(f"{name}.") is virtual
    assert url.path == ("/a.jpg" if virtual else f"/{name}/a.jpg")
