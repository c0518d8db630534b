"""Reading dlib's face recognition network from the file that dlib serialised it to.

dlib writes a network as its C++ objects nest, the loss first and the input last, but each object
writes its inner layer before its own parameters. So the file holds, in this order: the loss; one
version number per layer from the last to the first; the input; the layers' parameters from the
first to the last. Integers are packed (a control byte with sign and length, then the magnitude,
little endian), floating-point numbers are a packed mantissa and a packed exponent of two, and
tensors are four sizes and raw little-endian 32-bit floats.

Only the layers of ``dlib_face_recognition_resnet_model_v1.dat`` are known here, and everything
about them that a conversion relies on is checked.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]

_LAYER_WITHOUT_BODY, _LAYER, _FIRST_LAYER = 1, 2, 3  # the version numbers
_NEGATIVE, _LENGTH = 0x80, 0x0F  # bits of a packed integer's control byte
_INFINITY, _MINUS_INFINITY, _NAN = 32000, 32001, 32002  # exponents with a meaning of their own
_AFTER_CONVOLUTION, _WITHOUT_BIAS = 0, 1  # modes of an affine and of a fully connected layer


class FormatError(ValueError):
    """The file is not the dlib network that this module knows."""


@dataclass(frozen=True, slots=True)
class Convolution:
    """``weights`` (out, in, height, width), ``bias`` (out,); ``stride`` and ``padding`` (y, x)."""

    weights: Floats
    bias: Floats
    stride: tuple[int, int]
    padding: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Affine:
    """Per channel: ``gamma`` times the value plus ``beta``."""

    gamma: Floats
    beta: Floats


@dataclass(frozen=True, slots=True)
class Relu:
    """Negative values become zero."""


@dataclass(frozen=True, slots=True)
class Pool:
    """The maximum or average over a window (height, width); no window: over the whole plane."""

    maximum: bool
    window: tuple[int, int] | None
    stride: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Mark:
    """A tag, which remembers the value here, or a skip, which returns to one; they look alike."""


@dataclass(frozen=True, slots=True)
class AddTagged:
    """Add the remembered value, the smaller of the two padded with zeros."""


@dataclass(frozen=True, slots=True)
class FullyConnected:
    """``weights`` (in, out)."""

    weights: Floats


Layer: TypeAlias = Convolution | Affine | Relu | Pool | Mark | AddTagged | FullyConnected


@dataclass(frozen=True, slots=True)
class Network:
    """``mean`` (R, G, B) is subtracted from the 0..255 input, then it is divided by 256."""

    mean: tuple[float, float, float]
    height: int
    width: int
    layers: tuple[Layer, ...]


def read_network(data: bytes) -> Network:
    """Read the whole file.

    Raises:
        FormatError: anything in it is not as expected.
    """
    reader = _Reader(data)
    _expect(reader.integer() == 1 and reader.text() == "loss_metric_2", "a metric loss")
    reader.floats(2)  # the loss's margin and distance
    versions = [reader.integer()]
    while versions[-1] in (_LAYER_WITHOUT_BODY, _LAYER):
        versions.append(reader.integer())
    _expect(versions[-1] == _FIRST_LAYER, "the first layer")
    _expect(reader.text() == "input_rgb_image_sized", "an RGB input")
    red, green, blue = reader.floats(3)
    height, width = reader.integers(2)
    layers = tuple(_layer(reader, version) for version in reversed(versions))
    _expect(reader.at_end, "the end of the file")
    return Network((red, green, blue), height, width, layers)


def _layer(reader: _Reader, version: int) -> Layer:
    if version == _LAYER_WITHOUT_BODY:
        return Mark()
    layer = _body(reader)
    reader.booleans(3)
    for _ in range(3):
        reader.tensor()  # gradients and caches, empty in a finished network
    if version == _FIRST_LAYER:
        reader.integer()  # how many samples one image makes
    return layer


def _body(reader: _Reader) -> Layer:
    name = reader.text()
    if name not in _BODIES:
        raise FormatError(f"layer {name!r} is unknown")
    return _BODIES[name](reader)


def _convolution(reader: _Reader) -> Convolution:
    values = reader.tensor().ravel()
    count, height, width, stride_y, stride_x, padding_y, padding_x = reader.integers(7)
    shape, bias_shape = reader.alias(), reader.alias()
    reader.floats(4)  # learning rates and weight decays
    _expect((shape[0], *shape[2:]) == (count, height, width), "filters of the stated shape")
    size = math.prod(shape)
    _expect(values.size == size + math.prod(bias_shape) == size + count, "one bias per filter")
    return Convolution(
        values[:size].reshape(shape), values[size:], (stride_y, stride_x), (padding_y, padding_x)
    )


def _affine(reader: _Reader) -> Affine:
    gamma, beta = reader.tensor().reshape(2, -1)
    reader.alias(), reader.alias()
    _expect(reader.integer() == _AFTER_CONVOLUTION, "an affine layer per channel")
    return Affine(gamma, beta)


def _pool(reader: _Reader, *, maximum: bool) -> Pool:
    height, width, stride_y, stride_x, padding_y, padding_x = reader.integers(6)
    _expect((padding_y, padding_x) == (0, 0), "pooling without padding")
    window = (height, width) if height and width else None
    return Pool(maximum, window, (stride_y, stride_x))


def _fully_connected(reader: _Reader) -> FullyConnected:
    outputs, inputs = reader.integers(2)
    values = reader.tensor()
    reader.alias(), reader.alias()
    _expect(reader.integer() == _WITHOUT_BIAS, "a fully connected layer without bias")
    reader.floats(4)  # learning rates and weight decays
    return FullyConnected(values.reshape(inputs, outputs))


_BODIES: dict[str, Callable[[_Reader], Layer]] = {
    "con_4": _convolution,
    "affine_": _affine,
    "relu_": lambda _: Relu(),
    "max_pool_2": partial(_pool, maximum=True),
    "avg_pool_2": partial(_pool, maximum=False),
    "add_prev_": lambda _: AddTagged(),
    "fc_2": _fully_connected,
}


def _expect(holds: bool, what: str) -> None:  # noqa: FBT001 - reads as a sentence where it is used
    if not holds:
        raise FormatError(f"expected {what}")


class _Reader:
    """The file's primitive values, one after the other."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    @property
    def at_end(self) -> bool:
        return self._position == len(self._data)

    def integer(self) -> int:
        (control,) = self._take(1)
        _expect(not control & ~(_NEGATIVE | _LENGTH), "an integer")
        magnitude = int.from_bytes(self._take(control & _LENGTH), "little")
        return -magnitude if control & _NEGATIVE else magnitude

    def integers(self, count: int) -> tuple[int, ...]:
        return tuple(self.integer() for _ in range(count))

    def floats(self, count: int) -> tuple[float, ...]:
        return tuple(self._float() for _ in range(count))

    def booleans(self, count: int) -> None:
        _expect(set(self._take(count)) <= set(b"01"), "booleans")

    def text(self) -> str:
        return self._take(self.integer()).decode("latin-1")

    def tensor(self) -> Floats:
        _expect(self.integer() == 2, "a tensor")  # noqa: PLR2004 - its version number
        shape = self.integers(4)
        values = np.frombuffer(self._take(4 * math.prod(shape)), "<f4")
        return values.reshape(shape).astype(np.float64)

    def alias(self) -> tuple[int, ...]:
        """The shape of a part of a tensor."""
        _expect(self.integer() == 1, "a part of a tensor")
        return self.integers(4)

    def _float(self) -> float:
        mantissa, exponent = self.integers(2)
        special = {_INFINITY: math.inf, _MINUS_INFINITY: -math.inf, _NAN: math.nan}
        if exponent in special:
            return special[exponent]
        try:
            return math.ldexp(mantissa, exponent)
        except OverflowError:
            raise FormatError("the file holds a number that is too large") from None

    def _take(self, count: int) -> bytes:
        end = self._position + count
        _expect(count >= 0 and end <= len(self._data), "more bytes")
        taken = self._data[self._position : end]
        self._position = end
        return taken
