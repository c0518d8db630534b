from __future__ import annotations

from pathlib import Path

import pytest

from dataflow.faces.packs.loading import find_pack
from dataflow.faces.packs.notices import NOTICE_FILE, notice_of
from dataflow.settings import OPEN_DLIB_PACK, OPEN_PACK


@pytest.mark.parametrize(
    ("pack", "owner", "more"),
    [(OPEN_PACK, "Kaipeng Zhang", ["LICENSE-Apache-2.0.txt"]), (OPEN_DLIB_PACK, "Davis King", [])],
)
def test_the_notices_lie_beside_the_networks(
    pack: str, owner: str, more: list[str], request: pytest.FixtureRequest
) -> None:
    root: Path = request.getfixturevalue("model_root" if pack == OPEN_PACK else "dlib_root")
    texts = {path.name: path.read_text() for path in (root / pack).glob("*.txt")}
    assert sorted(texts) == sorted([NOTICE_FILE, *more])
    assert owner in texts[NOTICE_FILE]
    assert "StarClouds" in texts[NOTICE_FILE]
    assert all(name in texts[NOTICE_FILE] for name in find_pack(pack, root).manifest.files)


def test_packs_that_others_publish_have_notices_of_their_own() -> None:
    assert notice_of("buffalo_l") is None
