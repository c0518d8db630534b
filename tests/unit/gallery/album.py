"""Photos of made-up people, and who looks at them."""

from __future__ import annotations

from dataflow.gallery.enrolling import Enroller
from dataflow.gallery.enrolment import Examiner, Offer, Status
from tests.builders import FakePack, picture

THRESHOLD = FakePack.threshold
FILES = {
    "none.png": picture(faces=0),
    "two.png": picture(faces=2),
    "text.png": b"no picture",
    **{f"{number}.png": picture(person=number) for number in range(4)},
    "0 again.png": picture(person=0),
}


def read(photo: str) -> bytes:
    if photo not in FILES:
        raise FileNotFoundError(2, "No such file")
    return FILES[photo]


def examiner(quality: str = "off", max_pixels: int = 1000, bystanders: str = "refuse") -> Examiner:
    return Examiner(FakePack(), read, max_pixels, quality, bystanders)


def run(enroller: Enroller, *offers: Offer) -> list[Status]:
    return [enrolment.status for enrolment in enroller.enrol(offers)]
