"""The store's client is set up as configured."""

from __future__ import annotations

from typing import Any

from connectors.store import minio_client
from dataflow.settings import StoreSettings


def test_the_two_timeouts_are_those_of_the_settings() -> None:
    client: Any = minio_client(StoreSettings(connect_timeout_s=1.5, read_timeout_s=20), 4)
    timeout = client._http.connection_pool_kw["timeout"]
    assert (timeout.total, timeout.connect_timeout, timeout.read_timeout) == (None, 1.5, 20)
