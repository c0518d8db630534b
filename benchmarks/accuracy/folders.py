"""What a folder of labelled photos holds: sets of people, and photos of nobody in particular."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dataflow.jobs.errors import ConfigurationError
from soloface.cli.calibrate.album import LEAST_PEOPLE
from soloface.cli.frame.output import counted


@dataclass(frozen=True, slots=True)
class Photos:
    """The photos of one set. ``people`` says whom each shows; it is empty where nobody knows."""

    name: str
    paths: Sequence[str]
    people: Sequence[str]

    @property
    def names(self) -> set[str]:
        """The people, as SET/PERSON."""
        return {f"{self.name}/{person}" for person in self.people}

    def without(self, left_out: Collection[str]) -> Photos:
        """Only those of others than some people, who are given as SET/PERSON."""
        kept = [
            (path, person)
            for path, person in zip(self.paths, self.people, strict=bool(self.people))
            if f"{self.name}/{person}" not in left_out
        ]
        if len(kept) == len(self.people):
            return self
        return replace(self, paths=[path for path, _ in kept], people=[name for _, name in kept])

    @property
    def told(self) -> str:
        """What was found, for people."""
        photos = counted(len(self.paths), "photo")
        whom = counted(len(set(self.people)), "person", "people") if self.people else "no people"
        return f"{self.name}: {photos}, {whom}"


def find_sets(folders: Iterable[Path]) -> list[Photos]:
    """Find the sets in folders, each of which is a set or holds some, however deep.

    Photos lie in folders that hold no others. Two such folders side by side are two people of one
    set; one alone is a set of photos whose people are not known.

    Raises:
        ConfigurationError: a folder is not there or holds no photo, or two sets have one name.
    """
    found: dict[str, Photos] = {}
    for folder in folders:
        if not folder.is_dir():
            raise ConfigurationError(f"there is no folder {folder}")
        sets = list(_sets(folder))
        if not sets:
            raise ConfigurationError(f"{folder} holds no photos: give SET/PERSON/photo.jpg")
        for one in sets:
            if one.name in found:
                raise ConfigurationError(
                    f"two sets are called {one.name}: rename one, or give the folder that holds "
                    "both"
                )
            found[one.name] = one
    return list(found.values())


def _sets(folder: Path) -> Iterable[Photos]:
    leaves: dict[Path, list[Path]] = defaultdict(list)
    for home in _walked(folder):
        if _photos(home) and not _folders(home):
            leaves[home if home == folder else home.parent].append(home)
    for parent, homes in sorted(leaves.items()):
        if len(homes) >= LEAST_PEOPLE:
            labelled = [(home.name, path) for home in homes for path in _photos(home)]
            people, paths = zip(*labelled, strict=True)
            yield Photos(_name(parent, folder), paths, people)
        else:
            yield Photos(_name(homes[0], folder), _photos(homes[0]), ())


def _walked(folder: Path) -> Iterator[Path]:
    yield folder
    for inner in _folders(folder):
        yield from _walked(inner)


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and _visible(path))


def _photos(folder: Path) -> list[str]:
    return sorted(str(path) for path in folder.iterdir() if path.is_file() and _visible(path))


def _visible(path: Path) -> bool:
    return not path.name.startswith(".")


def _name(path: Path, folder: Path) -> str:
    return folder.resolve().name if path == folder else path.relative_to(folder).as_posix()
