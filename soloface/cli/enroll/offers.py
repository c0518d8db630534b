"""Whom to enrol by which photos: from arguments, a table, a folder tree or a bucket."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from uuid import UUID

from dataflow.gallery.enrolment import Offer
from dataflow.jobs.errors import ConfigurationError
from dataflow.jobs.image_ref import SCHEME
from soloface.cli.frame.galleries import gallery_of
from soloface.cli.frame.tables import rows

_LONGEST_VERSION = 128


def from_table(table: Path) -> list[Offer]:
    """Read a CSV with the columns user_id and photo; a relative path is looked for beside it.

    Columns may follow: consent, the version of the terms that the user agreed to, and gallery, to
    which the user shall belong, another one on each line if need be.

    Raises:
        ConfigurationError: it cannot be read, a line names no user or no photo, or the lines of a
            user do not agree about the consent.
    """
    consents: dict[UUID, str] = {}
    galleries = defaultdict[UUID, list[str]](list)

    def photos() -> Iterator[tuple[UUID, str]]:
        for line, row in rows(table, "user_id", "photo"):
            if not (photo := row["photo"]):
                raise ConfigurationError(f"{table}, line {line}: the column photo is empty")
            where = f"{table}, line {line}"
            user_id = _user_of(row["user_id"], where)
            if consent := row.get("consent"):
                version = consent_of(consent, where)
                if consents.setdefault(user_id, version) != version:
                    raise ConfigurationError(
                        f"{where}: the user has agreed to {consents[user_id]} further up"
                    )
            if gallery := row.get("gallery"):
                galleries[user_id].append(gallery_of(gallery, where))
            yield user_id, photo if photo.startswith(SCHEME) else str(table.parent / photo)

    offers = _grouped(photos(), str(table))
    return [
        replace(
            offer,
            consent=consents.get(offer.user_id),
            galleries=tuple(dict.fromkeys(galleries[offer.user_id])),
        )
        for offer in offers
    ]


def completed(
    offers: Iterable[Offer], consent: str | None, galleries: Sequence[str]
) -> list[Offer]:
    """The offers with a consent where none is said, and with galleries for all."""
    return [
        replace(
            offer,
            consent=offer.consent or consent,
            galleries=tuple(dict.fromkeys((*offer.galleries, *galleries))),
        )
        for offer in offers
    ]


def consent_of(version: str, where: str) -> str:
    """The version of the terms that somebody agreed to.

    Raises:
        ConfigurationError: it is no name of a version; ``where`` says where it stands.
    """
    version = version.strip()
    if not (version and version.isprintable() and len(version) <= _LONGEST_VERSION):
        raise ConfigurationError(
            f"{where}: the consent must be the name of a version: 1 to {_LONGEST_VERSION} "
            "characters on one line"
        )
    return version


def from_galleries(folder: Path, users: Mapping[str, UUID] | None = None) -> list[Offer]:
    """Read a tree GALLERY/USER/photo.jpg; a user may stand in several galleries.

    Raises:
        ConfigurationError: it cannot be read, a folder is no name of a gallery, or it is not known
            whose one is.
    """
    try:
        trees = sorted(path for path in folder.iterdir() if path.is_dir() and _shown(path.name))
        inside = {tree: {path.name for path in tree.iterdir()} for tree in trees}
    except OSError as error:
        raise ConfigurationError(f"{error.filename} cannot be read: {error.strerror}") from None
    galleries = [
        _Tree(tree.name, str(tree), inside[tree], partial(from_folder, tree)) for tree in trees
    ]
    return _of_galleries(galleries, users, str(folder))


def from_objects_in_galleries(
    objects: Iterable[tuple[str, str]], prefix: str, users: Mapping[str, UUID] | None = None
) -> list[Offer]:
    """Read objects named GALLERY/USER/photo under a prefix; a user may stand in several galleries.

    Raises:
        ConfigurationError: there are none, one is in no gallery with a good name, or it is not
            known whose one is.
    """
    trees = defaultdict[str, list[tuple[str, str]]](list)
    for name, photo in objects:
        gallery, _, rest = name.partition("/")
        if rest and _shown(gallery):
            trees[gallery].append((rest, photo))
    galleries = []
    for gallery, photos in sorted(trees.items()):
        where = f"{prefix.rstrip('/')}/{gallery}"
        names = {name.partition("/")[0] for name, _ in photos}
        galleries.append(_Tree(gallery, where, names, partial(from_objects, photos, where)))
    return _of_galleries(galleries, users, prefix)


@dataclass(frozen=True, slots=True)
class _Tree:
    """The users of one gallery: the names of their folders, and how they are read."""

    gallery: str
    where: str
    names: set[str]
    read: Callable[[Mapping[str, UUID] | None], list[Offer]]


def _of_galleries(
    trees: Sequence[_Tree], users: Mapping[str, UUID] | None, where: str
) -> list[Offer]:
    """All photos of a user together, with all galleries in which there are some."""
    found: dict[UUID, Offer] = {}
    _require_all(users, {name for tree in trees for name in tree.names}, where)
    for tree in trees:
        gallery = gallery_of(tree.gallery, tree.where)
        known = None if users is None else {n: u for n, u in users.items() if n in tree.names}
        for offer in tree.read(known):
            before = found.get(offer.user_id, Offer(offer.user_id, ()))
            found[offer.user_id] = replace(
                offer,
                photos=(*before.photos, *offer.photos),
                galleries=(*before.galleries, gallery),
            )
    if not found:
        raise ConfigurationError(f"{where}: there are no photos, as GALLERY/USER/photo")
    return list(found.values())


def names_from(table: Path | None) -> dict[str, UUID] | None:
    """Read a CSV, if there is one, with the columns folder and user_id: whose are the photos there.

    Raises:
        ConfigurationError: it cannot be read, a line names no user, or a folder stands there twice.
    """
    if table is None:
        return None
    users: dict[str, UUID] = {}
    for line, row in rows(table, "folder", "user_id"):
        folder, where = row["folder"].strip("/"), f"{table}, line {line}"
        user = _user_of(row["user_id"], where)
        if users.setdefault(folder, user) != user:
            raise ConfigurationError(f"{where}: {folder} is another user's further up")
    return users


def from_folder(folder: Path, users: Mapping[str, UUID] | None = None) -> list[Offer]:
    """Read a tree USER/photo.jpg; hidden files and files beside the folders are passed over.

    Args:
        folder: the tree.
        users: whose photos are in which folder; by default a folder's name is the user's id.

    Raises:
        ConfigurationError: it cannot be read, or it is not known whose a folder is.
    """
    try:
        theirs = sorted(path for path in folder.iterdir() if path.is_dir() and _shown(path.name))
        _require_all(users, {user.name for user in theirs}, folder)
        return _grouped(
            (
                (_user_of_folder(user.name, str(user), users), str(photo))
                for user in theirs
                for photo in sorted(user.iterdir())
                if photo.is_file() and _shown(photo.name)
            ),
            str(folder),
        )
    except OSError as error:
        raise ConfigurationError(f"{error.filename} cannot be read: {error.strerror}") from None


def from_objects(
    objects: Iterable[tuple[str, str]], prefix: str, users: Mapping[str, UUID] | None = None
) -> list[Offer]:
    """Read objects named USER/photo under a prefix; those right under it are passed over.

    Raises:
        ConfigurationError: there are none, or it is not known whose one is.
    """
    found = [
        (name.partition("/")[0], photo)
        for name, photo in objects
        if "/" in name and _shown(name) and _shown(name.rpartition("/")[2])
    ]
    _require_all(users, {name for name, _ in found}, prefix)
    return _grouped(((_user_of_folder(name, photo, users), photo) for name, photo in found), prefix)


def _grouped(photos: Iterable[tuple[UUID, str]], where: str) -> list[Offer]:
    """All photos of a user together, users in the order in which they first came."""
    of_users: dict[UUID, list[str]] = {}
    for user_id, photo in photos:
        of_users.setdefault(user_id, []).append(photo)
    if not of_users:
        raise ConfigurationError(f"{where}: there are no photos of users, as USER/photo")
    return [Offer(user_id, tuple(theirs)) for user_id, theirs in of_users.items()]


def _user_of_folder(name: str, where: str, users: Mapping[str, UUID] | None) -> UUID:
    if users is None:
        try:
            return _user_of(name, where)
        except ConfigurationError as error:
            raise ConfigurationError(
                f"{error}; name each folder by its user's id, or give --users FILE.csv with the "
                "columns folder and user_id"
            ) from None
    if name in users:
        return users[name]
    raise ConfigurationError(f"{where}: the table of --users does not name the folder {name}")


def _user_of(name: str, where: str) -> UUID:
    try:
        return UUID(name)
    except ValueError:
        raise ConfigurationError(
            f"{where}: {name or 'an empty cell'} is not the id of a user"
        ) from None


def _require_all(users: Mapping[str, UUID] | None, folders: set[str], where: object) -> None:
    """A folder that the table names and that is not there is a slip of the pen in one of them."""
    if absent := sorted(set(users or ()) - folders):
        raise ConfigurationError(f"{where}: there is no folder {absent[0]}, which --users names")


def _shown(name: str) -> bool:
    return bool(name) and not name.startswith(".")
