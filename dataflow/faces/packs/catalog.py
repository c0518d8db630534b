"""The packs that `soloface models install` knows by name, and what is known about them."""

from __future__ import annotations

from dataclasses import dataclass

from dataflow.faces.packs.made import MADE

ARCFACE_THRESHOLD = 0.60
"""For ArcFace-type recognisers without a calibration of their own.

Cosine 0.40. There a MobileFaceNet accepts 97.0 % of 335 pairs of photos of one person, and 2.3 % of
12,890 pairs of strangers, most of them of one population.
"""

_W600K_R50_THRESHOLD = 1 - 0.4078
"""InsightFace's own figure for buffalo_l: cosine 0.4078 at a false match in a million (MR-ALL)."""

_INSIGHTFACE_LICENCE = "non-commercial research only (InsightFace's terms for its trained models)"
_INSIGHTFACE_RELEASE = "https://github.com/deepinsight/insightface/releases/download/v0.7/"

_SCRFD_10G = "5838f7fe053675b1c7a08b633df49e7af5495cee0493c7dcf6697200b85b5b91"
_SCRFD_2_5G = "041f73f47371333d1d17a6fee6c8ab4e6aecabefe398ff32cca4e2d5eaee0af9"
_SCRFD_500M = "5e4447f50245bbd7966bd6c0fa52938c61474a04ec7def48753668a9d8b4ea3a"
_W600K_R50 = "4c06341c33c2ca1f86781dab0e829f88ad5b64be9fba56e56bc9ebdefc619e43"
_W600K_MBF = "9cc6e4a75f0e2bf0b1aed94578f144d15175f357bdc05e815e5c4a02b319eb4f"
_GLINTR100 = "4ab1d6435d639628a6f3e5008dd4f929edf4c4124b1a7169e1048f9fef534cdf"


@dataclass(frozen=True, slots=True)
class PublishedPack:
    """A pack that InsightFace publishes as a zip file.

    ``files`` are (name, sha256 in hex) of its detector and its recogniser; the zip files hold other
    networks too, which soloface has no use for.
    """

    name: str
    files: tuple[tuple[str, str], tuple[str, str]]
    threshold: float = ARCFACE_THRESHOLD
    dimension: int = 512
    licence: str = _INSIGHTFACE_LICENCE

    @property
    def url(self) -> str:
        """Where the publisher keeps it."""
        return f"{_INSIGHTFACE_RELEASE}{self.name}.zip"


PUBLISHED = {
    pack.name: pack
    for pack in (
        PublishedPack(
            "buffalo_l",
            (("det_10g.onnx", _SCRFD_10G), ("w600k_r50.onnx", _W600K_R50)),
            threshold=_W600K_R50_THRESHOLD,
        ),
        PublishedPack(
            "buffalo_m",
            (("det_2.5g.onnx", _SCRFD_2_5G), ("w600k_r50.onnx", _W600K_R50)),
            threshold=_W600K_R50_THRESHOLD,
        ),
        PublishedPack(
            "buffalo_s", (("det_500m.onnx", _SCRFD_500M), ("w600k_mbf.onnx", _W600K_MBF))
        ),
        PublishedPack(
            "buffalo_sc", (("det_500m.onnx", _SCRFD_500M), ("w600k_mbf.onnx", _W600K_MBF))
        ),
        PublishedPack(
            "antelopev2", (("scrfd_10g_bnkps.onnx", _SCRFD_10G), ("glintr100.onnx", _GLINTR100))
        ),
    )
}

INSTALLABLE = (*MADE, *PUBLISHED)
"""Names that can be installed."""


def published_threshold(pack: str) -> float:
    """The threshold of a pack that need not be installed yet, by its name or its folder."""
    known = MADE.get(pack) or PUBLISHED.get(pack)
    return known.threshold if known else ARCFACE_THRESHOLD


def licence_of(pack: str) -> str:
    """Under which licence a pack of that name comes."""
    known = MADE.get(pack) or PUBLISHED.get(pack)
    return known.licence if known else "see where it came from"


def pack_of(contract_id: str) -> str | None:
    """The pack to install for vectors of a contract; ``None``: it is none of those known here."""
    made_with, _, _ = contract_id.rpartition("-")
    for pack in MADE.values():
        if pack.contract == made_with:
            return pack.name
    return made_with if made_with in PUBLISHED else None
