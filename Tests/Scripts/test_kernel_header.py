"""Kernels/include/cpp/swiftlet_kernel.h: a kernel is built with each compiler here and called through its C ABI."""

import ctypes
import math
import os
import random
import shutil
import struct
import subprocess
import tempfile
import unittest

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
COMPILERS = [name for name in ("clang++", "g++") if shutil.which(name)]
SOURCE = """
#include <stdexcept>
#include "swiftlet_kernel.h"

SWIFTLET_KERNEL(scale, swiftlet::Tensor<const float> x, double factor, swiftlet::Tensor<float> out) {
  x.expect_rank(2);
  out.expect_shape({x.size(0), x.size(-1)});
  for (int64_t row = 0; row < x.size(0); ++row)
    for (int64_t i = 0; i < x.row_size(); ++i) out.row(row)[i] = x.row(row)[i] * static_cast<float>(factor);
}
SWIFTLET_KERNEL(from_half, swiftlet::Tensor<const swiftlet::float16> x, swiftlet::Tensor<float> out) {
  for (int64_t i = 0; i < x.count(); ++i) out[i] = x[i];
}
SWIFTLET_KERNEL(to_half, swiftlet::Tensor<const float> x, swiftlet::Tensor<swiftlet::float16> out) {
  for (int64_t i = 0; i < x.count(); ++i) out[i] = swiftlet::float16(x[i]);
}
SWIFTLET_KERNEL(to_brain, swiftlet::Tensor<const float> x, swiftlet::Tensor<swiftlet::bfloat16> out) {
  for (int64_t i = 0; i < x.count(); ++i) out[i] = swiftlet::bfloat16(x[i]);
}
SWIFTLET_KERNEL(types, swiftlet::AnyTensor any, int32_t small, bool flag, swiftlet::Tensor<bool> out) {
  out[0] = any.is<const int8_t>() && any.dtype() == "int8" && small == 7 && flag;
}
SWIFTLET_KERNEL(fail, int64_t how) {
  if (how == 0) throw swiftlet::Error("tokens[", 3, "] is ", -1, ", ", 2.5, " of ", std::string("it"), " is ", true);
  if (how == 1) throw std::runtime_error("a standard exception");
  throw 3;
}
"""

INTEGER, BOOLEAN, REAL, POINTER, OBJECT = 1, 2, 3, 7, 70
FLOAT32, FLOAT64, FLOAT16, BFLOAT16, INT8, BOOL = (2, 32), (2, 64), (2, 16), (4, 16), (0, 8), (6, 8)


