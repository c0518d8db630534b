"""`soloface migrate`: make the tables, or bring them up to date."""

from __future__ import annotations

from typing import Annotated

import typer

from soloface.cli.frame.output import JsonOption, print_json
from soloface.cli.frame.settings import load_settings


def migrate(
    *,
    create: Annotated[
        bool,
        typer.Option(
            "--create", help="Make `photos` and `users` also in a database with other tables."
        ),
    ] = False,
    wait: Annotated[
        float, typer.Option(min=0, help="Seconds to try again while somebody holds a table.")
    ] = 60,
    as_json: JsonOption = False,
) -> None:
    """Make the database's tables, or bring them up to date. Safe to run again.

    Your own `photos` and `users` tables get new columns and are never replaced. The pack in
    SOLOFACE_MODEL__PACK decides the length of the vectors.
    """
    from connectors.postgres.setup.migrate import migrate as apply

    settings = load_settings()
    dimension = settings.model.embedding_dimension
    applied = apply(
        settings.database,
        dimension,
        lambda text: typer.echo(text, err=True),
        create=create,
        wait_s=wait,
    )
    if as_json:
        print_json({"applied": applied, "dimension": dimension})
    elif applied:
        for name in applied:
            typer.echo(f"applied {name}")
    else:
        typer.echo("nothing to do")
