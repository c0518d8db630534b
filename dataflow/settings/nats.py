"""NATS: where jobs come from."""

from __future__ import annotations

from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator

from dataflow.jobs.lane import Lane
from dataflow.settings.section import PREFIX, Section, all_or_none
from dataflow.settings.types import PemFile, Seconds

Subject = Annotated[str, Field(pattern=r"^[^\s.*>]+(\.[^\s.*>]+)*$")]
"""Without wildcards."""
Name = Annotated[str, Field(pattern=r"^[^\s.*>/\\]{1,255}$")]
"""Of a stream or a consumer, as the server allows it."""
_SCHEMES = ("nats://", "tls://")


class NatsSettings(Section):
    """Where jobs come from, and how they are delivered."""

    url: str = Field(  # may hold a password
        "nats://127.0.0.1:4222", description="Server. Separate several with commas.", repr=False
    )
    user: str | None = Field(None, description="User name; needs `password` too.")
    password: SecretStr | None = Field(None, description="Password of `user`.")
    token: SecretStr | None = Field(None, description="Token, instead of user and password.")
    nkey_seed: SecretStr | None = Field(
        None, description="Seed of a user's nkey (`SU…`), instead of user and password."
    )
    credentials: PemFile | None = Field(
        None, description="Path of a credentials file (`.creds`), instead of user and password."
    )
    tls_ca: PemFile | None = Field(
        None, description="Path of the CAs to trust, in PEM form; by default the system's."
    )
    tls_cert: PemFile | None = Field(
        None, description="Path of the worker's own certificate, for mTLS."
    )
    tls_key: PemFile | None = Field(None, description="Path of the private key of `tls_cert`.")
    inbox_prefix: Subject = Field(
        "_INBOX",
        description="How the subjects begin on which answers come; this login must be allowed to "
        "subscribe to them.",
    )
    jetstream_domain: str | None = Field(
        None, pattern=r"^[^\s.*>]+$", description="JetStream's domain, behind a leaf node."
    )
    api_prefix: Subject | None = Field(
        None,
        description="Subject of JetStream's interface, if an account imports it under another "
        "name than `$JS.API`.",
    )
    subject: str = Field("photo_faces.single.requested", description="Subject of the jobs.")
    stream: Name = Field("PHOTO_FACES", description="Stream that holds the jobs.")
    durable: Name = Field("soloface", description="Durable consumer; replicas share it.")
    backfill: bool = Field(default=True, description="Have a second lane, for jobs that can wait.")
    backfill_subject: Subject = Field(
        "photo_faces.single.backfill",
        description="Subject of the jobs that can wait, on the same stream.",
    )
    backfill_durable: Name = Field(
        "soloface-backfill", description="Durable consumer of the jobs that can wait."
    )
    backfill_share: float = Field(
        0.05,
        ge=0,
        le=0.5,
        allow_inf_nan=False,
        description="Share of the pulls that the jobs that can wait get however many others wait.",
    )
    dead_subject: str = Field("photo_faces.single.dead", description="Subject of dead letters.")
    dead_stream: Name = Field("PHOTO_FACES_DEAD", description="Stream that keeps dead letters.")
    events: bool = Field(default=True, description="Publish an event for every settled job.")
    settled_subject: str = Field("photo_faces.single.settled", description="Subject of the events.")
    settled_stream: Name = Field("PHOTO_FACES_SETTLED", description="Stream that keeps events.")
    tags: bool = Field(
        default=True,
        description="Tell every change of a tag. Without it the changes are thrown away, and the "
        "feed begins only when it is on again.",
    )
    tags_subject: Subject = Field(
        "photo_faces.single.tags", description="Subject of the changes of tags."
    )
    tags_stream: Name = Field(
        "PHOTO_FACES_TAGS", description="Stream that keeps the changes of tags, all of them."
    )
    people_stream: Name = Field(
        "USERS_FACE", description="Stream that holds the requests about people."
    )
    people_requested_subject: Subject = Field(
        "users.face.requested", description="Subject of requests to enrol somebody."
    )
    people_withdrawn_subject: Subject = Field(
        "users.face.withdrawn", description="Subject of withdrawals."
    )
    people_durable: Name = Field(
        "soloface-people", description="Durable consumer of the requests; replicas share it."
    )
    people_dead_subject: Subject = Field(
        "users.face.dead", description="Subject of the dead letters of requests."
    )
    people_dead_stream: Name = Field(
        "USERS_FACE_DEAD", description="Stream that keeps the dead letters of requests."
    )
    people_settled_subject: Subject = Field(
        "users.face.settled", description="Subject of the events of requests."
    )
    people_settled_stream: Name = Field(
        "USERS_FACE_SETTLED", description="Stream that keeps the events of requests."
    )
    provision: bool = Field(default=True, description="Create streams and consumer when absent.")
    replicas: int = Field(
        1, ge=1, le=5, description="Servers of a cluster that keep each stream that is made."
    )
    ack_wait_s: Seconds = Field(
        30,
        ge=1,
        description="The server sends a job again after so long without a sign of life.",
    )
    max_ack_pending: int = Field(
        256, ge=1, description="Jobs in work over all workers, at most. Limits the memory they use."
    )
    max_deliver: int = Field(
        8,
        ge=2,
        description="After so many deliveries a job becomes a dead letter and is not tried again.",
    )
    retry_delay_s: Seconds = Field(
        5,
        description="Delay after a passing failure, times the job's deliveries so far.",
    )

    @property
    def lanes(self) -> tuple[Lane, ...]:
        """The lanes that are wanted; a stream may have only the first."""
        return tuple(Lane) if self.backfill else (Lane.LIVE,)

    def subject_of(self, lane: Lane) -> str:
        """Where a lane's jobs are published."""
        return self.subject if lane is Lane.LIVE else self.backfill_subject

    def lane_of(self, subject: str) -> Lane | None:
        """The lane whose jobs have this subject, ``None`` if they are no jobs."""
        return next((lane for lane in self.lanes if subject in self.subjects_of(lane)), None)

    def durable_of(self, lane: Lane) -> str:
        """The consumer that delivers a lane's jobs."""
        return self.durable if lane is Lane.LIVE else self.backfill_durable

    def subjects_of(self, lane: Lane) -> list[str]:
        """All subjects of a lane's jobs."""
        return [self.subject_of(lane)]

    def any_subject_of(self, lane: Lane) -> str:
        """What takes in all of them, on their stream."""
        only, *more = self.subjects_of(lane)
        return ">" if more else only

    @property
    def people(self) -> PeopleQueue:
        """The same server with the queue of people in place of the photos'."""
        names = {
            "stream": self.people_stream,
            "subject": self.people_requested_subject,
            "durable": self.people_durable,
            "dead_subject": self.people_dead_subject,
            "dead_stream": self.people_dead_stream,
            "settled_subject": self.people_settled_subject,
            "settled_stream": self.people_settled_stream,
            "tags": False,
            "backfill": False,
            "photos": self,
        }
        return PeopleQueue.model_construct(**{**dict(self), **names})

    @property
    def servers(self) -> list[str]:
        """The URLs, one by one."""
        return [server for part in self.url.split(",") if (server := part.strip())]

    @property
    def jetstream_prefix(self) -> str:
        """Subject under which JetStream's interface is."""
        domain = f"$JS.{self.jetstream_domain}.API" if self.jetstream_domain else "$JS.API"
        return self.api_prefix or domain

    @property
    def tls(self) -> bool:
        """Whether nothing may be said before the connection is encrypted."""
        files = (self.tls_ca, self.tls_cert, self.tls_key)
        return any(files) or any(server.startswith("tls://") for server in self.servers)

    @property
    def logins(self) -> list[str]:
        """The variables that say who we are; more than one is refused."""
        ways = ("user", "token", "nkey_seed", "credentials")
        names = [way for way in ways if getattr(self, way) is not None]
        names += ["url"] if "@" in self.url else []
        return [f"{PREFIX}NATS__{name.upper()}" for name in names]

    @model_validator(mode="after")
    def _whole_login(self) -> Self:
        for server in self.servers or [""]:
            _check_address(server)
        if self.jetstream_domain and self.api_prefix:
            raise ValueError(
                f"{PREFIX}NATS__JETSTREAM_DOMAIN and {PREFIX}NATS__API_PREFIX say the same in two "
                "ways; keep one"
            )
        if self.backfill and self.subject == self.backfill_subject:
            raise ValueError(
                f"{PREFIX}NATS__SUBJECT and {PREFIX}NATS__BACKFILL_SUBJECT are the same; name "
                f"another, or set {PREFIX}NATS__BACKFILL=false"
            )
        if self.backfill and self.durable == self.backfill_durable:
            raise ValueError(
                f"{PREFIX}NATS__DURABLE and {PREFIX}NATS__BACKFILL_DURABLE are the same; name "
                f"another, or set {PREFIX}NATS__BACKFILL=false"
            )
        all_or_none(self, "NATS", "tls_cert", "tls_key")
        all_or_none(self, "NATS", "user", "password")
        if len(self.logins) > 1:
            raise ValueError(f"{' and '.join(self.logins)} are several ways to log in; keep one")
        return self


class PeopleQueue(NatsSettings):
    """Where requests about people come from, under the names that any queue's settings have.

    ``photos`` are the settings that it was made of.
    """

    photos: NatsSettings = Field(exclude=True)

    def subjects_of(self, lane: Lane) -> list[str]:
        """Of the requests and of the withdrawals: in one stream, which puts them in order."""
        del lane
        return [self.subject, self.people_withdrawn_subject]


def _check_address(server: str) -> None:
    # Never quoted: it may hold a password.
    if "://" in server and not server.startswith(_SCHEMES):
        raise ValueError(f"{PREFIX}NATS__URL takes nats:// and tls:// only")
    try:
        address = urlsplit(server if "://" in server else f"nats://{server}")
        usable = bool(address.hostname) and address.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError(f"{PREFIX}NATS__URL is not nats://HOST:PORT with a port up to 65535")
