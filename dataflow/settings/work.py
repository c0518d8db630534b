"""The work itself: models, photos, decisions, logs and traces."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from dataflow.settings.procedure import Procedure
from dataflow.settings.section import Section
from dataflow.settings.types import Names, Seconds

OPEN_PACK = "open"
OPEN_DLIB_PACK = "open-dlib"
QUALITY_POLICY = "^(off|lenient|strict)$"
_GPU_BATCH = 16

Side = Annotated[int, Field(ge=32, le=4096)]


class ModelSettings(Section):
    """Which networks look at the photos, and how."""

    pack: str = Field(
        "buffalo_l", description="Name of an installed pack, or path of a pack's folder."
    )
    root: Path = Field(
        Path("~/.cache/soloface/models"), description="Where `soloface models install` puts packs."
    )
    dimension: int | None = Field(
        None,
        ge=1,
        le=2000,
        description="Embedding size; by default 128 for `open` and `open-dlib`, 512 otherwise.",
    )
    providers: Annotated[tuple[str, ...], Names] = Field(
        ("CPUExecutionProvider",), description="ONNX Runtime providers, separated by commas."
    )

    mode: Literal["fast", "reference"] = Field(
        "fast",
        description="`reference` works like `FaceAnalysis.get`; for insightface packs only.",
    )
    preview_px: int = Field(
        640, ge=32, description="A JPEG is decoded to at least this on its long side."
    )
    detection_px: Annotated[tuple[Side, ...], Names] = Field(
        (320, 640),
        min_length=1,
        description="Long sides at which to look for faces, in turn, until one is found.",
    )
    max_magnification: float = Field(
        1.15,
        ge=1,
        allow_inf_nan=False,
        description="If a face would be magnified more, the JPEG is decoded again, larger.",
    )
    ignore_smaller: float = Field(
        0,
        ge=0,
        lt=1,
        allow_inf_nan=False,
        description="Faces smaller than this share of the largest face, like `0.33`, do not count.",
    )
    choose_by_bbox: bool = Field(
        default=False,
        description="Whether a job's `bbox` chooses the face. If not, it is for information only.",
    )
    intra_op_threads: int = Field(1, ge=1, description="Threads for one run of a network.")
    spinning: bool = Field(
        default=False, description="Whether these threads use the processor while they wait."
    )
    opencv_threads: int = Field(1, ge=1, description="Threads for one call of OpenCV.")
    batch: int | None = Field(
        None,
        ge=1,
        le=256,
        description="Photos that a network takes at a time; by default 1 on the CPU, else 16.",
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
        return self.dimension or (128 if self.pack in (OPEN_PACK, OPEN_DLIB_PACK) else 512)


class ImageSettings(Section):
    """Limits for one photo."""

    max_bytes: int = Field(30_000_000, ge=1, description="Largest object that is read, in bytes.")
    max_pixels: int = Field(
        100_000_000,
        ge=1,
        description="Most pixels of an image. Each takes up to 20 bytes of memory, on each core.",
    )
    deadline_s: Seconds = Field(
        30,
        description="Longest time to decode, detect and embed a photo. Then it is given up.",
    )


class MatchSettings(Section):
    """When the nearest user is the answer. By default: always."""

    max_distance: float | None = Field(
        None,
        ge=0,
        le=2,
        description="Cosine distance above which nobody is recorded. A small distance means alike.",
    )
    max_fpir: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Share of strangers' photos that may get a wrong tag, like `0.01`. The worker "
        "finds the distance for it, from the pack's figures and the number of users.",
    )
    min_margin: float | None = Field(
        None,
        ge=0,
        le=2,
        description="How much farther than the nearest user the second-best must be.",
    )
    gallery: Literal["optional", "required"] | None = Field(
        None,
        description="`required`: a job that names no gallery ends as `missing_gallery`, and no "
        "face is compared with everybody. `optional` ends that. Without either it stays as the "
        "last worker had it, and is optional at first.",
    )

    @property
    def gallery_required(self) -> bool:
        """Whether each job has to name a gallery, by what is set here."""
        return self.gallery == "required"


class RematchSettings(Section):
    """What happens to tags when somebody enrols, or is corrected, later."""

    move: bool = Field(
        default=True,
        description="Whether a tag that nobody has confirmed moves to a user who is nearer now. If "
        "not, only untagged faces gain a tag.",
    )


class QualitySettings(Section):
    """How good the picture of a face must be, see [Quality](enrolment.md#quality)."""

    photos: str = Field(
        "off",
        pattern=QUALITY_POLICY,
        description="`off`, `lenient` or `strict`. Photos that fail it end as `low_quality`.",
    )


class EnrolmentSettings(Section):
    """Who may be enrolled, and by which photos."""

    quality: str = Field(
        "strict",
        pattern=QUALITY_POLICY,
        description="`off`, `lenient` or `strict`. Enrolment photos that fail it are refused.",
    )
    min_distance: float | None = Field(
        None,
        ge=0,
        le=2,
        description="Nearer users are refused, as one person. By default it follows from the "
        "pack's figures, the number of users and that of their photos; without figures it is the "
        "pack's threshold.",
    )
    bystanders: Literal["refuse", "ignore"] = Field(
        "refuse",
        description="`ignore`: of an enrolment photo that shows several people, the one who is "
        "[clearly its subject](enrolment.md#others-on-the-photo) is enrolled.",
    )


class WorkerSettings(Section):
    """How much is done at a time, and how long the worker waits."""

    batch: int = Field(16, ge=1, le=256, description="Jobs that go through a step together.")
    fetchers: int = Field(16, ge=1, le=64, description="Images to fetch at a time, per process.")
    cores: int | None = Field(
        None,
        ge=1,
        description="Images to compute at a time, per process; by default its number of cores.",
    )
    in_flight: int = Field(
        32,
        ge=1,
        le=1024,
        description="Live photos in work at a time (fetched, waiting or computed), per process.",
    )
    in_flight_bytes: int = Field(
        200_000_000,
        ge=1,
        description="Bytes of a lane's fetched images that may wait. Above this, no fetch begins.",
    )
    backfill_in_flight: int | None = Field(
        None,
        ge=1,
        le=1024,
        description="Jobs that can wait that a process holds at a time; by default 16 for each "
        "of its cores. More do it no good, and live jobs wait for them.",
    )
    backfill_cores: int | None = Field(
        None,
        ge=1,
        description="Cores for jobs that can wait while live jobs come, per process; by default "
        "all but one.",
    )
    photo_grace_s: float = Field(
        5,
        ge=0,
        allow_inf_nan=False,
        description="How long the worker waits for a photo that is not in `photos` yet.",
    )
    drain_timeout_s: Seconds = Field(
        25,
        description="A stop that takes longer is cut short. Keep it below the grace period.",
    )
    stall_s: Seconds = Field(
        60, description="If jobs wait and none comes for so long, the worker subscribes again."
    )
    live_s: Seconds = Field(
        300, description="`/livez` fails if a loop has made no round for so long."
    )
    dedup_window_s: Seconds = Field(
        120, description="How long the worker remembers a photo that it has seen."
    )
    dedup_entries: int = Field(100_000, ge=64, description="How many photos it remembers, at most.")


class LogSettings(Section):
    """What the worker prints."""

    level: str = Field(
        "info",
        pattern="^(debug|info|warning|error)$",
        description="Lowest level to print: `debug`, `info`, `warning` or `error`.",
    )
    format: str = Field(
        "auto",
        pattern="^(auto|json|console)$",
        description="`json`, `console` or `auto`, which is `json` in a pipe.",
    )


class TracingSettings(Section):
    """Spans of jobs and their stages, for OpenTelemetry; needs `soloface[tracing]`."""

    endpoint: str | None = Field(
        None,
        pattern="^https?://",
        description="Where to send spans, like `http://collector:4318/v1/traces` (OTLP, HTTP).",
    )
    ratio: float = Field(
        1,
        ge=0,
        le=1,
        description="Share of traces to keep of those that begin here. Others follow their parent.",
    )
