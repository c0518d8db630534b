"""`soloface gallery`: who belongs to which, how the users are searched, and the index."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from dataflow.jobs.errors import ConfigurationError
from soloface.cli import galleries
from soloface.cli.frame.galleries import REQUIRED
from soloface.cli.frame.output import JsonOption, console, counted, print_json, progress, say
from soloface.cli.frame.settings import load_settings

if TYPE_CHECKING:
    from connectors.postgres.gallery.proof import Measured
    from connectors.postgres.session import Connection
    from dataflow.gallery.search import Index, Plan
    from dataflow.settings import DatabaseSettings

app = typer.Typer(
    no_args_is_help=True,
    help="Say which users belong to which gallery, and see to the search among many users.",
)
app.command()(galleries.add)
app.command()(galleries.remove)
app.command()(galleries.members)
app.command("list")(galleries.list_galleries)

FacesOption = Annotated[
    int, typer.Option("--faces", min=1, help="How many made-up faces to search for.")
]
HardOption = Annotated[
    bool,
    typer.Option("--hard", help="Make up harder faces, which differ in the ways users do."),
]
REBUILD = "run: soloface gallery index --rebuild"
INDEX = "run: soloface gallery index"


@dataclass(frozen=True, slots=True)
class Status:
    """The gallery as the worker finds it."""

    contracts: dict[str, int]
    dimension: int
    required: bool
    plan: Plan
    index: Index | None
    measured: Measured

    @property
    def advice(self) -> str | None:
        """What to do; ``None`` if all is well."""
        if self.required:
            return None
        if self.plan.objection == "there is no index":
            return f"the exact search has become slow; {INDEX}"
        if self.plan.objection:
            return f"the exact search has become slow, but {self.plan.objection}; {REBUILD}"
        if self.measured.falls_short:
            return f"the search finds {self.measured.recall:.1%} of the nearest users; {INDEX}"
        if self.plan.proof and self.plan.outgrown:
            before = counted(self.plan.proof.users, "user")
            return f"the gallery has grown from {before} since it was measured; {INDEX}"
        return None


@app.command()
def status(
    *, faces: FacesOption = 400, hard: HardOption = False, as_json: JsonOption = False
) -> None:
    """Show the gallery's size, its index, and what the search finds, measured just now.

    Makes up faces of some users, at a cosine similarity of 0.5 to 0.7, searches for them as the
    worker does, and compares the result with a look at every user. Changes nothing. Exit code 1
    if there is something to do.
    """
    settings = load_settings()
    with _connected(settings.database) as connection:
        required = settings.match.gallery_required
        found = examine(connection, faces, hard=hard, required=required)
    if as_json:
        print_json(_as_dict(found))
    else:
        _print(found)
    if found.advice:
        raise typer.Exit(1)


@app.command()
def index(
    *,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Build it again even if there is one.")
    ] = False,
    memory_mb: Annotated[
        int, typer.Option("--memory", min=64, help="Memory of the server to build with, in MB.")
    ] = 1024,
    faces: FacesOption = 1000,
    hard: HardOption = False,
    as_json: JsonOption = False,
) -> None:
    """Build the index, if there is none, and measure how many of its lists to search.

    Workers go on meanwhile. They use the index within a minute after it was measured to find at
    least 99 of 100 users. You may interrupt the command at any moment and run it again.
    """
    from connectors.postgres.gallery.index import build, prove
    from connectors.postgres.gallery.proof import draw_sample
    from connectors.postgres.gallery.required import gallery_required
    from connectors.postgres.gallery.search import search_state, vector_dimension
    from dataflow.gallery.search import TARGET_RECALL, exact_limit, list_count, plan_search

    whole = load_settings()
    settings = whole.database
    with _connected(settings) as connection:
        model, users = _most(connection)
        required = whole.match.gallery_required or gallery_required(connection, model)
        dimension = vector_dimension(connection)
        _, known = search_state(connection, dimension)
    if model is None:
        raise ConfigurationError("nobody is enrolled yet: soloface enroll")
    if required:
        raise ConfigurationError(
            f"no index is needed: each face is searched in its gallery only, exactly ({REQUIRED})"
        )
    if users <= exact_limit(dimension) and not rebuild:
        raise ConfigurationError(
            f"{counted(users, 'user is', 'users are')} searched exactly, which is fast and misses "
            f"nobody up to {exact_limit(dimension)}; no index is needed (--rebuild builds one all "
            "the same)"
        )
    foreign = known is not None and known.proof is not None and known.proof.model != model
    if rebuild or foreign or known is None or not known.fits(dimension):
        with progress(hidden=as_json) as bar:
            task = bar.add_task(f"Indexing {counted(users, 'user')}", total=1)
            build(
                settings,
                list_count(users, dimension, memory_mb),
                dimension,
                lambda phase, done: bar.update(task, description=phase, completed=done),
            )
    tries: dict[int, Measured] = {}
    with _connected(settings) as connection:
        with nullcontext() if as_json else console.status("Measuring what it finds"):
            _, built = search_state(connection, dimension)
            if built is None:
                raise ConfigurationError("the index was dropped while it was measured")
            drawn = draw_sample(connection, model, faces, hard=hard)
            best = prove(connection, drawn, built, tries.__setitem__)
        plan = plan_search(users, model, dimension, search_state(connection, dimension)[1])
    if as_json:
        rows = [_measured(breadth, one) for breadth, one in tries.items()]
        print_json({"users": users, "strategy": plan.name, "tries": rows})
    else:
        for breadth, one in tries.items():
            say(f"looking through {counted(breadth, 'list')} {_words(one)}")
    if best.recall < TARGET_RECALL:
        raise ConfigurationError(
            "no number of lists finds enough users, so the worker keeps to the exact search"
        )


def examine(
    connection: Connection, faces: int, *, hard: bool = False, required: bool = False
) -> Status:
    """Measure the search as the worker would do it now.

    Where a gallery is required, here or by what the workers have noted, nobody is searched for
    among all.
    """
    from connectors.postgres.gallery.proof import BATCH, draw_sample, measure, searcher
    from connectors.postgres.gallery.required import gallery_required
    from connectors.postgres.gallery.search import search_state, vector_dimension
    from dataflow.gallery.search import plan_search

    model, _ = _most(connection)
    dimension = vector_dimension(connection)
    rows, known = search_state(connection, dimension)
    plan = plan_search(rows, model or "", dimension, known)
    required = required or gallery_required(connection, model)
    # An exact search finds everybody; it is only timed. In galleries only, there is none of all.
    count = 0 if required else faces if plan.breadth else min(faces, BATCH)
    drawn = draw_sample(connection, model or "", count, hard=hard)
    contracts = {str(name): count for name, count in _sizes(connection).items()}
    measured = measure(drawn, searcher(connection, drawn.model, plan))
    return Status(contracts, dimension, required, plan, known, measured)


@contextmanager
def _connected(settings: DatabaseSettings) -> Iterator[Connection]:
    from connectors.postgres.connection import Database
    from connectors.postgres.setup.schema import require_tables

    with closing(Database(settings)) as database, database.connection() as connection:
        require_tables(connection)
        # Looking at every vector of a large gallery takes longer than a worker's statement may.
        connection.execute("set statement_timeout = 0")
        yield connection


def _sizes(connection: Connection) -> dict[str | None, int]:
    from connectors.postgres.sql_files import query

    return dict(connection.execute(query("gallery_sizes")).fetchall())


def _most(connection: Connection) -> tuple[str | None, int]:
    """The contract of most users, and how many those are."""
    sizes = _sizes(connection)
    model = max(sizes, key=lambda name: sizes[name], default=None)
    return model, sizes.get(model, 0)


def _words(measured: Measured) -> str:
    from dataflow.gallery.intervals import wilson

    low, high = wilson(measured.found, measured.faces)
    return (
        f"finds {measured.found} of {measured.faces} nearest users "
        f"({measured.recall:.1%}, 95 % interval {low:.1%} to {high:.1%}), "
        f"{measured.p50_ms:.1f} ms per face"
    )


def _measured(breadth: int | None, measured: Measured) -> dict[str, object]:
    from dataflow.gallery.intervals import wilson

    low, high = wilson(measured.found, measured.faces)
    return {
        "breadth": breadth,
        "found": measured.found,
        "faces": measured.faces,
        "recall": measured.recall,
        "recall_95": [low, high],
        "p50_ms": round(measured.p50_ms, 3),
    }


def _as_dict(found: Status) -> dict[str, object]:
    from dataflow.gallery.search import exact_limit

    proof = found.index.proof if found.index else None
    return {
        "contracts": found.contracts,
        "strategy": found.plan.name,
        "gallery_required": found.required,
        "exact_up_to": exact_limit(found.dimension),
        "index": found.index
        and {
            "definition": found.index.definition,
            "usable": found.index.usable,
            "lists": found.index.lists,
            "bytes": found.index.bytes,
            "proof": proof and proof.model_dump(),
        },
        "measured": _measured(found.plan.breadth, found.measured),
        "advice": found.advice,
    }


def _print(found: Status) -> None:
    from dataflow.gallery.search import exact_limit

    for model, count in found.contracts.items():
        say(f"{counted(count, 'user')} of {model}")
    if not found.contracts:
        say("nobody is enrolled yet: soloface enroll")
    if found.required:
        say(f"each face is searched in its gallery only, exactly ({REQUIRED})")
        say("nothing to do")
        return
    limit = exact_limit(found.dimension)
    say(f"search: {found.plan.name} (exact up to {limit} users of {found.dimension} numbers)")
    if found.index:
        size = f"{found.index.bytes / 2**20:.0f} MB"
        say(f"index: {size}, {found.index.definition}")
        if proof := found.index.proof:
            say(
                f"proved with {counted(proof.users, 'user')}: {proof.recall:.1%} in "
                f"{proof.breadth} of {counted(found.index.lists, 'list')}"
            )
    if found.measured.faces:
        say(f"measured now: {_words(found.measured)}")
    say(found.advice or "nothing to do")
