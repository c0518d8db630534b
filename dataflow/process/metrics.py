"""Every metric, in one place: what an operator sees of a worker.

Labels are of few values that are known beforehand; no id, no vector, nothing of a payload.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from prometheus_client import Counter, Gauge, Histogram, Info

from dataflow.jobs.reason import Reason
from dataflow.jobs.stages import Stage

DEPENDENCIES = (
    "NATS",
    "JetStream consumer",
    "PostgreSQL",
    "object store",
    "event stream",
    "dead-letter stream",
)

_STAGE_BUCKETS = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300,
)  # fmt: skip
_JOB_BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 21_600)
_DISTANCE_BUCKETS = (
    0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.8, 0.9, 1, 1.2,
)  # fmt: skip
_MARGIN_BUCKETS = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 1)

# What became of the jobs.
JOBS = Counter("soloface_jobs", "Settled jobs, repeated ones among them.", ["outcome", "reason"])
REPEATS = Counter(
    "soloface_repeats", "Settled jobs whose outcome was known already: their first answer got lost."
)
RETRIES = Counter("soloface_retries", "Deliveries that were sent back to come again.")
DELIVERIES = Counter("soloface_deliveries", "Deliveries that arrived.")
REDELIVERIES = Counter("soloface_redeliveries", "Those of them that were not a job's first.")
EVENTS = Counter("soloface_events", "Outcome events that the stream has confirmed.")

# How long it took.
STAGE_SECONDS = Histogram(
    "soloface_stage_seconds", "Time of a job in one stage.", ["stage"], buckets=_STAGE_BUCKETS
)
JOB_SECONDS = Histogram(
    "soloface_job_seconds", "Time from a job's publication to its outcome.", buckets=_JOB_BUCKETS
)

# Whom it found.
MATCH_DISTANCE = Histogram(
    "soloface_match_distance",
    "Cosine distance to the nearest user.",
    ["reason"],
    buckets=_DISTANCE_BUCKETS,
)
MATCH_MARGIN = Histogram(
    "soloface_match_margin",
    "How much farther the second-best user is.",
    ["reason"],
    buckets=_MARGIN_BUCKETS,
)
GALLERY_USERS = Gauge("soloface_gallery_users", "Enrolled users.", ["model"])
GALLERY_RECALL = Gauge(
    "soloface_gallery_recall",
    "Share of nearest users that the search has proved to find; 1 while it is exact.",
    ["model"],
)
GALLERY_INDEX_DUE = Gauge(
    "soloface_gallery_index_due",
    "1 while many users have no index that may be used, or twice as many as it was measured with.",
    ["model"],
)

# What waits. The same for all workers of one consumer, so take the maximum, not the sum.
IN_FLIGHT = Gauge("soloface_in_flight", "Deliveries of this process that have no answer yet.")
CONSUMER_PENDING = Gauge("soloface_consumer_pending", "Jobs that wait for their first delivery.")
CONSUMER_ACK_PENDING = Gauge(
    "soloface_consumer_ack_pending", "Jobs that were delivered to any worker and have no answer."
)
OLDEST_JOB_AGE = Gauge(
    "soloface_oldest_job_age_seconds", "Age of the oldest job without an outcome; 0 if none is."
)
DEAD_LETTERS = Gauge("soloface_dead_letters", "Dead letters that are kept.")

# What it works with.
READY = Gauge("soloface_ready", "1 while nothing keeps the worker from working.")
DEPENDENCY_UP = Gauge(
    "soloface_dependency_up",
    "1 as long as the dependency can be used, as far as we know.",
    ["dependency"],
)
MODEL = Info("soloface_model", "The models in use and the contract of their vectors.")
BUILD = Info("soloface_build", "The program.")

try:
    BUILD.info({"version": version("soloface")})
except PackageNotFoundError:  # run from its sources
    BUILD.info({"version": "unknown"})
# So that a rate is right from the first job on.
for _reason in Reason:
    JOBS.labels(_reason.outcome, _reason)
for _stage in Stage:
    STAGE_SECONDS.labels(_stage)
