from __future__ import annotations

import shutil
from pathlib import Path

import onnx
import onnxruntime as ort  # type: ignore[import-untyped]
import orjson
import pytest

from dataflow.faces.face import FacePack
from dataflow.faces.packs.loading import load_pack
from dataflow.faces.packs.made import OPEN
from dataflow.faces.packs.manifest import MANIFEST_FILE
from dataflow.faces.runtime import check_session, open_session, session_options
from dataflow.jobs.errors import ConfigurationError
from dataflow.settings import OPEN_DLIB_PACK, OPEN_PACK, ModelSettings


def message(settings: ModelSettings) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_pack(settings)
    return str(caught.value)


@pytest.fixture
def copied_root(model_root: Path, tmp_path: Path) -> Path:
    """A copy of the installed packs, to be spoilt."""
    shutil.copytree(model_root, tmp_path / "models")
    return tmp_path / "models"


@pytest.fixture
def copied_folder(insightface_folder: Path, tmp_path: Path) -> Path:
    """A writable copy of the pack in insightface's form."""
    folder = tmp_path / "pack"
    folder.mkdir()
    for file in insightface_folder.glob("*.onnx"):
        shutil.copyfile(file, folder / file.name)
    return folder


def test_a_pack_that_is_not_installed_says_how_to_install_it(tmp_path: Path) -> None:
    assert "run: soloface models install open" in message(ModelSettings(pack="open", root=tmp_path))


def test_an_unknown_pack_says_which_are_known(tmp_path: Path) -> None:
    text = message(ModelSettings(pack="buffalo", root=tmp_path))
    assert "open, open-dlib, buffalo_l" in text
    assert "full path" in text


def test_a_folder_that_is_not_there_names_the_setting(tmp_path: Path) -> None:
    assert "SOLOFACE_MODEL__PACK" in message(ModelSettings(pack=str(tmp_path / "nowhere")))


def test_a_folder_without_networks_is_no_pack(tmp_path: Path) -> None:
    assert "holds no ONNX files" in message(ModelSettings(pack=str(tmp_path)))


def test_an_open_pack_loads_by_name_and_by_path_with_one_contract(
    open_pack: FacePack, open_dlib_pack: FacePack, model_root: Path, dlib_root: Path
) -> None:
    for pack, folder in (
        (open_pack, model_root / OPEN_PACK),
        (open_dlib_pack, dlib_root / OPEN_DLIB_PACK),
    ):
        by_path = load_pack(ModelSettings(pack=str(folder), dimension=128))
        assert by_path.contract == pack.contract


def test_vectors_of_this_release_compare_with_those_of_earlier_ones(
    open_pack: FacePack, open_dlib_pack: FacePack
) -> None:
    """Another id here means that everybody has to be enrolled again: then change it knowingly."""
    assert open_dlib_pack.contract.id == "open-283e97ebd159"
    assert open_pack.contract.id == "open-sface-a41316ec3508"


def test_the_open_packs_come_with_their_thresholds(
    open_pack: FacePack, open_dlib_pack: FacePack
) -> None:
    assert open_pack.threshold == pytest.approx(OPEN.threshold)
    assert open_dlib_pack.threshold == pytest.approx(0.55)


def test_a_plain_folder_is_named_after_itself_and_hashed(
    insightface_pack: FacePack, insightface_folder: Path
) -> None:
    contract = insightface_pack.contract
    assert contract.pack == insightface_folder.resolve().name
    assert contract.dimension == 512
    assert sorted(name for name, _ in contract.files) == sorted(
        file.name for file in insightface_folder.glob("*.onnx")
    )
    assert insightface_pack.threshold == pytest.approx(0.60)


