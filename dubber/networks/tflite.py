"""Convolutions of a TensorFlow Lite file: their numbers, with quantised ones in real units.

Only numbers are read; nothing of the file is run. Field numbers are those of TensorFlow's `schema.fbs`, version 3.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from flatbuffers import number_types as n
from flatbuffers.table import Table
from torch import Tensor

from dubber.errors import DubberError, MissingDataError
from dubber.files import read_limited
from dubber.networks.published_weights import Published

IDENTIFIER, VERSION = b"TFL3", 3
MAX_BYTES = 64 * 1024 * 1024
DTYPES = {0: "<f4", 2: "<i4", 9: "<i1"}  # FLOAT32, INT32, INT8: the types of weights
DAMAGES = (struct.error, IndexError, KeyError, ValueError, TypeError, OverflowError)  # what wrong offsets lead to


@dataclass(frozen=True)
class _Kind:
    """A convolution's operator: the places of weight and bias among its inputs, and of dilation in its options."""

    name: str
    weight: int
    bias: int
    dilation: int | None


KINDS = {
    3: _Kind("convolution", 1, 2, 5),
    4: _Kind("depthwise convolution", 1, 2, 6),
    67: _Kind("transposed convolution", 1, 3, None),
}


@dataclass(frozen=True)
class Convolution:
    """One convolution over time.

    Attributes:
        kind: "convolution", "depthwise convolution" or "transposed convolution".
        weight: float32 in the file's order: [outputs, K, 1, inputs]; of a depthwise one [1, K, 1, channels].
        bias: float32 [outputs].
        stride, dilation: in frames of its input (of its output where it is transposed).
    """

    kind: str
    weight: Tensor
    bias: Tensor
    stride: int
    dilation: int


def read_convolutions(path: Path | str, published: Published) -> list[Convolution]:
    """The convolutions of the file's first graph, in the order in which they run.

    Raises:
        MissingDataError: there is no such file.
        DubberError: it is no TensorFlow Lite file of version 3, or damaged.
    """
    model = _open(path, published)
    try:
        return list(_convolutions(model))
    except DAMAGES as error:
        raise _damaged(path, published, error) from error


def read_constants(path: Path | str, published: Published) -> dict[str, Tensor]:
    """The constant tensors of the file's first graph by name, float32.

    Raises:
        MissingDataError: there is no such file.
        DubberError: it is no TensorFlow Lite file of version 3, or damaged.
    """
    model = _open(path, published)
    try:
        tensors = model.records(2)[0].records(0)
        return {tensor.text(3): _values(model, tensor) for tensor in tensors if _is_constant(model, tensor)}
    except DAMAGES as error:
        raise _damaged(path, published, error) from error


def _open(path: Path | str, published: Published) -> _Record:
    if not Path(path).is_file():
        raise MissingDataError(f"The weights of {published.model} are missing.", looked_at=path, hint=published.remedy)
    content = read_limited(path, f"The weights of {published.model}", MAX_BYTES)
    try:
        root = _Record(content, struct.unpack_from("<I", content)[0])
        known = content[4:8] == IDENTIFIER and root.number(0, n.Uint32Flags, 0) == VERSION
    except DAMAGES as error:
        raise _damaged(path, published, error) from error
    if not known:
        raise _damaged(path, published, f"not a TensorFlow Lite file of version {VERSION}")
    return root


def _damaged(path: Path | str, published: Published, error: object) -> DubberError:
    return DubberError(
        f"The weights of {published.model} are damaged: {error}",
        looked_at=path,
        hint=f"Delete the file; {published.remedy}",
    )


class _Record:
    """A table of the file; a field that is left out has its default."""

    def __init__(self, content: bytes, place: int) -> None:
        self._content, self._table = content, Table(content, place)

    def number(self, field: int, flags: Any, default: int) -> int:
        offset = self._table.Offset(4 + 2 * field)
        return int(self._table.Get(flags, self._table.Pos + offset)) if offset else default

    def numbers(self, field: int, dtype: str) -> np.ndarray:
        offset = self._table.Offset(4 + 2 * field)
        if not offset:
            return np.zeros(0, dtype)
        return np.frombuffer(self._content, dtype, self._table.VectorLen(offset), self._table.Vector(offset))

    def text(self, field: int) -> str:
        return self.numbers(field, "<u1").tobytes().decode()

    def record(self, field: int) -> _Record | None:
        offset = self._table.Offset(4 + 2 * field)
        return _Record(self._content, self._table.Indirect(self._table.Pos + offset)) if offset else None

    def records(self, field: int) -> list[_Record]:
        offset = self._table.Offset(4 + 2 * field)
        if not offset:
            return []
        first, count = self._table.Vector(offset), self._table.VectorLen(offset)
        return [_Record(self._content, self._table.Indirect(first + 4 * i)) for i in range(count)]


def _convolutions(model: _Record) -> Iterator[Convolution]:
    graph = model.records(2)[0]
    tensors, codes = graph.records(0), [_code(record) for record in model.records(1)]
    for operator in graph.records(3):
        kind, options = KINDS.get(codes[operator.number(0, n.Uint32Flags, 0)]), operator.record(4)
        if kind is None:
            continue
        if options is None:
            raise ValueError(f"a {kind.name} has no options")
        inputs = operator.numbers(1, "<i4")
        yield Convolution(
            kind.name,
            _values(model, tensors[inputs[kind.weight]]),
            _values(model, tensors[inputs[kind.bias]]),
            stride=options.number(2, n.Int32Flags, 0),
            dilation=options.number(kind.dilation, n.Int32Flags, 1) if kind.dilation else 1,
        )


def _code(record: _Record) -> int:
    """An operator's number: the old field holds at most 127, the new one all."""
    return max(record.number(0, n.Int8Flags, 0), record.number(3, n.Int32Flags, 0))


def _is_constant(model: _Record, tensor: _Record) -> bool:
    held = model.records(4)[tensor.number(2, n.Uint32Flags, 0)]
    return tensor.number(1, n.Int8Flags, 0) in DTYPES and len(held.numbers(0, "<u1")) > 0


def _values(model: _Record, tensor: _Record) -> Tensor:
    """float32 scale * (q - zero point), each along the tensor's quantised dimension; as it is where there is no scale.

    The scales are those of TensorFlow Lite's specification of 8-bit quantisation.
    """
    shape = tuple(tensor.numbers(0, "<i4"))
    held = model.records(4)[tensor.number(2, n.Uint32Flags, 0)].numbers(0, "<u1")
    values = held.view(DTYPES[tensor.number(1, n.Int8Flags, 0)]).reshape(shape).astype(np.float32)
    quantised = tensor.record(4)
    if quantised is not None and len(scales := quantised.numbers(2, "<f4")):
        along = np.ones(len(shape), int)
        along[quantised.number(6, n.Int32Flags, 0)] = -1 if len(scales) > 1 else 1
        values = (values - quantised.numbers(3, "<i8").reshape(along)) * scales.reshape(along)
    return torch.from_numpy(values.astype(np.float32))