class DLTensor(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p), ("device_type", ctypes.c_int32), ("device", ctypes.c_int32),
        ("rank", ctypes.c_int32), ("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)), ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64)]


class TensorObject(ctypes.Structure):
    _fields_ = [
        ("counts", ctypes.c_uint64), ("type_index", ctypes.c_int32), ("padding", ctypes.c_uint32),
        ("deleter", ctypes.c_void_p), ("tensor", DLTensor)]


class Value(ctypes.Union):
    _fields_ = [("integer", ctypes.c_int64), ("real", ctypes.c_double), ("pointer", ctypes.c_void_p)]


class Any(ctypes.Structure):
    _fields_ = [("type_index", ctypes.c_int32), ("padding", ctypes.c_uint32), ("value", Value)]


def tensor(data, shape, kind, strides=None, device=1, offset=0):
    sizes = (ctypes.c_int64 * max(1, len(shape)))(*shape)
    steps = (ctypes.c_int64 * max(1, len(strides)))(*strides) if strides else None
    code, bits = kind
    result = DLTensor(
        ctypes.cast(data, ctypes.c_void_p) if data is not None else None, device, 0, len(shape), code, bits, 1, sizes,
        steps, offset)
    result.kept = (data, sizes, steps)
    return result


def call(library, name, *arguments):
    """The return value, and the message."""
    values, kept = (Any * max(1, len(arguments)))(), []
    for value, argument in zip(values, arguments):
        if isinstance(argument, bool):
            value.type_index, value.value.integer = BOOLEAN, argument
        elif isinstance(argument, int):
            value.type_index, value.value.integer = INTEGER, argument
        elif isinstance(argument, float):
            value.type_index, value.value.real = REAL, argument
        elif isinstance(argument, DLTensor):
            value.type_index, value.value.pointer = POINTER, ctypes.addressof(argument)
        elif isinstance(argument, TensorObject):
            value.type_index, value.value.pointer = OBJECT, ctypes.addressof(argument)
        kept.append(argument)
    result = Any(99, 99, Value(99))
    status = library["__tvm_ffi_" + name](None, values, len(arguments), ctypes.byref(result))
    if status == 0:
        assert (result.type_index, result.padding, result.value.integer) == (0, 0, 0), "the result is not None"
    return status, library.swiftlet_last_error().decode()


def floats(*values):
    return (ctypes.c_float * len(values))(*values)


def as_float(bits):
    return struct.unpack("<f", struct.pack("<I", bits))[0]


@unittest.skipUnless(COMPILERS, "needs clang++ or g++")
class KernelHeaderTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        source = os.path.join(cls.folder.name, "kernel.cpp")
        with open(source, "w", encoding="utf-8") as file:
            file.write(SOURCE)
        cls.libraries = {}
        include = os.path.join(ROOT, "Kernels", "include", "cpp")
        for compiler in COMPILERS:
            path = os.path.join(cls.folder.name, compiler + ".so")
            subprocess.run(
                [compiler, "-std=c++17", "-O3", "-march=native", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Werror",
                 "-shared", "-fPIC", "-I", include, source, "-o", path], check=True)
            library = ctypes.CDLL(path)
            library.swiftlet_last_error.restype = ctypes.c_char_p
            cls.libraries[compiler] = library

    def each(self):
        for compiler, library in self.libraries.items():
            with self.subTest(compiler=compiler):
                yield library

    def test_a_kernel_reads_and_writes_through_pointers_and_objects(self):
        for library in self.each():
            out = floats(0, 0, 0, 0)
            x = tensor(floats(9, 1, 2, 3, 4), [2, 2], FLOAT32, offset=4)
            held = TensorObject(1, OBJECT, 0, None, tensor(out, [2, 2], FLOAT32, strides=[2, 1]))
            self.assertEqual(call(library, "scale", x, 2.0, held)[0], 0)
            self.assertEqual(list(out), [2, 4, 6, 8])
            self.assertEqual(call(library, "scale", x, 3, held)[0], 0)
            self.assertEqual(list(out), [3, 6, 9, 12])

    def test_empty_tensors_need_no_data_and_sizes_of_one_no_stride(self):
        for library in self.each():
            empty = tensor(None, [0, 5], FLOAT32)
            self.assertEqual(call(library, "scale", empty, 2.0, empty), (0, ""))
            out = floats(0, 0)
            row = tensor(floats(1, 2), [1, 2], FLOAT32, strides=[77, 1])
            self.assertEqual(call(library, "scale", row, 2.0, tensor(out, [1, 2], FLOAT32))[0], 0)
            self.assertEqual(list(out), [2, 4])

    def test_wrong_arguments_are_refused_by_name(self):
        data = floats(*range(16))
        good = tensor(data, [2, 2], FLOAT32)
        for library in self.each():
            for arguments, message in [
                ((good, 2.0), "scale: called with 2 arguments, expected 3 ("),
                ((2.0, 2.0, good), "scale: x is a float (type index 3), expected a tensor"),
                ((good, good, good), "scale: factor is a tensor (type index 7), expected a number"),
                ((good, None, good), "scale: factor is None (type index 0), expected a number"),
                ((good, 2.0, tensor(data, [2, 2], FLOAT64)), "scale: out is float64, expected float32"),
                ((tensor(data, [2, 2], BFLOAT16), 2.0, good), "scale: x is bfloat16, expected float32"),
                ((good, 2.0, tensor(data, [2, 3], FLOAT32)), "scale: out is [2, 3], expected [2, 2]"),
                ((tensor(data, [4], FLOAT32), 2.0, good), "scale: x is [4], expected 2 axes"),
                ((tensor(data, [2, 2], FLOAT32, strides=[1, 2]), 2.0, good),
                 "scale: x is not contiguous: axis 1 has stride 2, expected 1"),
                ((tensor(data, [2, 2], FLOAT32, device=2), 2.0, good), "scale: x is on device type 2,"),
                ((tensor(data, [2, -2], FLOAT32), 2.0, good), "scale: x has the shape [2, -2], no size may be negative"),
                ((tensor(data, [2**62, 4], FLOAT32), 2.0, good), "too large"),
                ((tensor(None, [2, 2], FLOAT32), 2.0, good), "scale: x has no data"),
                ((tensor(data, [2, 2], FLOAT32, offset=2), 2.0, good), "scale: x is not aligned"),
            ]:
                status, text = call(library, "scale", *arguments)
                self.assertEqual(status, -1, message)
                self.assertIn(message, text)

    def test_numbers_are_converted_only_without_loss(self):
        out = (ctypes.c_bool * 1)()
        held, byte = tensor(out, [1], BOOL), tensor((ctypes.c_int8 * 1)(5), [1], INT8)
        for library in self.each():
            out[0] = False
            self.assertEqual(call(library, "types", byte, 7, True, held)[0], 0)
            self.assertTrue(out[0])
            for arguments, message in [
                ((byte, 2**40, True, held), "types: small is 1099511627776, which does not fit into 32 bits"),
                ((byte, 7.0, True, held), "types: small is a float (type index 3), expected an integer"),
                ((byte, 7, 1.0, held), "types: flag is a float (type index 3), expected a bool"),
            ]:
                self.assertEqual(call(library, "types", *arguments), (-1, message))

    def test_what_a_kernel_throws_is_the_last_error(self):
        for library in self.each():
            for how, message in [
                (0, "fail: tokens[3] is -1, 2.5 of it is true"), (1, "fail: a standard exception"),
                (2, "fail: something that is no std::exception was thrown"),
            ]:
                self.assertEqual(call(library, "fail", how), (-1, message))

    def test_every_half_precision_number_widens_to_its_value(self):
        bits = (ctypes.c_uint16 * 65536)(*range(65536))
        for library in self.each():
            out = (ctypes.c_float * 65536)()
            self.assertEqual(
                call(library, "from_half", tensor(bits, [65536], FLOAT16), tensor(out, [65536], FLOAT32))[0], 0)
            for i, (expected,) in enumerate(struct.iter_unpack("<e", bytes(bits))):
                same = math.isnan(out[i]) if math.isnan(expected) else out[i] == expected
                self.assertTrue(same and math.copysign(1, out[i]) == math.copysign(1, expected), hex(i))

    def test_narrowing_rounds_to_nearest_ties_to_even(self):
        generator = random.Random(7)
        patterns = [generator.getrandbits(32) for _ in range(20000)]
        for half in range(0x8000):  # every half, the middle to the next one, and that middle's neighbours
            value = struct.unpack("<I", struct.pack("<f", struct.unpack("<e", struct.pack("<H", half))[0]))[0]
            patterns += [value, value + 0x1000, value + 0xFFF, value + 0x1001]
        patterns += [0x477FEFFF, 0x477FF000, 0x33000000, 0x33000001, 0x32FFFFFF, 0x7F7FFFFF, 0x7F800000, 0xFF800000]
        source = (ctypes.c_uint32 * len(patterns))(*patterns)
        for library in self.each():
            for name, kind in [("to_half", FLOAT16), ("to_brain", BFLOAT16)]:
                out = (ctypes.c_uint16 * len(patterns))()
                status, _ = call(
                    library, name, tensor(source, [len(patterns)], FLOAT32), tensor(out, [len(patterns)], kind))
                self.assertEqual(status, 0)
                for pattern, found in zip(patterns, out):
                    value, exponent = as_float(pattern), 0x7C00 if kind is FLOAT16 else 0x7F80
                    if math.isnan(value):
                        self.assertTrue(found & exponent == exponent and found & (0x7FFF ^ exponent), hex(pattern))
                        continue
                    if kind is FLOAT16:
                        try:
                            expected = struct.unpack("<H", struct.pack("<e", value))[0]
                        except OverflowError:
                            expected = 0x7C00 | (0x8000 if value < 0 else 0)
                    else:
                        expected, rest = pattern >> 16, pattern & 0xFFFF
                        expected += rest > 0x8000 or (rest == 0x8000 and expected & 1)
                    self.assertEqual(found, expected, f"{name}({hex(pattern)})")

    def test_libraries_share_no_state(self):
        if len(self.libraries) < 2:
            self.skipTest("needs two compilers")
        one, other = self.libraries.values()
        call(one, "fail", 0)
        call(other, "fail", 1)
        self.assertIn("tokens[3]", one.swiftlet_last_error().decode())

    def test_a_library_can_be_unloaded(self):
        loaded = ctypes.CDLL(None)
        loaded.dlopen.restype, loaded.dlopen.argtypes = ctypes.c_void_p, [ctypes.c_char_p, ctypes.c_int]
        loaded.dlclose.argtypes = [ctypes.c_void_p]
        for compiler in COMPILERS:
            copy = os.path.join(self.folder.name, compiler + ".copy.so")
            shutil.copyfile(os.path.join(self.folder.name, compiler + ".so"), copy)
            handle = loaded.dlopen(copy.encode(), os.RTLD_NOW)
            library = ctypes.CDLL(None, handle=handle)
            library.swiftlet_last_error.restype = ctypes.c_char_p
            self.assertEqual(call(library, "fail", 1)[0], -1)
            loaded.dlclose(handle)
            with open("/proc/self/maps", encoding="utf-8") as maps:
                self.assertNotIn(copy, maps.read())


if __name__ == "__main__":
    unittest.main()