def test_the_contract_changes_with_a_byte_of_a_network(
    insightface_pack: FacePack, copied_folder: Path
) -> None:
    renamed = copied_folder.rename(copied_folder.with_name(insightface_pack.contract.pack))
    same = load_pack(ModelSettings(pack=str(renamed)))
    assert same.contract.id == insightface_pack.contract.id
    recogniser = max(renamed.glob("*.onnx"), key=lambda file: file.stat().st_size)
    with recogniser.open("ab") as file:
        file.write(b"\x32\x00")  # an empty domain: another file, the same network
    assert load_pack(ModelSettings(pack=str(renamed))).contract.id != same.contract.id


@pytest.mark.parametrize(
    "changed",
    [{"preview_px": 1280}, {"detection_px": (640,)}, {"max_magnification": 2.0}],
    ids=str,
)
def test_the_contract_changes_with_what_moves_vectors(
    changed: dict[str, object], open_settings: ModelSettings, open_pack: FacePack
) -> None:
    settings = open_settings.model_copy(update=changed)
    assert load_pack(settings).contract.id != open_pack.contract.id


@pytest.mark.parametrize(
    "changed", [{"ignore_smaller": 0.33}, {"batch": 4}, {"intra_op_threads": 2}], ids=str
)
def test_the_contract_stays_where_vectors_do(
    changed: dict[str, object], open_settings: ModelSettings, open_pack: FacePack
) -> None:
    settings = open_settings.model_copy(update=changed)
    assert load_pack(settings).contract == open_pack.contract


def test_a_tampered_network_is_refused_before_it_is_loaded(copied_root: Path) -> None:
    with (copied_root / OPEN_PACK / "centerface.onnx").open("ab") as file:
        file.write(b"\0")
    text = message(ModelSettings(pack=OPEN_PACK, root=copied_root))
    assert "centerface.onnx has changed" in text
    assert "soloface models install open" in text


def test_a_missing_network_is_named(copied_root: Path) -> None:
    (copied_root / OPEN_PACK / "centerface.onnx").unlink()
    assert "centerface.onnx is missing" in message(ModelSettings(pack=OPEN_PACK, root=copied_root))


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe", b"[1]"])
def test_a_damaged_manifest_is_refused(copied_root: Path, content: bytes) -> None:
    (copied_root / OPEN_PACK / MANIFEST_FILE).write_bytes(content)
    assert "is damaged" in message(ModelSettings(pack=OPEN_PACK, root=copied_root))


@pytest.mark.parametrize(
    "name",
    ["/etc/passwd", "../centerface.onnx", "..", "a/b.onnx", "a\\b.onnx", ".hidden", "", "a\n"],
)
def test_a_manifest_that_leads_out_of_its_folder_is_refused(copied_root: Path, name: str) -> None:
    file = copied_root / OPEN_PACK / MANIFEST_FILE
    manifest = orjson.loads(file.read_bytes())
    manifest["files"][name] = "0" * 64
    file.write_bytes(orjson.dumps(manifest))
    assert "is damaged" in message(ModelSettings(pack=OPEN_PACK, root=copied_root))


def test_a_manifest_with_a_changed_sha256_is_refused(copied_root: Path) -> None:
    file = copied_root / OPEN_PACK / MANIFEST_FILE
    manifest = orjson.loads(file.read_bytes())
    manifest["files"]["centerface.onnx"] = "0" * 64
    file.write_bytes(orjson.dumps(manifest))
    text = message(ModelSettings(pack=OPEN_PACK, root=copied_root))
    assert "centerface.onnx has changed" in text
    manifest["files"]["centerface.onnx"] = "any"
    file.write_bytes(orjson.dumps(manifest))
    assert "is damaged" in message(ModelSettings(pack=OPEN_PACK, root=copied_root))


def save_with_external_data(path: Path, location: str) -> None:
    """A network that adds four numbers, which are in another file."""
    numbers = onnx.TensorProto(
        name="w", data_type=onnx.TensorProto.FLOAT, dims=[4], data_location="EXTERNAL"
    )
    for key, value in {"location": location, "offset": "0", "length": "16"}.items():
        numbers.external_data.add(key=key, value=value)
    ends = [onnx.helper.make_tensor_value_info(name, 1, [4]) for name in "xy"]
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Add", ["x", "w"], ["y"])], "g", ends[:1], ends[1:], [numbers]
    )
    opset = [onnx.helper.make_opsetid("", 13)]
    model = onnx.helper.make_model(graph, opset_imports=opset, ir_version=8)
    path.write_bytes(model.SerializeToString())


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A file beside the pack's folder."""
    file = tmp_path / "outside.bin"
    file.write_bytes(bytes(16))
    return file


