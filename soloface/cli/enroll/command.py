"""`soloface enroll`: make users recognisable."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer
from rich.markup import escape

from soloface.cli.frame.output import (
    ByOption,
    JsonOption,
    console,
    counted,
    plain_table,
    print_json,
    printable,
    progress,
    say,
    show_tables,
)
from soloface.cli.frame.settings import load_settings

if TYPE_CHECKING:
    from dataflow.gallery.enrolling import Enroller
    from dataflow.gallery.enrolment import Enrolment, Offer
    from dataflow.steps.matching import Candidate

_GOOD = {"enrolled", "unchanged"}


def enroll(
    user: Annotated[UUID | None, typer.Argument(help="The user's id in `users`.")] = None,
    photos: Annotated[
        list[str] | None,
        typer.Argument(
            help="Photos that show only this user: paths, or minio://BUCKET/KEY.",
            metavar="PHOTO",
        ),
    ] = None,
    *,
    table: Annotated[
        Path | None,
        typer.Option(
            "--csv",
            help="Many users: a CSV with the columns user_id and photo; consent and gallery may "
            "follow.",
        ),
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(help="Many users: a folder tree USER/photo.jpg.")
    ] = None,
    prefix: Annotated[
        str | None,
        typer.Option(help="Many users: objects USER/photo under a prefix of the bucket."),
    ] = None,
    users: Annotated[
        Path | None,
        typer.Option(
            help="With --folder or --prefix, whose folders have other names than a user's id: a "
            "CSV with the columns folder and user_id."
        ),
    ] = None,
    gallery: Annotated[
        list[str] | None,
        typer.Option(
            help="Add the users to this gallery, and compare them with its members only. May be "
            "given several times."
        ),
    ] = None,
    galleries: Annotated[
        bool,
        typer.Option(
            "--galleries", help="With --folder or --prefix: the tree is GALLERY/USER/photo.jpg."
        ),
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Also enrol a user who is very near to another user.")
    ] = False,
    subject: Annotated[
        bool,
        typer.Option(
            "--subject",
            help="Also use photos that show others, if one face is clearly the subject. Like "
            "SOLOFACE_ENROLMENT__BYSTANDERS=ignore.",
        ),
    ] = False,
    keep_photos: Annotated[
        bool,
        typer.Option(
            "--keep-photos", help="Store files in the bucket too, so that `reembed` finds them."
        ),
    ] = False,
    consent: Annotated[
        str | None,
        typer.Option(
            metavar="VERSION",
            help="Which version of your terms the users have agreed to. Kept with the time.",
        ),
    ] = None,
    again: Annotated[
        bool,
        typer.Option(
            "--again", help="Also enrol users who have withdrawn: they have agreed again."
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and change nothing.")
    ] = False,
    by: ByOption = None,
    as_json: JsonOption = False,
) -> None:
    """Store users' faces: the mean of each one's photos, replacing an earlier one.

    A photo is refused if it does not show exactly one face (--subject: or one that is clearly its
    subject), shows it badly, or is unlike the user's other photos; the rest are used. A user is
    refused if another user's face is nearer, or stands out more from the next ones, than chance
    explains among so many, or if they have withdrawn (`soloface erase`). Where it is as near as one
    person's photos can be, but not so, the user is enrolled and the other one is named.
    You can run an interrupted command again: a user who is already enrolled by the same photos is
    skipped. A user who is not in `users` yet is added.

    Exit code 1 if some user could not be enrolled.
    """
    from connectors.postgres.connection import Database
    from connectors.postgres.gallery.enrolments import EnrolmentRegister
    from connectors.postgres.gallery.users import Gallery
    from connectors.store.enrolment_photos import EnrolmentPhotos
    from dataflow.faces.packs.loading import load_pack
    from dataflow.gallery.bystanders import IGNORE
    from dataflow.gallery.enrolling import Enroller
    from dataflow.gallery.enrolment import Examiner, Offer
    from soloface.cli.enroll.offers import (
        completed,
        consent_of,
        from_folder,
        from_galleries,
        from_objects,
        from_objects_in_galleries,
        from_table,
        names_from,
    )
    from soloface.cli.frame.galleries import gallery_of
    from soloface.limits import clash_limit

    if consent is not None:
        consent = consent_of(consent, "--consent")
    more = tuple(gallery_of(name, "--gallery") for name in gallery or ())
    settings = load_settings()
    sources = EnrolmentPhotos(settings)
    match user, table, folder, prefix, users, galleries:
        case (UUID(), None, None, None, None, False) if photos:
            offers = [Offer(user, tuple(photos))]
        case (None, Path(), None, None, None, False):
            offers = from_table(table)
        case (None, None, Path(), None, _, _):
            read_folder = from_galleries if galleries else from_folder
            offers = read_folder(folder, names_from(users))
        case (None, None, None, str(), _, _):
            read_objects = from_objects_in_galleries if galleries else from_objects
            offers = read_objects(sources.under(prefix), prefix, names_from(users))
        case _:
            raise typer.BadParameter(
                "give USER and at least one PHOTO, or one of --csv, --folder and --prefix (with "
                "those two perhaps --galleries)"
            )
    offers = completed(offers, consent, more)
    pack = load_pack(settings.model)
    with (
        closing(Database(settings.database)) as database,
        ThreadPoolExecutor(settings.worker.cores or len(os.sched_getaffinity(0))) as pool,
    ):
        for require in (Gallery(database).require_schema, Gallery(database).require_comparable):
            require(pack.contract)
        register = EnrolmentRegister(database, pack.contract.id, by, sources.forget, again)
        enroller = Enroller(
            Examiner(
                pack,
                sources.read,
                settings.images.max_pixels,
                settings.enrolment.quality,
                IGNORE if subject else settings.enrolment.bystanders,
            ),
            register,
            pool,
            None if force else clash_limit(settings, pack),
            dry_run,
            settings.match.gallery_required,
            sources.keep if keep_photos else lambda _user, portrait: _lasting(portrait.photo),
        )
        done = list(_tracked(enroller, offers, as_json=as_json))
    if as_json:
        print_json([_as_dict(enrolment) for enrolment in done])
    else:
        _print(done, pack.contract.id, dry_run=dry_run)
    if any(enrolment.status not in _GOOD for enrolment in done):
        raise typer.Exit(1)


def _lasting(photo: str) -> str:
    """A path means the same from every folder."""
    return photo if "://" in photo else str(Path(photo).resolve())


def _tracked(enroller: Enroller, offers: Sequence[Offer], *, as_json: bool) -> Iterator[Enrolment]:
    with progress(hidden=as_json or len(offers) == 1) as bar:
        yield from bar.track(enroller.enrol(offers), len(offers), description="Enrolling")


def _as_dict(enrolment: Enrolment) -> dict[str, object]:
    return {
        "user_id": enrolment.user_id,
        "enrolled": enrolment.status in _GOOD,
        "status": enrolment.status,
        "consent": enrolment.consent,
        "galleries": enrolment.galleries,
        "used": [
            {
                "photo": portrait.photo,
                "others_left_out": portrait.others,
                "quality": portrait.quality and asdict(portrait.quality),
            }
            for portrait in enrolment.used
        ],
        "refused": [
            {
                "photo": refusal.photo,
                "reason": refusal.reason,
                "detail": refusal.detail,
                "quality": refusal.quality and asdict(refusal.quality),
            }
            for refusal in enrolment.refused
        ],
        "clash": _other(enrolment.clash),
        "possibly_also": _other(enrolment.alike),
    }


def _other(user: Candidate | None) -> dict[str, object] | None:
    return {"user_id": user.user_id, "distance": user.distance} if user else None


def _print(done: Sequence[Enrolment], model: str, *, dry_run: bool) -> None:
    refused = plain_table("user", "refused photo", "reason", "detail")
    for enrolment in done:
        for refusal in enrolment.refused:
            words = (refusal.photo, refusal.reason, refusal.detail)
            refused.add_row(str(enrolment.user_id), *(escape(printable(word)) for word in words))
    if refused.row_count:
        show_tables(refused)
    for enrolment in done:
        _say_left_out(enrolment)
        if enrolment.status not in _GOOD:
            why = f"{enrolment.status}{_clash(enrolment)}"
            if enrolment.status == "withdrawn":
                why += ": once they have agreed again, give --again"
            console.print(f"[red]not enrolled[/] {enrolment.user_id}: {why}")
        elif other := enrolment.alike:
            console.print(
                f"[yellow]possibly also[/] {other.user_id}: {enrolment.user_id}, at distance "
                f"{other.distance:.2f}; look at both"
            )
    counts = Counter(str(enrolment.status) for enrolment in done)
    enrolled, unchanged = counts["enrolled"], counts["unchanged"]
    verb = "would be enrolled" if dry_run else "enrolled"
    if len(done) == 1 and enrolled:
        used = counted(len(done[0].used), "photo")
        console.print(f"[green]{verb}[/] {done[0].user_id} from {used} ({escape(model)})")
    else:
        others = len(done) - enrolled - unchanged
        users = counted(enrolled, "user")
        say(f"{users} {verb}, {unchanged} unchanged, {others} not enrolled ({model})")


def _say_left_out(enrolment: Enrolment) -> None:
    for portrait in enrolment.used:
        if portrait.others:
            faces = counted(portrait.others, "other face")
            say(f"{faces} left out on {printable(portrait.photo)}")


def _clash(enrolment: Enrolment) -> str:
    if enrolment.clash is None:
        return ""
    other = enrolment.clash
    return (
        f" {other.user_id}, at distance {other.distance:.2f}; are they one person? Else give "
        "--force, or set a smaller SOLOFACE_ENROLMENT__MIN_DISTANCE"
    )
