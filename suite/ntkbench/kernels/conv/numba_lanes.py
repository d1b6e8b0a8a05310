"""A number in each of LANES lanes, as a type of numba: one vector register, whatever the compiler makes of loops.

numba hands loops to LLVM's vectoriser, which has to prove first that no two arrays overlap, and which keeps nothing in
registers from one turn of a loop to the next. Here an operation on lanes is a vector operation from the start. Nothing
is assumed of the numbers: lanes do not mix, and a NaN stays in its own.

numba's cache of `numba_compiled` does not see changes to this file: touch that one too.
"""

from __future__ import annotations

import operator

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic, lower_builtin, models, register_model, type_callable

LANES = 16


class Lanes(types.Type):
    """LANES numbers of one kind, float32 or float64."""

    def __init__(self, number):
        self.number = number
        super().__init__(name=f"Lanes({number})")


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager, lanes):
        number = manager.lookup(lanes.number).get_value_type()
        super().__init__(manager, lanes, ir.VectorType(number, LANES))


def _operator(function, instruction):
    @type_callable(function)
    def type_of(context):
        def result(a, b):
            return a if isinstance(a, Lanes) and a == b else None

        return result

    @lower_builtin(function, Lanes, Lanes)
    def lower(context, builder, signature, arguments):
        return getattr(builder, instruction)(*arguments)


for _function, _instruction in ((operator.add, "fadd"), (operator.sub, "fsub"), (operator.mul, "fmul")):
    _operator(_function, _instruction)


def _is_single(vector):
    return isinstance(vector.element, ir.FloatType)


def _call(builder, name, *arguments):
    """LLVM's function of that name on vectors of one kind."""
    vector = arguments[0].type
    name = f"llvm.{name}.v{LANES}f{32 if _is_single(vector) else 64}"
    kind = ir.FunctionType(vector, [vector] * len(arguments))
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), arguments)


@intrinsic
def multiply_add(context, a, b, c):
    """a * b + c, rounded once where the processor can."""
    return a(a, b, c), lambda context, builder, signature, arguments: _call(builder, "fmuladd", *arguments)


@intrinsic
def square_root(context, a):
    """The root of each number."""
    return a(a), lambda context, builder, signature, arguments: _call(builder, "sqrt", *arguments)


@intrinsic
def magnitude(context, a):
    """Each number without its sign."""
    return a(a), lambda context, builder, signature, arguments: _call(builder, "fabs", *arguments)


@intrinsic
def smaller(context, a, b):
    """The smaller number of each lane; that of b where either is NaN."""

    def generate(context, builder, signature, arguments):
        return builder.select(builder.fcmp_ordered("<", *arguments), *arguments)

    return a(a, b), generate


@intrinsic
def where_negative(context, condition, a, b):
    """a where `condition` is negative, else b."""

    def generate(context, builder, signature, arguments):
        condition, a, b = arguments
        return builder.select(builder.fcmp_ordered("<", condition, ir.Constant(a.type, None)), a, b)

    return a(condition, a, b), generate


@intrinsic
def inverse_or_zero(context, a):
    """1 / a where a is positive, else 0."""

    def generate(context, builder, signature, arguments):
        (a,) = arguments
        zero = ir.Constant(a.type, None)
        return builder.select(builder.fcmp_ordered(">", a, zero), builder.fdiv(_everywhere(a.type, 1.0), a), zero)

    return a(a), generate


def polynomial(single, double):
    """An operation on lanes from coefficients, the constant term first, for float32 and for float64."""

    @intrinsic
    def horner(context, a):
        def generate(context, builder, signature, arguments):
            (a,) = arguments
            *lower, value = (_everywhere(a.type, c) for c in (single if _is_single(a.type) else double))
            for coefficient in reversed(lower):
                value = _call(builder, "fmuladd", value, a, coefficient)
            return value

        return a(a), generate

    return horner


@intrinsic
def load(context, array, index):
    """LANES neighbours in a contiguous array, from a flat index on."""
    lanes = Lanes(array.dtype)

    def generate(context, builder, signature, arguments):
        address = _address(context, builder, signature, arguments)
        vector = context.get_value_type(lanes)
        return builder.load(builder.bitcast(address, vector.as_pointer()), align=_alignment(vector))

    return lanes(array, types.intp), generate


@intrinsic
def load_one(context, array, index):
    """The number at a flat index of a contiguous array, in every lane."""
    lanes = Lanes(array.dtype)

    def generate(context, builder, signature, arguments):
        number = builder.load(_address(context, builder, signature, arguments))
        empty, first = ir.Constant(context.get_value_type(lanes), ir.Undefined), ir.Constant(ir.IntType(32), 0)
        everywhere = ir.Constant(ir.VectorType(ir.IntType(32), LANES), None)
        return builder.shuffle_vector(builder.insert_element(empty, number, first), empty, everywhere)

    return lanes(array, types.intp), generate


@intrinsic
def store(context, array, index, lanes):
    """Write to LANES neighbours in a contiguous array, from a flat index on."""

    def generate(context, builder, signature, arguments):
        *place, value = arguments
        address = _address(context, builder, signature, place)
        builder.store(value, builder.bitcast(address, value.type.as_pointer()), align=_alignment(value.type))
        return context.get_dummy_value()

    return types.none(array, types.intp, lanes), generate


def _address(context, builder, signature, place):
    array, index = place
    return builder.gep(context.make_array(signature.args[0])(context, builder, array).data, [index])


def _alignment(vector):
    """That of a single number: neighbours may start anywhere."""
    return 4 if _is_single(vector) else 8


def _everywhere(vector, number):
    rounded = float(np.float32(number)) if _is_single(vector) else float(number)
    return ir.Constant(vector, [ir.Constant(vector.element, rounded)] * LANES)
