"""Every metric, in one place: what an operator sees of a worker.

Labels are of few values that are known beforehand; no id, no vector, nothing of a payload.
"""

from __future__ import annotations

from itertools import product

from prometheus_client import Counter, Gauge, Histogram, Info

from dataflow.jobs.lane import Lane
from dataflow.jobs.reason import Reason
from dataflow.jobs.stages import Stage
from dataflow.process.version import VERSION
from dataflow.tags.change import Cause, Change

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
JOBS = Counter(
    "soloface_jobs", "Settled jobs, also those that were settled before.", ["outcome", "reason"]
)
REPEATS = Counter(
    "soloface_repeats",
    "Settled jobs that had an outcome before: the first acknowledgement got lost.",
)
RETRIES = Counter("soloface_retries", "Deliveries that were sent back, to come again later.")
DELIVERIES = Counter("soloface_deliveries", "Deliveries that arrived.", ["lane"])
REDELIVERIES = Counter("soloface_redeliveries", "Deliveries that were not a job's first.", ["lane"])
EVENTS = Counter("soloface_events", "Outcome events that the stream has confirmed.")

# How long it took.
STAGE_SECONDS = Histogram(
    "soloface_stage_seconds",
    "Seconds that a job spent in one stage.",
    ["stage"],
    buckets=_STAGE_BUCKETS,
)
JOB_SECONDS = Histogram(
    "soloface_job_seconds",
    "Seconds from a job's publication to its outcome.",
    ["lane"],
    buckets=_JOB_BUCKETS,
)

# Whom it found.
MATCH_DISTANCE = Histogram(
    "soloface_match_distance",
    "Cosine distance to the nearest user; small means alike.",
    ["reason"],
    buckets=_DISTANCE_BUCKETS,
)
MATCH_MARGIN = Histogram(
    "soloface_match_margin",
    "How much farther the second-best user is than the nearest.",
    ["reason"],
    buckets=_MARGIN_BUCKETS,
)
MATCH_LIMIT = Gauge(
    "soloface_match_limit",
    "Cosine distance above which nobody is recorded; not a number if there is no limit.",
    ["model"],
)
GALLERY_USERS = Gauge("soloface_gallery_users", "Enrolled users.", ["model"])
GALLERY_RECALL = Gauge(
    "soloface_gallery_recall",
    "Measured share of faces whose nearest user the search finds; 1 while it is exact.",
    ["model"],
)
GALLERY_INDEX_DUE = Gauge(
    "soloface_gallery_index_due",
    "1 if many users have no usable index, or if they have doubled since it was measured.",
    ["model"],
)

# What became of the tags later.
REMATCHED_PHOTOS = Counter(
    "soloface_rematched_photos",
    "Photos that were decided again after a change of users, words, limits or contract.",
)
TAGS_CHANGED = Counter(
    "soloface_tags_changed",
    "Changes of tags that were told: the stream has confirmed them.",
    ["change", "cause"],
)
OUTBOX_CHANGES = Gauge("soloface_outbox_changes", "Changes of tags that were not told yet.")
OUTBOX_AGE = Gauge(
    "soloface_outbox_age_seconds",
    "How long the oldest change of a tag has been waiting to be told; 0 if there is none.",
)

