"""Reading the environment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from dataflow.settings import PREFIX, ModelSettings, Settings, load_settings
from tests.fixtures.environment import Environment, refused

pytestmark = pytest.mark.usefixtures("environment")


def all_fields() -> Iterator[tuple[str, object, str | None]]:
    """Name without prefix, type and description of every variable."""
    for section, outer in Settings.model_fields.items():
        kind = outer.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            for name, field in kind.model_fields.items():
                yield f"{section}__{name}".upper(), field.annotation, field.description
        else:
            yield section.upper(), kind, outer.description


FIELDS = list(all_fields())
NUMBERS = [name for name, kind, _ in FIELDS if kind in (int, float, int | None, float | None)]


def test_nothing_needs_to_be_set() -> None:
    settings = load_settings()
    assert settings.nats.subject == "photo_faces.single.requested"
    assert settings.store.bucket == "images"
    assert (settings.store.tries, settings.store.backoff_s) == (3, 0.5)
    assert (settings.match.max_distance, settings.match.min_margin) == (None, None)
    assert settings.metrics_port is None


def test_every_setting_says_what_it_is_for() -> None:
    assert [name for name, _, description in FIELDS if not description] == []


def test_variables_are_read_by_their_names(environment: Environment) -> None:
    environment(
        NATS__URL="nats://one,nats://two",
        MATCH__MAX_DISTANCE="0.5",
        METRICS_PORT="9100",
    )
    settings = load_settings()
    assert settings.nats.url == "nats://one,nats://two"
    assert (settings.match.max_distance, settings.metrics_port) == (0.5, 9100)


@pytest.mark.parametrize("variable", NUMBERS)
@pytest.mark.parametrize("value", ["many", "-1", "nan", "inf", ""])
def test_what_is_no_sensible_number_is_refused_by_the_variables_name(
    variable: str, value: str, environment: Environment
) -> None:
    environment(**{variable: value})
    assert refused().startswith(f"{PREFIX}{variable}: ")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("NATS__MAX_DELIVER", "1"),
        ("NATS__ACK_WAIT_S", "0.5"),
        ("NATS__PROVISION", "perhaps"),
        ("STORE__BUCKET", "ab"),
        ("STORE__TRIES", "0"),
        ("STORE__BACKOFF_S", "0"),
        ("MATCH__MAX_DISTANCE", "2.1"),
        ("LOG__LEVEL", "loud"),
        ("LOG__FORMAT", "xml"),
        ("METRICS_PORT", "65536"),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_the_variables_name(
    variable: str, value: str, environment: Environment
) -> None:
    environment(**{variable: value})
    assert refused().startswith(f"{PREFIX}{variable}: ")


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("one", ["one"]),
        ("one,two", ["one", "two"]),
        (" one , two ", ["one", "two"]),
        ("one,", ["one"]),
        ("", []),
        (" ", []),
    ],
)
def test_several_names_are_parted_by_commas(
    value: str, names: list[str], environment: Environment
) -> None:
    environment(STORE__BUCKETS=value)
    assert load_settings().store.buckets == set(names)


def test_names_keep_their_order_where_it_matters(environment: Environment) -> None:
    environment(MODEL__PROVIDERS="CUDAExecutionProvider, CPUExecutionProvider")
    assert load_settings().model.providers == ("CUDAExecutionProvider", "CPUExecutionProvider")


@pytest.mark.parametrize("section", ["NATS", "STORE", "LOG"])
@pytest.mark.parametrize("value", ["", "x", "{}"])
def test_a_section_is_no_variable_of_its_own(
    section: str, value: str, environment: Environment
) -> None:
    environment(**{section: value})
    assert refused().startswith(f"{PREFIX}{section}")


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ("STORE__ACCESS_KEY", "STORE__SECRET_KEY"),
        ("NATS__USER", "NATS__PASSWORD"),
        ("NATS__TLS_CERT", "NATS__TLS_KEY"),
    ],
)
def test_half_of_a_pair_of_credentials_is_refused_by_the_other_halfs_name(
    given: str, missing: str, environment: Environment
) -> None:
    environment(**{given: "me"})
    assert PREFIX + missing in refused()


def test_every_wrong_variable_is_named_on_a_line_of_its_own(environment: Environment) -> None:
    environment(STORE__TRIES="0", NATS__MAX_DELIVER="x", METRICS_PORT="0")
    names = {line.partition(":")[0] for line in refused().splitlines()}
    assert names == {
        "SOLOFACE_STORE__TRIES",
        "SOLOFACE_NATS__MAX_DELIVER",
        "SOLOFACE_METRICS_PORT",
    }


@pytest.mark.parametrize("variable", ["NATS__URI", "STORE__BUCKTES", "NATZ__URL", "METRIC_PORT"])
@pytest.mark.parametrize("suffix", ["", "_FILE"])
def test_a_misspelt_variable_is_refused(
    variable: str, suffix: str, environment: Environment, tmp_path: Path
) -> None:
    value = tmp_path / "value"
    value.write_text("1")
    environment(**{variable + suffix: str(value)})
    assert f"{PREFIX}{variable}" in (message := refused())
    assert "not a setting" in message


def test_other_programs_variables_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOLO_FACE", "1")
    monkeypatch.setenv("NATS__URL", "nats://elsewhere")
    assert load_settings().nats.url == Settings().nats.url


@pytest.mark.parametrize("content", ["s3cret", "s3cret\n", "s3cret\r\n"])
def test_a_secret_may_lie_in_a_file(content: str, environment: Environment, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(content, newline="")
    environment(NATS__TOKEN_FILE=str(secret), DATABASE__DSN_FILE=str(secret))
    settings = load_settings()
    assert settings.nats.token
    assert settings.nats.token.get_secret_value() == "s3cret"
    assert settings.database.dsn.get_secret_value() == "s3cret"


def test_spaces_around_a_secret_in_a_file_are_part_of_it(
    environment: Environment, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text(" s3cret \n")
    environment(NATS__TOKEN_FILE=str(secret))
    token = load_settings().nats.token
    assert token
    assert token.get_secret_value() == " s3cret "


def test_any_variable_may_lie_in_a_file(environment: Environment, tmp_path: Path) -> None:
    port = tmp_path / "port"
    port.write_text("9100\n")
    environment(METRICS_PORT_FILE=str(port))
    assert load_settings().metrics_port == 9100


def test_a_bad_value_in_a_file_is_refused_by_the_variables_name(
    environment: Environment, tmp_path: Path
) -> None:
    port = tmp_path / "port"
    port.write_text("many")
    environment(METRICS_PORT_FILE=str(port))
    assert refused().startswith("SOLOFACE_METRICS_PORT: ")


def test_a_file_that_is_not_there_is_named_by_its_variable(
    environment: Environment, tmp_path: Path
) -> None:
    environment(NATS__TOKEN_FILE=str(tmp_path / "nowhere"))
    message = refused()
    assert message.startswith("SOLOFACE_NATS__TOKEN_FILE ")
    assert "No such file" in message


@pytest.mark.parametrize("content", [b"\xff\xfe", b"\x80secret"])
def test_a_file_that_is_no_text_is_named_by_its_variable(
    content: bytes, environment: Environment, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(content)
    environment(NATS__TOKEN_FILE=str(secret))
    assert refused().startswith("SOLOFACE_NATS__TOKEN_FILE ")


@pytest.mark.parametrize(
    "login",
    [
        {"NATS__USER": "me", "NATS__PASSWORD": "s3cret"},
        {"NATS__TOKEN": "s3cret"},
        {"NATS__NKEY_SEED": "s3cret"},
        {"NATS__URL": "nats://me:s3cret@nats"},
    ],
)
def test_secrets_are_not_shown(login: dict[str, str], environment: Environment) -> None:
    environment(
        STORE__ACCESS_KEY="me",
        STORE__SECRET_KEY="s3cret",
        DATABASE__DSN="postgresql://me:s3cret@db/soloface",
        **login,
    )
    settings = load_settings()
    for shown in (repr(settings), str(settings), f"{settings.nats}"):
        assert "s3cret" not in shown
    if "NATS__URL" not in login:  # text, which a dump has to hold
        assert "s3cret" not in repr(settings.model_dump()) + settings.model_dump_json()


def test_a_refusal_does_not_show_the_value(environment: Environment) -> None:
    environment(NATS__MAX_DELIVER="s3cret", LOG__LEVEL="s3cret", METRICS_PORT="s3cret")
    assert "s3cret" not in refused()


def test_settings_do_not_change() -> None:
    settings = load_settings()
    with pytest.raises(ValueError, match="frozen"):
        settings.nats.url = "nats://elsewhere"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("settings", "dimension"),
    [
        (ModelSettings(), 512),
        (ModelSettings(pack="open"), 128),
        (ModelSettings(pack="open", dimension=64), 64),
    ],
)
def test_the_packs_vectors_have_its_own_length_unless_told(
    settings: ModelSettings, dimension: int
) -> None:
    assert settings.embedding_dimension == dimension
