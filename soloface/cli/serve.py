"""`soloface serve` and `soloface token`: the API and the review page, and who may use them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from soloface.cli.frame.extras import require_web
from soloface.cli.frame.output import JsonOption, complain, print_json, say
from soloface.cli.frame.settings import load_settings

if TYPE_CHECKING:
    from dataflow.settings import Settings
    from soloface.web.work.desk import Desk


def serve() -> None:
    """Serve the API and the review page, on this machine alone unless people sign in.

    Ctrl-C ends it. It listens on 127.0.0.1:8080, and there whoever works on this machine may do
    everything. Set SOLOFACE_WEB__TOKENS to a file of tokens to let others in, each with a name and
    roles, and SOLOFACE_WEB__HOST to listen elsewhere.
    """
    import structlog

    from dataflow.process.cores import share_python
    from dataflow.process.logs import configure_logs

    require_web()
    from soloface.web.app import build
    from soloface.web.server import listen, server_of, url_of
    from soloface.web.work.desk import Desk

    settings = load_settings()
    configure_logs(settings.log)
    share_python()
    desk = Desk(settings)
    try:
        app = build(desk)
        desk.check()
        _observe(settings, desk)
        with listen(settings.web) as listening:
            desk.start()
            structlog.get_logger().info("web_listening", url=url_of(listening))
            server_of(app, settings.web).run(sockets=[listening])
    finally:
        desk.close()


def token(
    name: Annotated[str, typer.Argument(help="Whose it is; their decisions are kept under it.")],
    *,
    roles: Annotated[
        list[str] | None,
        typer.Option(
            "--role",
            help="What they may do: finder, enroller or reviewer. Give it again for another.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a token for somebody who uses the API or the review page.

    Its line goes into the file SOLOFACE_WEB__TOKENS: `soloface token olga --role reviewer >>
    tokens`. The line holds a hash, so that the file lets nobody in. The token itself is shown once,
    on standard error.
    """
    from soloface.web.gate.identity import Role
    from soloface.web.gate.tokens import new_token

    wanted = roles or ["reviewer"]
    if unknown := [role for role in wanted if role not in set(Role)]:
        raise typer.BadParameter(f"{unknown[0]} is no role; they are {', '.join(Role)}")
    secret, line = new_token(name, {Role(role) for role in wanted})
    if as_json:
        print_json({"name": name, "roles": sorted(set(wanted)), "token": secret, "line": line})
        return
    complain(f"token of {name}, shown only once: {secret}")
    say(line)


def _observe(settings: Settings, desk: Desk) -> None:
    """Metrics and probes, on a port of their own."""
    if settings.metrics_port is None:
        return
    from connectors.telemetry.observing import describe_health
    from connectors.telemetry.probes import serve_probes
    from connectors.telemetry.reachability import look_after
    from dataflow.process.health import Health

    health = Health()
    describe_health(health)
    serve_probes(settings.metrics_port, health, settings.worker.live_s)
    look_after(settings, health, desk.stop)