# What waits. The same for all workers of one consumer, so take the maximum, not the sum.
IN_FLIGHT = Gauge("soloface_in_flight", "Deliveries that this process has not acknowledged yet.")
CONSUMER_PENDING = Gauge(
    "soloface_consumer_pending", "Jobs that wait for their first delivery to a worker.", ["lane"]
)
CONSUMER_ACK_PENDING = Gauge(
    "soloface_consumer_ack_pending",
    "Jobs that were delivered to any worker and are not acknowledged.",
    ["lane"],
)
OLDEST_JOB_AGE = Gauge(
    "soloface_oldest_job_age_seconds",
    "Age of the oldest job without an outcome; 0 if there is none.",
    ["lane"],
)
LANE_PAUSED = Gauge(
    "soloface_lane_paused", "1 while the lane is paused and gives no jobs, else 0.", ["lane"]
)
DEAD_LETTERS = Gauge("soloface_dead_letters", "Dead letters on their stream.")
REMATCH_WAITING = Gauge(
    "soloface_rematch_waiting",
    "Changes for which faces are still to be matched again, 8192 at most; 0 in processes that are "
    "not at it.",
)
REMATCH_AGE = Gauge(
    "soloface_rematch_age_seconds",
    "Age of the oldest of these changes; 0 in processes that are not at it.",
)
REMATCH_SHARE = Gauge(
    "soloface_rematch_share",
    "Share of the stored faces that were looked through for the changes at hand; 0 in processes "
    "that are not at it.",
)

# People who are enrolled, or withdraw, by messages.
PEOPLE_REQUESTS = Counter(
    "soloface_people_requests",
    "Settled requests about people, also those that were settled before.",
    ["outcome", "reason"],
)
PEOPLE_RETRIES = Counter(
    "soloface_people_retries", "Requests about people that were sent back, to come again later."
)
PEOPLE_DELIVERIES = Counter(
    "soloface_people_deliveries", "Deliveries of requests about people that arrived."
)
PEOPLE_REDELIVERIES = Counter(
    "soloface_people_redeliveries", "Deliveries of requests about people that were not the first."
)
PEOPLE_EVENTS = Counter(
    "soloface_people_events", "Events of requests about people that the stream has confirmed."
)
PEOPLE_SECONDS = Histogram(
    "soloface_people_seconds",
    "Seconds from the publication of a request about people to its outcome.",
    buckets=_JOB_BUCKETS,
)
PEOPLE_IN_FLIGHT = Gauge(
    "soloface_people_in_flight",
    "Requests about people that this process has not acknowledged yet.",
)
PEOPLE_PENDING = Gauge(
    "soloface_people_pending", "Requests about people that wait for their first delivery."
)
PEOPLE_ACK_PENDING = Gauge(
    "soloface_people_ack_pending",
    "Requests about people that were delivered to any process and are not acknowledged.",
)
PEOPLE_PAUSED = Gauge(
    "soloface_people_paused", "1 if the consumer of requests about people is paused, else 0."
)
PEOPLE_OLDEST_AGE = Gauge(
    "soloface_people_oldest_age_seconds",
    "Age of the oldest request about people without an outcome; 0 if there is none.",
)
PEOPLE_DEAD_LETTERS = Gauge(
    "soloface_people_dead_letters", "Dead letters of requests about people on their stream."
)

# What was asked of `soloface serve`.
WEB_REQUESTS = Counter(
    "soloface_web_requests",
    "Answered requests, by the path's pattern.",
    ["route", "method", "status"],
)
WEB_SECONDS = Histogram(
    "soloface_web_request_seconds",
    "Seconds from a request's head to the end of its answer.",
    ["route"],
    buckets=_STAGE_BUCKETS,
)

# What it works with.
READY = Gauge("soloface_ready", "1 if the worker can work, else 0.")
DEPENDENCY_UP = Gauge(
    "soloface_dependency_up",
    "1 if the dependency can be used, as far as the worker knows, else 0.",
    ["dependency"],
)
MODEL = Info("soloface_model", "The models in use, and the contract (id) of their vectors.")
BUILD = Info("soloface_build", "The version of the program.")

BUILD.info({"version": VERSION})
# So that a rate is right from the first job on.
for _reason in Reason:
    JOBS.labels(_reason.outcome, _reason)
for _change, _cause in product(Change, Cause):
    TAGS_CHANGED.labels(_change, _cause)
for _lane in Lane:
    DELIVERIES.labels(_lane)
    REDELIVERIES.labels(_lane)
    JOB_SECONDS.labels(_lane)
for _stage in Stage:
    STAGE_SECONDS.labels(_stage)
