"""Triton's interpreter over numpy, without torch: the launches of a plan, one program after the other, on this processor."""

import os

os.environ["TRITON_INTERPRET"] = "1"  # read when a kernel is decorated, so before Triton is imported

import ml_dtypes
import numpy
import triton.language as tl
from triton.runtime import interpreter

from kernel_tool_plan import ALIGNMENT, Constants, Failure, Names, Plan, evaluate, load

# Element types that numpy has no name for lie in arrays of their bits.
_FLOATS = {
    tl.bfloat16: ml_dtypes.bfloat16, tl.float8e4nv: ml_dtypes.float8_e4m3fn, tl.float8e5: ml_dtypes.float8_e5m2,
    tl.float16: numpy.float16, tl.float32: numpy.float32, tl.float64: numpy.float64,
}

class Memory:
    """What the interpreter takes for a tensor: an address and an element type."""

    def __init__(self, address, dtype):
        self.address, self.dtype = address, dtype

    def data_ptr(self):
        return self.address

    # The interpreter copies tensors to the host and back: these are there already.
    def untyped_storage(self):
        return self

    cpu = untyped_storage

    def new_empty(self, *shape, **options):
        return Memory(self.address, self.dtype)

    def set_(self, storage, *layout):
        self.address = storage.address

    def storage_offset(self):
        return 0

    size = stride = storage_offset

    def copy_(self, other):
        pass


# MARK: what the interpreter does not do as a GPU does


def _values(handle):
    """A handle's elements, as numbers that numpy computes with."""
    kind = _FLOATS.get(handle.dtype.scalar)
    return handle.data if kind is None or handle.data.dtype == kind else handle.data.view(kind)


def _handle(values, dtype):
    """Elements rounded to a type of Triton's: to the nearest, ties to even; 8-bit ones saturate."""
    kind = _FLOATS[dtype.scalar]
    if values.dtype != kind:
        values = numpy.asarray(values)
        if kind in (ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2):
            limit = float(ml_dtypes.finfo(kind).max)
            values = numpy.clip(values.astype(numpy.float32), -limit, limit)
        elif kind is ml_dtypes.bfloat16:
            values = values.astype(numpy.float32)
        values = values.astype(kind)
    return interpreter.TensorHandle(values.view(interpreter._get_np_dtype(dtype.scalar)), dtype.scalar)


def _narrow(dtype):
    """Types whose bits the interpreter would compute with."""
    return dtype.scalar in (tl.bfloat16, tl.float8e4nv, tl.float8e5)


def mend():
    """bfloat16 and 8-bit floats: the interpreter multiplies and adds their bits, and cuts where a GPU rounds."""
    builder = interpreter.InterpreterBuilder
    cast, convert, dot = builder.cast_impl, builder.create_fp_to_fp, builder.create_dot
    unary, binary, ternary, fma = builder.unary_op, builder.binary_op, builder.ternary_op, builder.create_fma

    def widened(handle):
        return interpreter.TensorHandle(_values(handle).astype(numpy.float32), tl.float32) if _narrow(handle.dtype) else handle

    def mended_cast(self, source, target):
        if not _narrow(source.dtype) and not _narrow(target.scalar):
            return cast(self, source, target)
        if target.scalar in _FLOATS:
            return _handle(_values(source), target)
        return cast(self, widened(source), target)

    def mended_convert(self, source, target, rounding):
        if source.dtype.scalar not in _FLOATS or target.scalar not in _FLOATS or rounding == interpreter._ir.ROUNDING_MODE.RTZ:
            return convert(self, source, target, rounding)
        return _handle(_values(source), target)

    def over_floats(operation):
        def mended(self, *handles_and_function):
            *handles, function = handles_and_function
            if not any(_narrow(handle.dtype) for handle in handles):
                return operation(self, *handles, function)
            result = operation(self, *[widened(handle) for handle in handles], function)
            is_number = result.data.dtype == numpy.float32
            return _handle(result.data, handles[-1].dtype) if is_number else result

        return mended

    def mended_fma(self, x, y, z):
        if not _narrow(z.dtype):
            return fma(self, x, y, z)
        return _handle(fma(self, widened(x), widened(y), widened(z)).data, z.dtype)

    def mended_dot(self, a, b, sum, *options):
        return dot(self, widened(a), widened(b), sum, *options)

    builder.cast_impl, builder.create_fp_to_fp, builder.create_dot = mended_cast, mended_convert, mended_dot
    builder.unary_op, builder.binary_op = over_floats(unary), over_floats(binary)
    builder.create_fma = mended_fma

    def selected(self, condition, a, b):
        return ternary(self, condition, a, b, numpy.where)  # moves bits

    def clamped(self, value, low, high, propagate_nans):
        return over_floats(ternary)(self, value, low, high, numpy.clip)

    builder.create_select, builder.create_clampf = selected, clamped

    for operations in (interpreter.ReduceOps, interpreter.ScanOps):
        operations.apply_impl = _refusing(operations.apply_impl)


