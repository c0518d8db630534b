from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from dataflow.faces.packs.made import OPEN
from dataflow.jobs.errors import ConfigurationError
from soloface.cli.models import app


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def spoilt_root(model_root: Path, tmp_path: Path) -> Path:
    """A root whose `open` pack has a changed file."""
    shutil.copytree(model_root, tmp_path, dirs_exist_ok=True)
    (tmp_path / "open" / "centerface.onnx").write_bytes(b"spoilt")
    return tmp_path


def test_list_shows_what_is_and_what_could_be_installed(model_root: Path) -> None:
    result = run("list", "--root", model_root, "--json")
    assert result.exit_code == 0
    packs = {pack["name"]: pack for pack in json.loads(result.stdout)}
    assert packs["open"]["installed"] is True
    assert packs["open"]["folder"] == str(model_root / "open")
    assert packs["open"]["dimension"] == 128
    assert packs["buffalo_l"] == {
        "name": "buffalo_l",
        "installed": False,
        "licence": packs["buffalo_l"]["licence"],
    }
    assert "non-commercial" in packs["buffalo_l"]["licence"]


def test_list_prints_a_table_for_people(model_root: Path) -> None:
    result = run("list", "--root", model_root)
    assert result.exit_code == 0
    assert "antelopev2" in result.stdout
    assert "0.60" in result.stdout


def test_list_takes_the_root_from_the_environment(
    model_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOLOFACE_MODEL__ROOT", str(model_root))
    packs = json.loads(run("list", "--json").stdout)
    assert [pack["name"] for pack in packs if pack["installed"]] == ["open"]


def test_verify_passes_an_intact_pack(model_root: Path) -> None:
    result = run("verify", "open", "--root", model_root)
    assert result.exit_code == 0
    assert result.stdout == "open: ok\n"


def test_verify_fails_on_a_changed_file_and_names_it(spoilt_root: Path) -> None:
    result = run("verify", "--root", spoilt_root)
    assert result.exit_code == 1
    assert "centerface.onnx has changed" in result.stdout


def test_verify_tells_scripts_what_is_wrong(spoilt_root: Path) -> None:
    result = run("verify", "--root", spoilt_root, "--json")
    assert result.exit_code == 1
    (problem,) = json.loads(result.stdout)["open"]
    assert problem.startswith("centerface.onnx has changed")


def test_verify_of_a_pack_that_is_not_installed_says_how_to_install_it(tmp_path: Path) -> None:
    result = run("verify", "buffalo_s", "--root", tmp_path)
    assert result.exit_code == 1
    assert isinstance(result.exception, ConfigurationError)
    assert "soloface models install buffalo_s" in str(result.exception)


def test_verify_without_any_pack_is_no_failure(tmp_path: Path) -> None:
    result = run("verify", "--root", tmp_path)
    assert (result.exit_code, result.stdout) == (0, "no pack is installed\n")


def test_install_mends_a_changed_pack_and_prints_its_licence(spoilt_root: Path) -> None:
    result = run("install", "open", "--root", spoilt_root)
    assert result.exit_code == 0
    assert "Apache-2.0" in result.stdout
    assert "soloface models show open" in result.stdout
    assert str(spoilt_root / "open") in result.stdout
    assert run("verify", "--root", spoilt_root).exit_code == 0


def test_install_of_an_unknown_name_lists_the_known_ones(tmp_path: Path) -> None:
    result = run("install", "nothing", "--root", tmp_path)
    assert result.exit_code == 1
    assert "antelopev2" in str(result.exception)


def test_show_is_the_card_of_an_installed_pack(model_root: Path) -> None:
    shown = run("show", "open", "--root", model_root).stdout
    assert str(model_root / "open") in shown
    assert "threshold at distance 0.60" in shown
    for network in OPEN.networks:
        assert network.sources[0].sha256 in shown
        assert network.licence in shown
    assert all(line in shown for line in OPEN.known)
    assert "Copyright (c) 2016 Kaipeng Zhang" in shown
    assert "WITHOUT WARRANTY OF ANY KIND" in shown
    assert re.search(r"^0.001 +0\.\d{3} \(0\.\d{3} to 0\.\d{3}\)", shown, re.MULTILINE)
    assert "gap from the nearest user to the next ones that chance seldom exceeds: 0." in shown


def test_show_tells_scripts_the_same(dlib_root: Path) -> None:
    card = json.loads(run("show", "open-dlib", "--root", dlib_root, "--json").stdout)
    assert card["folder"] == str(dlib_root / "open-dlib")
    assert [part["name"] for part in card["parts"]] == ["CenterFace", "dlib's ResNet"]
    assert (card["dimension"], card["threshold"]) == (128, 0.55)
    assert "Davis King" in card["notice"]
    assert {tuple(point["photos"]) for point in card["fars"]} >= {(1, 1), (3, 3)}
    assert all(0 <= point["distance"] <= 1 for point in card["fars"])
    assert card["gaps"][0]["users"] == 100


@pytest.mark.parametrize("name", ["open", "open-dlib", "buffalo_l"])
def test_show_describes_packs_that_are_not_installed(name: str, tmp_path: Path) -> None:
    assert f"soloface models install {name}\n" in run("show", name, "--root", tmp_path).stdout
    card = json.loads(run("show", name, "--root", tmp_path, "--json").stdout)
    assert card["folder"] is None
    assert all(len(part["sha256"]) == 64 for part in card["parts"])
    assert bool(card["fars"]) == bool(card["gaps"]) == name.startswith("open")


def test_show_describes_a_pack_that_somebody_put_there(model_root: Path, tmp_path: Path) -> None:
    shutil.copytree(model_root / "open", tmp_path / "mine")
    manifest = tmp_path / "mine" / "pack.json"
    manifest.write_text(manifest.read_text().replace('"open"', '"mine"'))
    shown = run("show", "mine", "--root", tmp_path).stdout
    assert "sface.onnx" in shown
    assert "installed in" in shown


def test_show_of_an_unknown_name_lists_the_known_ones(tmp_path: Path) -> None:
    assert "open-dlib" in str(run("show", "nothing", "--root", tmp_path).exception)


def test_what_an_earlier_release_called_open_is_listed_as_open_dlib(former_root: Path) -> None:
    packs = json.loads(run("list", "--root", former_root, "--json").stdout)
    assert [pack["name"] for pack in packs if pack["installed"]] == ["open-dlib"]
    assert "not installed" in run("show", "open", "--root", former_root).stdout
    assert str(former_root / "open") in run("show", "open-dlib", "--root", former_root).stdout


def test_help_says_what_each_command_does() -> None:
    text = run("--help").stdout
    for word in ("install", "list", "show", "verify"):
        assert word in text
