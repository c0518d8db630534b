"""Which subcommands there are."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from soloface.cli.frame.lazy import MARKUP, LazyGroup


class Commands(LazyGroup):
    """All of them, in the order in which a newcomer meets them."""

    table = {  # noqa: RUF012 - never changed
        "demo": (
            "soloface.cli.demo.command:demo",
            "Watch it work: real NATS, PostgreSQL and S3 servers, real models, real photos.",
        ),
        "up": (
            "soloface.cli.up:up",
            "Start NATS, PostgreSQL and an S3 store, and print the environment to export.",
        ),
        "migrate": (
            "soloface.cli.migrate:migrate",
            "Make the database's tables, or bring them up to date. Safe to run again.",
        ),
        "enroll": (
            "soloface.cli.enroll.command:enroll",
            "Store users' faces: the mean of each one's photos, replacing an earlier one.",
        ),
        "reembed": (
            "soloface.cli.reembed:reembed",
            "Move the users to another pack: compute new vectors from their photos, then switch.",
        ),
        "publish": (
            "soloface.cli.publish.command:publish",
            "Publish one job, many from a file, or one for each of your own photos.",
        ),
        "watch": (
            "soloface.cli.watch.command:watch",
            "Follow the outcomes of jobs as they come, until Ctrl-C.",
        ),
        "reconcile": (
            "soloface.cli.reconcile:reconcile",
            "Find photos that have no outcome; with --publish, publish their jobs.",
        ),
        "lanes": (
            "soloface.cli.lanes:app",
            "See the jobs that wait in both lanes, and hold back those that can wait.",
        ),
        "doctor": (
            "soloface.cli.doctor.command:doctor",
            "Examine each dependency, the schema, the model and the consumer.",
        ),
        "calibrate": (
            "soloface.cli.calibrate.command:calibrate",
            "Find out what distances mean among your people, and which threshold to set.",
        ),
        "erase": (
            "soloface.cli.erase:erase",
            "Delete everything that soloface knows about a user or a photo.",
        ),
        "retention": (
            "soloface.cli.erase:retention",
            "Delete old faces on photos that matched nobody.",
        ),
        "dlq": (
            "soloface.cli.dlq.command:app",
            "Look at the jobs that were rejected, send them again, or remove them.",
        ),
        "match": (
            "soloface.cli.match.command:app",
            "Say whether a photo shows a user. No later job undoes it.",
        ),
        "rematch": (
            "soloface.cli.rematch:rematch",
            "Match recorded faces again with the enrolled users, by the limits of the workers.",
        ),
        "serve": (
            "soloface.cli.serve:serve",
            "Serve the API and the review page, on this machine alone unless people sign in.",
        ),
        "token": (
            "soloface.cli.serve:token",
            "Make a token for somebody who uses the API or the review page.",
        ),
        "gallery": (
            "soloface.cli.gallery:app",
            "Say which users belong to which gallery, and see to the search among many users.",
        ),
        "models": (
            "soloface.cli.models:app",
            "Install, list, show and verify the networks that find and compare faces.",
        ),
    }


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=MARKUP,
    pretty_exceptions_enable=False,  # tracebacks with locals would show secrets and vectors
    epilog="The worker itself: python -m bytewax.run dataflow:flow",
)


def _show_version(asked: bool | None) -> None:  # noqa: FBT001 - Typer's signature
    if asked:
        typer.echo(f"soloface {version('soloface')}")
        raise typer.Exit


@app.callback()
def soloface(
    *,
    _version: Annotated[
        bool | None,  # with a value of its own, Typer would load pydantic for it
        typer.Option(
            "--version",
            is_eager=True,
            callback=_show_version,
            expose_value=False,
            help="Print the version and exit.",
        ),
    ] = None,
) -> None:
    """Find which enrolled user is on each photo that shows exactly one person."""
