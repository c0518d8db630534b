"""What a set of bombs costs in memory: measured in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import orjson
import pytest
from PIL import Image

from dataflow.faces.image import BYTES_PER_PIXEL
from tests.pictures import jpeg_claiming, saved
from tests.unit.faces.test_hostile_images import png_claiming, webp_claiming

WIDTH, HEIGHT = 2400, 1500  # so large that what an allocator keeps hardly counts
MAX_PIXELS = WIDTH * HEIGHT
DECODABLE = 13
KINDS = ("JPEG", "PNG", "WEBP", "HEIC", "AVIF")

MEASURE = """
import sys
from pathlib import Path
import orjson
from dataflow.jobs.errors import DataError
from dataflow.faces.image import decode_image

def attempt(data, max_pixels):
    try:
        decode_image(data, max_pixels=max_pixels)
    except DataError as error:
        return str(error.reason)
    return "decoded"

def peak():
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024

folder, max_pixels = Path(sys.argv[1]), int(sys.argv[2])
for small in folder.glob("small-*"):
    assert attempt(small.read_bytes(), max_pixels) == "decoded"
before = peak()
ends = [attempt(bomb.read_bytes(), max_pixels) for bomb in folder.glob("bomb-*")]
sys.stdout.buffer.write(orjson.dumps({"ends": ends, "growth": peak() - before}))
"""


def bombs() -> Iterator[bytes]:
    """Pictures as large as is allowed, in the costliest kinds, and some that only claim more."""
    flat = Image.new("RGB", (WIDTH, HEIGHT), (9, 99, 199))
    for kind in KINDS:
        yield saved(flat, kind, orientation=6)
    clear = flat.convert("RGBA")
    for kind in ("PNG", "WEBP", "AVIF"):
        yield saved(clear, kind)
    yield saved(clear, "WEBP", lossless=True)
    yield saved(flat, "JPEG", progressive=True, subsampling=0, quality=100)
    yield saved(flat.convert("CMYK"), "JPEG", progressive=True, subsampling=0)
    deep = cv2.imencode(".png", np.zeros((HEIGHT, WIDTH, 4), np.uint16))[1].tobytes()
    yield deep
    yield saved(flat.convert("P"), "PNG")
    yield saved(Image.new("1", (MAX_PIXELS, 1)), "PNG")
    for forge in (jpeg_claiming, png_claiming, webp_claiming):
        yield forge(16_000, 25_000)
    yield b"GIF89a" + jpeg_claiming(9_999, 9_999)
    yield jpeg_claiming(1500, 1500) + b"GIF89a" + bytes(10**6)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_no_bomb_takes_more_memory_than_its_allowed_pixels(tmp_path: Path) -> None:
    for kind in KINDS:
        small = saved(Image.new("RGB", (64, 64)), kind)
        (tmp_path / f"small-{kind}").write_bytes(small)
    for index, data in enumerate(bombs()):
        (tmp_path / f"bomb-{index}").write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, tmp_path, str(MAX_PIXELS)], capture_output=True, check=True
    )
    found = orjson.loads(done.stdout)
    assert found["growth"] < 1.1 * BYTES_PER_PIXEL * MAX_PIXELS
    assert set(found["ends"]) == {"decoded", "image_undecodable", "image_too_large"}
    assert found["ends"].count("decoded") == DECODABLE
