"""`soloface dlq bury`: reject a job by hand."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from soloface.cli.frame.output import JsonOption, print_json, say
from soloface.cli.frame.settings import load_settings


def bury(
    stream_seq: Annotated[
        int,
        typer.Argument(
            help="The job's sequence on its stream, as `doctor` and the log name it.", min=1
        ),
    ],
    *,
    why: Annotated[str | None, typer.Option(help="Why, for the record.")] = None,
    by: Annotated[str | None, typer.Option(help="Who says so, for the record.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Reject a job that waits, or that a worker holds.

    Its outcome is recorded with the reason `buried`, its dead letter can be replayed, and the job
    leaves the stream. A worker that holds it lets go of it within some seconds.
    """
    from soloface.cli.dlq.burying import reject

    item = asyncio.run(reject(load_settings(), stream_seq, _detail(why, by)))
    photo_id = item.job.photo_id if item.job else None
    if as_json:
        print_json({"stream_seq": stream_seq, "photo_id": photo_id, "reason": item.reason})
    else:
        whose = f"of photo {photo_id}" if photo_id else "that was no valid job"
        say(f"buried {stream_seq} {whose}")


def _detail(why: str | None, by: str | None) -> str:
    return "rejected by hand" + (f" by {by}" if by else "") + (f": {why}" if why else "")
