"""Every setting of the worker: read once from the environment, validated before anything starts.

A field ``store.secret_key`` is the variable ``SOLOFACE_STORE__SECRET_KEY``. Any variable may be
given as ``…_FILE`` instead: a file whose content is the value (Docker and Kubernetes secrets).
"""

from dataflow.settings.nats import NatsSettings, PeopleQueue
from dataflow.settings.section import PREFIX
from dataflow.settings.settings import Settings, load_settings
from dataflow.settings.storage import DatabaseSettings, StoreSettings
from dataflow.settings.web import WebSettings
from dataflow.settings.work import (
    OPEN_DLIB_PACK,
    OPEN_PACK,
    EnrolmentSettings,
    ImageSettings,
    LogSettings,
    MatchSettings,
    ModelSettings,
    QualitySettings,
    TracingSettings,
    WorkerSettings,
)

__all__ = [
    "OPEN_DLIB_PACK",
    "OPEN_PACK",
    "PREFIX",
    "DatabaseSettings",
    "EnrolmentSettings",
    "ImageSettings",
    "LogSettings",
    "MatchSettings",
    "ModelSettings",
    "NatsSettings",
    "PeopleQueue",
    "QualitySettings",
    "Settings",
    "StoreSettings",
    "TracingSettings",
    "WebSettings",
    "WorkerSettings",
    "load_settings",
]