@pytest.mark.parametrize("location", ["{}", "../outside.bin", "link.bin", "inside.bin"])
def test_a_network_whose_numbers_are_in_another_file_is_refused(
    tmp_path: Path, outside: Path, location: str
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link.bin").symlink_to(outside)
    (folder / "inside.bin").write_bytes(bytes(16))
    network = folder / "network.onnx"
    save_with_external_data(network, location.format(outside))

    with pytest.raises(ConfigurationError, match="another file"):
        open_session(network, ModelSettings())
    assert "another file" in message(ModelSettings(pack=str(folder)))


@pytest.mark.parametrize("location", ["{}", "../outside.bin", "link.bin"])
def test_onnx_runtime_by_itself_reads_nothing_outside_a_networks_folder(
    tmp_path: Path, outside: Path, location: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link.bin").symlink_to(outside)
    save_with_external_data(folder / "network.onnx", location.format(outside))
    monkeypatch.setattr("dataflow.faces.runtime.refuse_external_data", lambda _: None)

    with pytest.raises(ConfigurationError, match="xternal data"):
        open_session(folder / "network.onnx", ModelSettings())


def test_a_damaged_onnx_file_is_one_clear_line(copied_folder: Path) -> None:
    for file in copied_folder.glob("*.onnx"):
        file.write_bytes(b"nonsense")
    text = message(ModelSettings(pack=str(copied_folder)))
    assert "insightface cannot load the pack" in text


def test_half_a_pack_is_refused(copied_folder: Path) -> None:
    # The recogniser is the larger of the two.
    min(copied_folder.glob("*.onnx"), key=lambda file: file.stat().st_size).unlink()
    assert str(copied_folder) in message(ModelSettings(pack=str(copied_folder)))


def test_vectors_of_another_length_than_configured_name_the_setting(model_root: Path) -> None:
    settings = ModelSettings(pack=OPEN_PACK, root=model_root, dimension=512)
    assert "SOLOFACE_MODEL__DIMENSION=128" in message(settings)


def test_a_provider_that_is_not_there_names_the_setting(any_pack_settings: ModelSettings) -> None:
    settings = any_pack_settings.model_copy(update={"providers": ("NoSuchExecutionProvider",)})
    text = message(settings)
    assert "SOLOFACE_MODEL__PROVIDERS" in text
    assert "CPUExecutionProvider" in text


def test_a_session_that_fell_back_to_the_processor_is_refused(model_root: Path) -> None:
    session = open_session(model_root / OPEN_PACK / "centerface.onnx", ModelSettings())
    with pytest.raises(ConfigurationError, match="SOLOFACE_MODEL__PROVIDERS: CUDA"):
        check_session(session, ("CUDAExecutionProvider", "CPUExecutionProvider"))


def test_sessions_use_one_thread_that_does_not_spin() -> None:
    options = session_options(ModelSettings())
    assert options.intra_op_num_threads == options.inter_op_num_threads == 1
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    assert isinstance(options, ort.SessionOptions)


def test_loading_prints_nothing(
    any_pack_settings: ModelSettings, capfd: pytest.CaptureFixture[str]
) -> None:
    load_pack(any_pack_settings)
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""


@pytest.fixture(params=["open_settings", "open_dlib_settings", "insightface"])
def any_pack_settings(request: pytest.FixtureRequest) -> ModelSettings:
    if request.param != "insightface":
        settings: ModelSettings = request.getfixturevalue(request.param)
        return settings
    return ModelSettings(pack=str(request.getfixturevalue("insightface_folder")))
