"""Sums over the pixels of a cell whose partial sums stay in the processor's registers.

What compilers make of loops over the short rows of a cell fetches every partial sum from memory and
puts it back for each few pixels, which takes five times as long as the sums themselves. So this one
loop is written in LLVM's own terms, as operations on vectors of pixels. LLVM cuts those into such
as the processor has, whatever that is.
"""

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic

_FLOAT, _INDEX = ir.FloatType(), ir.IntType(64)
_FAST = ("fast",)  # any order of summation will do


def adding(lanes: int) -> Any:
    """Return a function for compiled code that adds up a rectangle's pixels under weight images.

    Its arguments are the sums before, all channels of the first frame first; a tuple of frames,
    ``(height, width)`` unsigned integers each; the weights, ``(channel, height, width)`` float32;
    and the rectangle's left, right, top and bottom, where the width is a multiple of `lanes`, the
    pixels that are taken at once. All arrays have the pixels of a row next to each other. It
    returns the sums after.
    """

    @intrinsic
    def added(
        _: Any, sums: Any, frames: Any, weights: Any, left: Any, right: Any, top: Any, bottom: Any
    ) -> Any:
        return sums(sums, frames, weights, left, right, top, bottom), _generate

    def _generate(context: Any, builder: Any, signature: Any, arguments: Sequence[Any]) -> Any:
        before, frames, weights, left, right, top, bottom = arguments
        before = cgutils.unpack_tuple(builder, before)
        channels = len(before) // len(signature.args[1])
        vector = _FLOAT if lanes == 1 else ir.VectorType(_FLOAT, lanes)
        images = _Pixels(context, builder, signature.args[2], weights)
        planes = [
            _Pixels(context, builder, kind, frame)
            for kind, frame in zip(
                signature.args[1], cgutils.unpack_tuple(builder, frames), strict=True
            )
        ]
        nothing = ir.Constant(vector, None)
        totals = [cgutils.alloca_once_value(builder, nothing) for _ in before]
        steps = builder.udiv(builder.sub(right, left), _INDEX(lanes))
        with (
            cgutils.for_range(builder, builder.sub(bottom, top)) as row,
            cgutils.for_range(builder, steps) as step,
        ):
            y = builder.add(top, row.index)
            x = builder.add(left, builder.mul(step.index, _INDEX(lanes)))
            shares = [images.vector([_INDEX(k), y, x], vector) for k in range(channels)]
            for f, plane in enumerate(planes):
                seen = plane.vector([y, x], vector)
                for share, total in zip(shares, totals[f * channels :], strict=False):
                    more = builder.fmul(share, seen, flags=_FAST)
                    builder.store(builder.fadd(builder.load(total), more, flags=_FAST), total)
        after = [
            builder.fadd(sum_before, _across(builder, builder.load(total)), flags=_FAST)
            for sum_before, total in zip(before, totals, strict=True)
        ]
        return context.make_tuple(builder, signature.return_type, after)

    return added


class _Pixels:
    """An array from which vectors of neighbours are loaded."""

    def __init__(self, context: Any, builder: Any, kind: Any, value: Any) -> None:
        array = context.make_array(kind)(context, builder, value)
        self._builder = builder
        self._scalar = context.get_data_type(kind.dtype)
        self._start = builder.ptrtoint(array.data, _INDEX)
        self._strides = cgutils.unpack_tuple(builder, array.strides)
        self._bytes = kind.dtype.bitwidth // 8

    def vector(self, place: Sequence[Any], wanted: Any) -> Any:
        """Return `wanted` floats from `place` on."""
        builder, address = self._builder, self._start
        for index, stride in zip(place, self._strides, strict=True):
            address = builder.add(address, builder.mul(index, stride))
        many = isinstance(wanted, ir.VectorType)
        stored = ir.VectorType(self._scalar, wanted.count) if many else self._scalar
        pointer = builder.inttoptr(address, stored.as_pointer())
        loaded = builder.load(pointer, align=self._bytes)
        return loaded if self._scalar == _FLOAT else builder.uitofp(loaded, wanted)


def _across(builder: Any, vector: Any) -> Any:
    """Return the sum of a vector's elements."""
    if not isinstance(vector.type, ir.VectorType):
        return vector
    name = f"llvm.vector.reduce.fadd.v{vector.type.count}f32"
    kind = ir.FunctionType(_FLOAT, [_FLOAT, vector.type])
    reduce = cgutils.get_or_insert_function(builder.module, kind, name)
    return builder.call(reduce, [_FLOAT(-0.0), vector], fastmath=_FAST)
