"""The work itself: models, photos, decisions, and what is told of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from dataflow.settings.procedure import Procedure
from dataflow.settings.section import Section
from dataflow.settings.types import Names, Seconds

OPEN_PACK = "open"
QUALITY_POLICY = "^(off|lenient|strict)$"
_GPU_BATCH = 16

Side = Annotated[int, Field(ge=32, le=4096)]


class ModelSettings(Section):
    """Which networks look at the photos."""

    pack: str = Field("buffalo_l", description="Installed pack, or the path of a pack's folder.")
    root: Path = Field(
        Path("~/.cache/soloface/models"), description="Where `soloface models install` puts packs."
    )
    dimension: int | None = Field(
        None, ge=1, le=2000, description="Embedding size; by default 128 for `open`, 512 otherwise."
    )
    providers: Annotated[tuple[str, ...], Names] = Field(
        ("CPUExecutionProvider",), description="ONNX Runtime providers, with commas."
    )

    mode: Literal["fast", "reference"] = Field(
        "fast",
        description="`reference`: plain `FaceAnalysis.get`, for insightface packs only.",
    )
    preview_px: int = Field(
        640, ge=32, description="A JPEG is decoded no smaller than this on its long side."
    )
    detection_px: Annotated[tuple[Side, ...], Names] = Field(
        (320, 640),
        min_length=1,
        description="Long sides at which faces are looked for in turn, until one is found.",
    )
    max_magnification: float = Field(
        1.15,
        ge=1,
        allow_inf_nan=False,
        description="A face that is magnified more is decoded again, finer.",
    )
    ignore_smaller: float = Field(
        0,
        ge=0,
        lt=1,
        allow_inf_nan=False,
        description="Faces below this share of the largest one's size do not count, like `0.33`.",
    )
    intra_op_threads: int = Field(1, ge=1, description="Threads of one run of a network.")
    spinning: bool = Field(default=False, description="Whether those wait by spinning.")
    opencv_threads: int = Field(1, ge=1, description="Threads of one call of OpenCV.")
    batch: int | None = Field(
        None,
        ge=1,
        le=256,
        description="Photos that a network takes together; by default 1 on the CPU, else 16.",
    )

    @model_validator(mode="after")
    def _looks_grow(self) -> Self:
        if list(self.detection_px) != sorted(set(self.detection_px)):
            raise ValueError("SOLOFACE_MODEL__DETECTION_PX: each look must be larger than the last")
        if self.preview_px < self.detection_px[-1]:
            raise ValueError(
                "SOLOFACE_MODEL__PREVIEW_PX: the last look needs at least "
                f"{self.detection_px[-1]} pixels"
            )
        return self

    @property
    def procedure(self) -> Procedure:
        """What is done to a photo before a face is cut out of it."""
        return Procedure(
            self.preview_px, self.detection_px, self.max_magnification, self.ignore_smaller
        )

    @property
    def on_processor(self) -> bool:
        """Whether the networks run on the CPU."""
        return self.providers[:1] == ("CPUExecutionProvider",)

    @property
    def together(self) -> int:
        """How many photos a network takes at most in one run."""
        return self.batch or (1 if self.on_processor else _GPU_BATCH)

    @property
    def embedding_dimension(self) -> int:
        """Length of the vectors that the pack makes."""
        return self.dimension or (128 if self.pack == OPEN_PACK else 512)


class ImageSettings(Section):
    """What a photo may cost."""

    max_bytes: int = Field(30_000_000, ge=1, description="Larger objects are not read.")
    max_pixels: int = Field(
        100_000_000,
        ge=1,
        description="By the header's word. Decoding takes up to 20 bytes for each, on each core.",
    )
    deadline_s: Seconds = Field(
        30, description="For decoding, detecting and embedding one photo; then it is left behind."
    )


class MatchSettings(Section):
    """When the nearest user is the answer. By default: always."""

    max_distance: float | None = Field(
        None, ge=0, le=2, description="Cosine distance above which nobody is recorded."
    )
    min_margin: float | None = Field(
        None, ge=0, le=2, description="How much farther the second-best user must be."
    )


class QualitySettings(Section):
    """How good the picture of a face must be; see :mod:`dataflow.faces.quality`."""

    photos: str = Field(
        "off",
        pattern=QUALITY_POLICY,
        description="off, lenient or strict: photos below are skipped as `low_quality`.",
    )


class EnrolmentSettings(Section):
    """Who may be enrolled, and by which photos."""

    quality: str = Field(
        "strict",
        pattern=QUALITY_POLICY,
        description="off, lenient or strict: enrolment photos below are refused.",
    )
    min_distance: float | None = Field(
        None,
        ge=0,
        le=2,
        description="Nearer to another user is a clash; by default the model's threshold.",
    )


class WorkerSettings(Section):
    """How the work is cut."""

    batch: int = Field(16, ge=1, le=256, description="Jobs that pass a step together.")
    fetchers: int = Field(16, ge=1, le=64, description="Images fetched at a time, per process.")
    cores: int | None = Field(
        None,
        ge=1,
        description="Images computed at a time, per process; by default the cores it may use.",
    )
    in_flight: int = Field(
        32, ge=1, le=1024, description="Photos fetched, waiting or computed at a time, per process."
    )
    in_flight_bytes: int = Field(
        200_000_000, ge=1, description="Fetched images that wait; above that no fetch begins."
    )
    photo_grace_s: float = Field(
        5,
        ge=0,
        allow_inf_nan=False,
        description="How long an unknown photo may still be on its way into `photos`.",
    )
    drain_timeout_s: Seconds = Field(
        25, description="A drain that takes longer is given up; below your platform's grace."
    )
    stall_s: Seconds = Field(
        60, description="Jobs wait and none comes for so long: the subscription is made anew."
    )
    live_s: Seconds = Field(
        300, description="`/livez` fails when a loop has not come round for so long."
    )
    dedup_window_s: Seconds = Field(120, description="How long a photo is remembered as seen.")
    dedup_entries: int = Field(100_000, ge=64, description="How many photos are, at most.")


class LogSettings(Section):
    """What is printed."""

    level: str = Field("info", pattern="^(debug|info|warning|error)$", description="Least level.")
    format: str = Field("auto", pattern="^(auto|json|console)$", description="auto: json if piped.")


class TracingSettings(Section):
    """Spans of jobs and their stages, for OpenTelemetry; needs `soloface[tracing]`."""

    endpoint: str | None = Field(
        None,
        pattern="^https?://",
        description="OTLP over HTTP, like `http://collector:4318/v1/traces`; absent: no spans.",
    )
    ratio: float = Field(
        1, ge=0, le=1, description="Share of traces that begin here; others follow their parent."
    )
