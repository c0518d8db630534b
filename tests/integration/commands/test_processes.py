"""The command line as a shell runs it: pipes, interruptions, full disks, folders out of reach."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO
from uuid import uuid4

import orjson
import pytest

from connectors.jetstream.letters.letter import Header
from dataflow.settings import PREFIX
from soloface.cli.demo.changes import jpeg
from soloface.cli.demo.people import CAT, ENROLLED, load_picture
from soloface.cli.frame.app import Commands
from tests.builders import payload
from tests.fixtures.letters import Letters
from tests.places import REPOSITORY
from tests.world import World

SOLOFACE = (sys.executable, "-m", "soloface")
PATIENCE_S = 500

pytestmark = pytest.mark.timeout(600)  # each command is a process that loads its networks
LONG = "a-file-name-as-long-as-cameras-and-phones-and-people-make-them-" * 2


def run(
    *arguments: object, stdout: int | IO[str] = subprocess.PIPE, env: Mapping[str, str] = os.environ
) -> subprocess.CompletedProcess[str]:
    """One run; its streams are pipes, unless told otherwise."""
    return subprocess.run(
        [*SOLOFACE, *map(str, arguments)],
        cwd=REPOSITORY,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


HEAVY = {
    *("nats", "psycopg", "pgvector", "minio", "urllib3", "bytewax", "connectors"),
    *("numpy", "cv2", "PIL", "onnxruntime", "onnx", "insightface", "matplotlib"),
    *("pydantic", "pydantic_settings", "structlog", "prometheus_client"),
}


HELP = [
    *(["--help"], ["-h"], ["--version"]),
    *([command, "--help"] for command in Commands.table),
    *(["dlq", "list", "-h"], ["dlq", "purge", "-h"], ["match", "confirm", "-h"]),
    *(["gallery", "status", "-h"], ["models", "install", "-h"]),
]
ASKING = """
import json, sys
from soloface.cli import main
for arguments in json.loads(sys.argv[1]):
    sys.argv = ["soloface", *arguments]
    try:
        main()
    except SystemExit as end:
        loaded = sorted({name.partition(".")[0] for name in sys.modules})
        print(json.dumps([arguments, end.code, loaded]), file=sys.stderr)
"""


def test_help_loads_no_driver_and_no_network() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ASKING, orjson.dumps(HELP).decode()],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_S,
    )
    told = [orjson.loads(line) for line in done.stderr.splitlines()]

    assert [arguments for arguments, _, _ in told] == HELP
    for arguments, code, loaded in told:
        assert code == 0, arguments
        assert set(loaded) & HEAVY == set(), arguments


def test_a_list_of_letters_is_a_line_each_in_a_pipe(letters: Letters) -> None:
    detail = "word " * 150 + "end"
    for number in range(1, 4):
        letters.write(payload(number), {Header.REASON: "image_not_found", Header.ERROR: detail})

    done = run("dlq", "list", env={**os.environ, "COLUMNS": "40"})

    rows = done.stdout.splitlines()
    assert rows[-1] == "3 of 3 dead letters"
    assert len(rows) == 5
    assert all(detail in row for row in rows[1:-1])


def test_what_was_refused_and_uploaded_is_never_broken_in_a_pipe(
    world: World, tmp_path: Path
) -> None:
    good, bad = tmp_path / f"{LONG}.jpg", tmp_path / f"[red]{LONG}.jpg"
    good.write_bytes(jpeg(ENROLLED[0].portrait()))
    bad.write_bytes(jpeg(load_picture(CAT)))
    user = uuid4()

    enrolled = run("enroll", user, good, bad)
    published = run("publish", "--upload", good, "--upload", bad)

    assert re.search(rf"^{user} +{re.escape(str(bad))} +no_face ", enrolled.stdout, re.MULTILINE)
    assert f"enrolled {user} from 1 photo ({world.pack.contract.id})" in enrolled.stdout
    lines = published.stdout.splitlines()
    assert [line.partition(" is photo ")[0] for line in lines] == [
        *(str(good), str(bad)),
        "published 2, already there 0",
    ]


def test_whoever_reads_no_further_ends_the_command_in_silence(letters: Letters) -> None:
    for number in range(1, 4):
        letters.bury(number)
    with subprocess.Popen(
        [*SOLOFACE, "dlq", "list"], cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        said = process.stderr.read()
        process.wait(PATIENCE_S)

    assert said == b""
    assert process.returncode == 1


@pytest.mark.parametrize("arguments", [["--version"], ["models", "list"], ["dlq", "list"]])
@pytest.mark.usefixtures("letters")
def test_a_full_disk_is_one_line(arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = run(*arguments, stdout=full)

    assert done.returncode == 1
    assert done.stderr == "error: No space left on device\n"


def test_an_interruption_is_silent(letters: Letters) -> None:
    letters.bury(1)
    with subprocess.Popen(
        [*SOLOFACE, "dlq", "purge", "--all"],
        cwd=REPOSITORY,
        stdin=(held := os.openpty())[1],
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr
        question = process.stderr.read(1)
        process.send_signal(signal.SIGINT)
        said = question + process.stderr.read()
        process.wait(PATIENCE_S)
    for descriptor in held:
        os.close(descriptor)

    assert process.returncode == 130
    assert "Traceback" not in said
    assert letters.kept() == [1]


def out_of_reach(tmp_path: Path) -> Path:
    """A folder that not even root can make, since a file is in its way."""
    (tmp_path / "file").write_text("")
    return tmp_path / "file" / "folder"


@pytest.mark.parametrize(
    "command",
    [
        ["up", "--directory", "<folder>"],
        ["demo", "--output", "<folder>"],
        ["models", "install", "open", "--root", "<folder>"],
        ["models", "list", "--root", "<folder>"],
        ["models", "verify", "open", "--root", "<folder>"],
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_a_folder_out_of_reach_is_one_line(tmp_path: Path, command: Sequence[str]) -> None:
    folder = str(out_of_reach(tmp_path))

    done = run(*(folder if part == "<folder>" else part for part in command))

    if command[1] == "list":
        assert (done.returncode, done.stderr) == (0, "")
        return
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert folder in line


def test_an_environment_file_out_of_reach_is_one_line_and_leaves_no_server(
    open_folder: Path,
) -> None:
    variables = {k: v for k, v in os.environ.items() if not k.startswith(PREFIX)}
    target = out_of_reach(open_folder)

    done = run("up", "--directory", open_folder / "data", "--env-file", target, env=variables)

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"error: {target} cannot be written")
    assert not (open_folder / "data" / "postgres" / "data" / "postmaster.pid").exists()


def test_completion_knows_commands_and_options() -> None:
    def completed(line: str) -> list[str]:
        words = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)}
        done = subprocess.run(
            [str(Path(sys.executable).parent / "soloface")],
            env={**os.environ, **words, "_SOLOFACE_COMPLETE": "complete_bash"},
            capture_output=True,
            text=True,
            check=True,
            timeout=PATIENCE_S,
        )
        return done.stdout.split()

    assert completed("soloface re") == ["reembed", "reconcile", "retention", "rematch"]
    assert completed("soloface dlq p") == ["purge"]
    assert "--unmatched-after" in completed("soloface retention --un")
    assert "--show-completion" in run("--help").stdout


def test_installing_a_pack_is_told_as_json(tmp_path: Path) -> None:
    done = run("models", "install", "open", "--root", tmp_path, "--json")

    told = orjson.loads(done.stdout)
    assert (told["name"], told["installed"], told["dimension"]) == ("open", True, 128)
    assert told["folder"] == str(tmp_path / "open")