def _refusing(apply):
    def refusing(self, values):
        for value in values if isinstance(values, tuple) else (values,):
            if _narrow(value.handle.dtype):
                raise NotImplementedError(f"a reduction over {value.handle.dtype.scalar}: convert to float32 first")
        return apply(self, values)

    return refusing


mend()


# MARK: running


class Interpreted:
    """A source's plan, ready to run."""

    def __init__(self, request):
        self.plan = Plan(load(request["source"]).plan(Constants(request)), "triton")
        self.names = Names(request, self.plan)
        self.constants, self.in_place = request["constants"], request.get("in_place", {})
        for launch in self.plan.launches:
            self._arguments(launch, None)
            self.plan.grid(launch)

    def run(self, axes, tensors, scalars, sm_count=4):
        """- tensors: address and strides (in elements) of each tensor, by name. Both names of one that is in place will do."""
        numbers = {**self.constants, **axes, "sm_count": sm_count, "target": 80}
        for name, text in self.plan.let:
            numbers[name] = evaluate(text, numbers)
        places = dict(tensors)
        for output, source in self.in_place.items():
            places.setdefault(source, places.get(output))
            places.setdefault(output, places.get(source))
        held = []
        for name, text, dtype in self.plan.scratch:
            size = evaluate(text, numbers)
            memory = numpy.full(max(size, 0) + ALIGNMENT, 0xFF, numpy.uint8)  # not-a-numbers: nothing may rely on zeros
            held.append(memory)
            places[name] = (-(-memory.ctypes.data // ALIGNMENT) * ALIGNMENT, [])
        for launch in self.plan.launches:
            if not evaluate(str(launch.get("when", "1")), numbers):
                continue
            grid = tuple(evaluate(part, numbers) for part in self.plan.grid(launch))
            if any(extent < 0 for extent in grid):
                raise Failure("call", f"the grid of {launch['kernel'].__name__} is {grid}")
            if 0 in grid:
                continue
            with numpy.errstate(all="ignore"):
                launch["kernel"][grid](**self._arguments(launch, (numbers, places, scalars)))

    def _arguments(self, launch, given):
        """The keyword arguments of a kernel; with None only their names are checked."""
        kernel, names, out = launch["kernel"], self.names, {}
        constexprs = launch.get("constexprs", {})
        numbers, places, scalars = given or ({}, {}, {})
        for name in kernel.arg_names:
            if name in constexprs or name in names.absent:
                out[name] = constexprs.get(name)
            elif name in names.tensors or name in names.scratch:
                dtype = names.tensors.get(name) or names.scratch[name]
                out[name] = Memory(places[name][0], dtype) if given else None
            elif name in names.scalars:
                whole = not names.scalars[name].startswith(("float", "bfloat"))
                value = scalars[name] if given else 0
                out[name] = int(value) if whole else float(numpy.float32(value))
            elif stride := names.stride(name):
                out[name] = places[stride[0]][1][stride[1]] if given else 0
            elif name in names.numbers:
                out[name] = numbers[name] if given else 0
            elif not self._has_default(kernel, name):
                names.refuse(kernel.fn.__name__, name)
        return out

    @staticmethod
    def _has_default(kernel, name):
        import inspect

        return inspect.signature(kernel.fn).parameters[name].default is not inspect.Parameter.empty
