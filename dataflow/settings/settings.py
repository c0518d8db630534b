"""The sections as one class, and reading it from the environment."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from difflib import get_close_matches

from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from dataflow.jobs.errors import ConfigurationError
from dataflow.settings.environment import Environment
from dataflow.settings.nats import NatsSettings
from dataflow.settings.section import PREFIX, Section
from dataflow.settings.storage import DatabaseSettings, StoreSettings
from dataflow.settings.web import WebSettings
from dataflow.settings.work import (
    EnrolmentSettings,
    ImageSettings,
    LogSettings,
    MatchSettings,
    ModelSettings,
    QualitySettings,
    RematchSettings,
    TracingSettings,
    WorkerSettings,
)

log = logging.getLogger(__name__)

_ALIKE = 0.8
"""From there on a name is taken for another one with a slip of the pen."""


class Settings(BaseSettings):
    """The worker's whole configuration, see the sections' own fields."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        enable_decoding=False,
        extra="forbid",
        frozen=True,
    )

    nats: NatsSettings = NatsSettings()
    store: StoreSettings = StoreSettings()
    database: DatabaseSettings = DatabaseSettings()
    model: ModelSettings = ModelSettings()
    images: ImageSettings = ImageSettings()
    quality: QualitySettings = QualitySettings()
    match: MatchSettings = MatchSettings()
    rematch: RematchSettings = RematchSettings()
    enrolment: EnrolmentSettings = EnrolmentSettings()
    worker: WorkerSettings = WorkerSettings()
    log: LogSettings = LogSettings()
    tracing: TracingSettings = TracingSettings()
    web: WebSettings = WebSettings()
    metrics_port: int | None = Field(
        None,
        ge=1,
        le=65535,
        description="Port for `/metrics`, `/livez` and `/readyz`. Without it, none is served.",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic-settings' signature
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first, then the environment with its ``…_FILE`` variables."""
        return (init_settings, Environment(settings_cls))


def load_settings() -> Settings:
    """Read the environment.

    Raises:
        ConfigurationError: a variable is unknown or has a bad value; the message names each one.
    """
    try:
        settings = Settings()
    except ValidationError as error:
        raise ConfigurationError("\n".join(_explain(error))) from None
    _refuse_unknown_sections(settings)
    return settings


def _explain(error: ValidationError) -> list[str]:
    """A line for each variable: what is wrong with it first."""
    lines: dict[str, str] = {}
    for problem in error.errors(include_url=False, include_input=False):
        # What follows the section and the field is a place in the value.
        variable = PREFIX + "__".join(str(part).upper() for part in problem["loc"][:2])
        what = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            line = _misspelt(variable, _near(variable))
        elif what.startswith(PREFIX):  # of several variables together
            line = f"{what}."
        else:
            line = f"{variable}: {what}."
        lines.setdefault(variable, line)
    return list(lines.values())


def _refuse_unknown_sections(settings: Settings) -> None:
    """Report misspelt top-level variables, which pydantic-settings passes over in silence.

    What is like no setting is another's, as Kubernetes sets some for a service named `soloface`.
    """
    known = {name.upper() for name in type(settings).model_fields}
    for variable in os.environ:
        if variable.startswith(PREFIX):
            section = variable.removeprefix(PREFIX).partition("__")[0].removesuffix("_FILE")
            if section in known:
                continue
            if near := _near(variable):
                raise ConfigurationError(_misspelt(variable, near))
            log.warning("%s is not a setting of soloface, and is passed over", variable)


def _misspelt(variable: str, near: str | None) -> str:
    advice = f"did you mean {near}?" if near else "check its spelling."
    return f"{variable} is not a setting; {advice}"


def _near(variable: str) -> str | None:
    """The setting that somebody may have meant."""
    suffix = "_FILE" if variable.endswith("_FILE") else ""
    name = variable.removeprefix(PREFIX).removesuffix("_FILE")
    near = get_close_matches(name, _variables(), 1, _ALIKE)
    return f"{PREFIX}{near[0]}{suffix}" if near else None


def _variables() -> Iterator[str]:
    for name, field in Settings.model_fields.items():
        kind = field.annotation
        inner = kind.model_fields if isinstance(kind, type) and issubclass(kind, Section) else ()
        for key in inner:
            yield f"{name}__{key}".upper()
        if not inner:
            yield name.upper()
