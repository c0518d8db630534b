"""The sections as one class, and reading it from the environment."""

from __future__ import annotations

import os

from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from dataflow.jobs.errors import ConfigurationError
from dataflow.settings.environment import Environment
from dataflow.settings.nats import NatsSettings
from dataflow.settings.section import PREFIX
from dataflow.settings.storage import DatabaseSettings, StoreSettings
from dataflow.settings.work import (
    EnrolmentSettings,
    ImageSettings,
    LogSettings,
    MatchSettings,
    ModelSettings,
    QualitySettings,
    TracingSettings,
    WorkerSettings,
)


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
    enrolment: EnrolmentSettings = EnrolmentSettings()
    worker: WorkerSettings = WorkerSettings()
    log: LogSettings = LogSettings()
    tracing: TracingSettings = TracingSettings()
    metrics_port: int | None = Field(
        None,
        ge=1,
        le=65535,
        description="Serve `/metrics`, `/livez` and `/readyz` there, if set.",
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
    lines = []
    for problem in error.errors(include_url=False, include_input=False):
        variable = PREFIX + "__".join(str(part).upper() for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            lines.append(f"{variable} is not a setting; check its spelling.")
        else:
            lines.append(f"{variable}: {problem['msg'].removeprefix('Value error, ')}.")
    return lines


def _refuse_unknown_sections(settings: Settings) -> None:
    """Report misspelt top-level variables, which pydantic-settings passes over in silence."""
    known = {name.upper() for name in type(settings).model_fields}
    for variable in os.environ:
        if variable.startswith(PREFIX):
            section = variable.removeprefix(PREFIX).partition("__")[0].removesuffix("_FILE")
            if section not in known:
                raise ConfigurationError(f"{variable} is not a setting; check its spelling.")
