"""A lane without plumbing, as a process of its own: ``python -m benchmarks.lane KIND FOLDER``.

It loads the pack of the environment's settings, says so, and then works through as many of the
folder's photos as each line on its standard input asks for.

* ``loop``: soloface's pipeline in a bare loop, with as many threads as the worker has.
* ``limit``: nothing but the networks' own work on the same photos, back to back.
* ``decode-floor``: nothing but decoding the same photos at an eighth of their size, which undoes
  all of a JPEG's entropy coding and next to nothing else.
* ``insightface``: ``FaceAnalysis.get`` as its documentation has it, one photo after the other: its
  networks have a thread for each core.
* ``insightface-n``: the same, called from as many threads as there are cores.
* ``insightface-1``: the same with one thread per network.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import orjson

from dataflow.faces.packs.loading import load_pack
from dataflow.faces.runtime import session_options
from dataflow.process.cores import usable_cores
from dataflow.settings import Settings, load_settings
from dataflow.steps.recognition import recognise

Work = Callable[[int], object]
"""Does the photo of that number."""


def loop(settings: Settings, photos: Sequence[bytes]) -> Work:
    """The pipeline, from bytes to embedding."""
    pack = load_pack(settings.model)
    return lambda number: recognise(photos[number], pack, settings.images.max_pixels)


class _Tap:
    """Stands before a session and notes how it is called."""

    def __init__(self, session: Any, calls: list[Callable[[], object]]) -> None:  # noqa: ANN401
        self._session = session
        self._calls = calls

    def run(self, outputs: Any, feeds: Any, *options: Any) -> Any:  # noqa: ANN401
        self._calls.append(lambda: self._session.run(outputs, feeds, *options))
        return self._session.run(outputs, feeds, *options)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._session, name)


def limit(settings: Settings, photos: Sequence[bytes]) -> Work:
    """The runs of the networks that the pipeline makes for each photo, without the pipeline."""
    pack: Any = load_pack(settings.model)
    noted: list[Callable[[], object]] = []
    for network in filter(None, (pack.detector, pack.refiner, pack.recogniser)):
        # Ours hold their session themselves, insightface's in the model that they wrap.
        owner, name = network, "_session"
        if not hasattr(network, name):
            owner, name = getattr(network, "_model"), "session"  # noqa: B009 - not ours
        setattr(owner, name, _Tap(getattr(owner, name), noted))
    calls: list[tuple[Callable[[], object], ...]] = []
    for photo in photos:
        recognise(photo, pack, settings.images.max_pixels)
        calls.append(tuple(noted))
        noted.clear()

    def work(number: int) -> None:
        for call in calls[number]:
            call()

    return work


def decode_floor(settings: Settings, photos: Sequence[bytes]) -> Work:
    """The least that any size of picture takes to be decoded."""
    cv2.setNumThreads(settings.model.opencv_threads)
    files = [np.frombuffer(photo, np.uint8) for photo in photos]
    return lambda number: cv2.imdecode(files[number], cv2.IMREAD_REDUCED_COLOR_8)


def insightface(settings: Settings, photos: Sequence[bytes], *, one_thread: bool = False) -> Work:
    """What a user of insightface writes."""
    from insightface.app import FaceAnalysis  # type: ignore[import-untyped]  # noqa: PLC0415

    options = {"sess_options": session_options(settings.model)} if one_thread else {}
    app = FaceAnalysis(
        name=str(Path(settings.model.pack).absolute()),
        providers=list(settings.model.providers),
        **options,
    )
    app.prepare(ctx_id=0, det_size=(640, 640))

    def work(number: int) -> object:
        image = cv2.imdecode(np.frombuffer(photos[number], np.uint8), cv2.IMREAD_COLOR)
        faces: object = app.get(image)
        return faces

    return work


KINDS: dict[str, Callable[[Settings, Sequence[bytes]], Work]] = {
    "loop": loop,
    "limit": limit,
    "decode-floor": decode_floor,
    "insightface": insightface,
    "insightface-n": insightface,
    "insightface-1": lambda settings, photos: insightface(settings, photos, one_thread=True),
}


def main() -> None:
    """Serve rounds until standard input ends."""
    kind, folder = sys.argv[1:]
    settings = load_settings()
    photos = [path.read_bytes() for path in sorted(Path(folder).iterdir())]
    work = KINDS[kind](settings, photos)
    threads = 1 if kind == "insightface" else settings.worker.cores or usable_cores()
    with ThreadPoolExecutor(threads) as pool:
        _say(ready=True)
        for line in sys.stdin:
            wall, cpu = time.perf_counter(), time.process_time()
            for _ in pool.map(work, islice(cycle(range(len(photos))), int(line))):
                pass
            _say(wall_s=time.perf_counter() - wall, cpu_s=time.process_time() - cpu)


def _say(**fields: object) -> None:
    sys.stdout.write(orjson.dumps(fields).decode() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
