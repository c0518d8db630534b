"""`soloface dlq bury`: reject a job, or a request about a person, by hand."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from soloface.cli.frame.output import JsonOption, print_json, say
from soloface.cli.frame.settings import load_settings


def bury(
    stream_seq: Annotated[
        int,
        typer.Argument(help="The sequence on the stream, as `doctor` and the log name it.", min=1),
    ],
    *,
    why: Annotated[str | None, typer.Option(help="Why, for the record.")] = None,
    by: Annotated[str | None, typer.Option(help="Who says so, for the record.")] = None,
    people: Annotated[
        bool, typer.Option("--people", help="A request about a person, not a photo's job.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Reject a job or a request that waits, or that a process holds.

    Its outcome is recorded with the reason `buried`, its dead letter can be replayed, and it leaves
    the stream. A process that holds it lets go of it within some seconds. A withdrawal that you
    bury is not done.
    """
    from soloface.cli.dlq.burying import reject, reject_request

    settings, detail = load_settings(), _detail(why, by)
    if people:
        request = asyncio.run(reject_request(settings, stream_seq, detail)).job
        about, what, found = "user", "request", request.user_id if request else None
    else:
        job = asyncio.run(reject(settings, stream_seq, detail)).job
        about, what, found = "photo", "job", job.photo_id if job else None
    if as_json:
        print_json({"stream_seq": stream_seq, f"{about}_id": found, "reason": "buried"})
    else:
        whose = f"of {about} {found}" if found else f"that was no valid {what}"
        say(f"buried {stream_seq} {whose}")


def _detail(why: str | None, by: str | None) -> str:
    return "rejected by hand" + (f" by {by}" if by else "") + (f": {why}" if why else "")
