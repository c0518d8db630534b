"""Which subcommands there are."""

from __future__ import annotations

import typer

from soloface.cli import (
    calibrate,
    demo,
    dlq,
    enroll,
    erase,
    gallery,
    match,
    migrate,
    models,
    publish,
    reconcile,
    reembed,
    up,
    watch,
)
from soloface.cli.doctor.command import doctor

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,  # tracebacks with locals would show secrets and vectors
    help="Find which enrolled user is on each photo that shows exactly one person.",
    epilog="The worker itself: python -m bytewax.run dataflow:flow",
)

app.command()(demo.demo)
app.command()(up.up)
app.command()(migrate.migrate)
app.command()(enroll.enroll)
app.command()(reembed.reembed)
app.command()(publish.publish)
app.command()(watch.watch)
app.command()(reconcile.reconcile)
app.command()(doctor)
app.command()(calibrate.calibrate)
app.command()(erase.erase)
app.command()(erase.retention)
app.add_typer(dlq.app, name="dlq", help="List, show, replay and purge rejected jobs.")
app.add_typer(match.app, name="match", help="Say that a match is right, or wrong.")
app.add_typer(gallery.app, name="gallery", help="See and index how users are searched.")
app.add_typer(models.app, name="models", help="Install, list and verify model packs.")
