"""The pack that earlier releases called `open`, and this one calls `open-dlib`."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from dataflow.faces.face import FacePack
from dataflow.faces.packs.install import install_pack
from dataflow.faces.packs.loading import installed_packs, load_pack, renamed, threshold_of
from dataflow.faces.packs.notices import NOTICE_FILE
from dataflow.jobs.errors import ConfigurationError
from dataflow.settings import OPEN_DLIB_PACK, OPEN_PACK, ModelSettings


def message(settings: ModelSettings) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_pack(settings)
    return str(caught.value)


def folders(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir())


@pytest.mark.parametrize("name", [OPEN_PACK, OPEN_DLIB_PACK])
def test_a_pack_of_an_earlier_release_still_works_under_both_names(
    name: str, former_root: Path, open_dlib_pack: FacePack
) -> None:
    settings = ModelSettings(pack=name, root=former_root)
    assert load_pack(settings).contract == open_dlib_pack.contract
    assert threshold_of(settings) == pytest.approx(0.55)


def test_a_pack_of_an_earlier_release_names_both_ways_out(former_root: Path) -> None:
    advice = renamed(ModelSettings(pack=OPEN_PACK, root=former_root))
    assert advice is not None
    for words in ("SOLOFACE_MODEL__PACK=open-dlib", "models install open,", "reembed --to open"):
        assert words in advice
    assert renamed(ModelSettings(pack=OPEN_DLIB_PACK, root=former_root)) is None


def test_packs_of_this_release_need_no_advice(
    open_settings: ModelSettings, open_dlib_settings: ModelSettings, tmp_path: Path
) -> None:
    nowhere = ModelSettings(pack=OPEN_PACK, root=tmp_path)
    for settings in (open_settings, open_dlib_settings, nowhere):
        assert renamed(settings) is None


def test_one_open_pack_does_not_stand_in_for_the_other(dlib_root: Path, model_root: Path) -> None:
    assert "models install open" in message(ModelSettings(pack=OPEN_PACK, root=dlib_root))
    text = message(ModelSettings(pack=OPEN_DLIB_PACK, root=model_root))
    assert "models install open-dlib" in text


def test_the_former_open_pack_keeps_its_networks_under_its_new_name(former_root: Path) -> None:
    assert install_pack(OPEN_PACK, former_root) == former_root / OPEN_PACK
    assert folders(former_root) == [OPEN_PACK, OPEN_DLIB_PACK]
    packs = {pack.folder.name: pack for pack in installed_packs(former_root)}
    assert {name: pack.manifest.name for name, pack in packs.items()} == {
        name: name for name in (OPEN_PACK, OPEN_DLIB_PACK)
    }
    assert all(pack.problems() == [] for pack in packs.values())
    assert (former_root / OPEN_DLIB_PACK / NOTICE_FILE).exists()


def test_the_former_open_pack_is_open_dlib_where_it_is(
    former_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert install_pack(OPEN_DLIB_PACK, former_root) == former_root / OPEN_PACK
    assert folders(former_root) == [OPEN_PACK]


def test_a_former_open_pack_that_was_changed_is_not_kept(former_root: Path) -> None:
    (former_root / OPEN_PACK / "centerface.onnx").write_bytes(b"")
    install_pack(OPEN_PACK, former_root)
    assert folders(former_root) == [OPEN_PACK]
