"""What a kernel may use, each by a small kernel."""

import ctypes
import random
import unittest

import toolchain
from toolchain import bfloat16_bits, from_bfloat16, from_half, half_bits


def setUpModule():
    toolchain.need_toolchain()
    toolchain.build_at_once(toolchain.library, lambda: toolchain.library("address"))


class FeatureTests(unittest.TestCase):
    compiler = None

    @classmethod
    def setUpClass(cls):
        path = toolchain.image("features", compiler=cls.compiler)
        cls.driver = toolchain.Driver(toolchain.library())
        cls.module = cls.driver.load(path)

    def launch(self, name, grid, block, arguments, shared=0):
        self.driver.check(self.driver.launch(self.driver.function(self.module, name), grid, block, arguments, shared))

    def test_each_thread_knows_its_place(self):
        output = (ctypes.c_int * (3 * 2 * 2 * 4 * 3 * 2))()
        self.launch("positions", (3, 2, 2), (4, 3, 2), [output])
        self.assertEqual(list(output), [block * 10000 + thread for block in range(12) for thread in range(24)])

    def test_blocks_of_1024_threads_sum_in_a_large_grid(self):
        output = (ctypes.c_float * 500)()
        self.launch("block_sums", (500,), (1024,), [output])
        self.assertEqual(list(output), [1024 * 1023 / 2 + 1024 * block for block in range(500)])

    def test_lanes_exchange_vote_match_and_reduce(self):
        output = (ctypes.c_int * (32 * 16))()
        self.launch("shuffles", (1,), (32,), [output])
        votes = ctypes.c_int(sum(1 << lane for lane in range(0, 32, 3))).value
        for lane in range(32):
            four = ctypes.c_int(15 << lane // 4 * 4).value
            expected = [
                5, lane ^ 3, lane - 4 if lane >= 4 else lane, lane + 4 if lane < 28 else lane, lane // 8 * 8 + 1, lane, votes, 2,
                496, -9, four, -1, 1, lane ^ 1, 16, 9,
            ]
            # What lies in a higher group of lanes is not reached: the lane keeps its own; a lower one is.
            expected[5] = lane ^ 8 if lane & 8 else lane
            self.assertEqual(list(output)[lane * 16:lane * 16 + 16], expected, f"lane {lane}")

    def test_parts_of_a_warp_go_different_ways(self):
        output = (ctypes.c_int * 32)()
        self.launch("divergence", (1,), (32,), [output])
        low = [lane + lane % 4 + 1 for lane in range(16)]
        value = [low[lane ^ 1] if lane < 16 else (lane ^ 2) * 2 for lane in range(32)]
        self.assertEqual(list(output), value[::-1])

    def test_threads_that_returned_are_not_waited_for(self):
        for stay in (1, 33, 100, 128):
            output = (ctypes.c_int * 128)(*[-1] * 128)
            self.launch("early_exit", (1,), (128,), [output, ctypes.c_int(stay)])
            self.assertEqual(list(output), [stay - 1 - i for i in range(stay)] + [-1] * (128 - stay))

    def test_atomics_are_atomic_between_blocks(self):
        integers, floats = (ctypes.c_int * 80)(0, 0, 0, 0, -1, 0), (ctypes.c_float * 1)()
        halves, wide = (ctypes.c_uint16 * 1)(), (ctypes.c_uint64 * 1)()
        self.launch("atomics", (30,), (64,), [integers, floats, halves, wide])
        count = 30 * 64
        self.assertEqual(list(integers)[:6], [count, count - 1, -63, (1 << 20) - 1, -256, 2 * count])
        self.assertEqual(floats[0], count / 2)
        self.assertEqual(from_half(halves[0]), count)
        self.assertEqual(wide[0], count << 33)
        self.assertEqual(list(integers)[8:72], [1] * 64)

    def test_named_barriers_hand_over(self):
        output = (ctypes.c_int * 32)()
        self.launch("named_barriers", (1,), (128,), [output])
        self.assertEqual(list(output), [42] * 32)

    def test_a_loop_sees_what_another_thread_writes(self):
        output = (ctypes.c_int * 1)()
        self.launch("waits_in_loop", (1,), (64,), [output])
        self.assertEqual(output[0], 7)

    def test_shared_memory_is_poison_at_the_begin_of_each_block(self):
        output = (ctypes.c_uint * 2)()
        for _ in range(2):
            self.launch("uninitialised", (3,), (1,), [output], shared=16)
            self.assertEqual(list(output), [0xFFFFFFFF] * 2)

    def test_parameters_of_each_size_arrive(self):
        output = (ctypes.c_double * 1)()
        self.launch("parameters", (1,), (1,), [
            output, ctypes.c_byte(1), ctypes.c_short(20), ctypes.c_double(300.5), ctypes.c_int(4000),
            ctypes.c_uint16(bfloat16_bits(0.25)), ctypes.c_longlong(1 << 40), ctypes.c_float(0.125),
        ])
        self.assertEqual(output[0], 4321.875 + (1 << 40))

    def test_functions_of_numbers_that_the_host_lacks(self):
        output = (ctypes.c_float * 10)()
        self.launch("arithmetic", (1,), (1,), [output])
        self.assertEqual(list(output), [3.25, 14, 0.25, 8 + 31 + 4, 1, 6, 448, 18, 0, 8])

    def test_tensor_cores_multiply(self):
        numbers = random.Random(1)
        a = [[numbers.randint(-8, 8) / 4 for _ in range(16)] for _ in range(16)]
        b = [[numbers.randint(-8, 8) / 4 for _ in range(16)] for _ in range(8)]   # by columns
        flat_a, flat_b = [x for row in a for x in row], [x for row in b for x in row]
        # c begins with 1, 2 in the upper half and 3, 4 in the lower one.
        expected = [
            sum(a[i][k] * b[j][k] for k in range(16)) + (1 + j % 2 if i < 8 else 3 + j % 2) for i in range(16) for j in range(8)
        ]
        for kernel, bits in (("multiply_half", half_bits), ("multiply_bfloat16", bfloat16_bits)):
            output = (ctypes.c_float * 128)()
            in_a, in_b = (ctypes.c_uint16 * 256)(*map(bits, flat_a)), (ctypes.c_uint16 * 128)(*map(bits, flat_b))
            self.launch(kernel, (1,), (32,), [output, in_a, in_b])
            self.assertEqual(list(output), expected, kernel)

    def test_matrices_load_transposed(self):
        output = (ctypes.c_uint16 * 256)()
        self.launch("transposed_load", (1,), (32,), [output])
        expected = [
            matrix * 64 + (lane % 4 * 2 + half) * 8 + lane // 4 for lane in range(32) for matrix in range(4) for half in range(2)
        ]
        self.assertEqual(list(output), expected)

    def test_copies_land_when_they_are_waited_for(self):
        output, storage = (ctypes.c_uint * 5)(), (ctypes.c_uint * 12)()
        first = (-ctypes.addressof(storage) % 16) // 4
        for i in range(8):
            storage[first + i] = 10 + i
        source = ctypes.c_uint64(ctypes.addressof(storage) + 4 * first)
        self.launch("copies", (1,), (1,), [output, source])
        self.assertEqual(list(output), [0xFFFFFFFF, 10, 0xFFFFFFFF, 14, 0])


@unittest.skipUnless(toolchain.GCC, "no g++")
class FeatureTestsOfAnotherCompiler(FeatureTests):
    """The same, compiled by g++."""

    compiler = toolchain.GCC


class TileLangTests(unittest.TestCase):
    """Sources that TileLang generated for sm_80."""

    @classmethod
    def setUpClass(cls):
        toolchain.build_at_once(*[
            lambda name=name: toolchain.image("tilelang_" + name) for name in ("rmsnorm", "gemm", "attention")
        ])
        cls.driver = toolchain.Driver(toolchain.library())
        cls.numbers = random.Random(2)

    def launch(self, name, kernel, grid, block, shared, arguments):
        module = self.driver.load(toolchain.image("tilelang_" + name))
        self.driver.check(self.driver.launch(self.driver.function(module, kernel), grid, block, arguments, shared))

    def random_array(self, count, bits, value):
        array = (ctypes.c_uint16 * count)(*[bits(self.numbers.gauss(0, 1)) for _ in range(count)])
        return array, [value(x) for x in array]

    def test_rmsnorm_reduces_over_a_block(self):
        x_bits, x = self.random_array(2 * 4096, bfloat16_bits, from_bfloat16)
        w_bits, w = self.random_array(4096, bfloat16_bits, from_bfloat16)
        y = (ctypes.c_uint16 * (2 * 4096))()
        self.launch("rmsnorm", "rms_kernel", (2,), (128,), 512, [w_bits, x_bits, y, ctypes.c_int(2), ctypes.c_float(1e-6)])
        for row in range(2):
            part = x[row * 4096:][:4096]
            scale = (sum(v * v for v in part) / 4096 + 1e-6) ** -0.5
            for i in range(4096):
                expected = part[i] * scale * w[i]
                self.assertAlmostEqual(from_bfloat16(y[row * 4096 + i]), expected, delta=abs(expected) / 128 + 1e-6)

    def test_gemm_of_three_stages_multiplies(self):
        m, n, k = 70, 128, 256
        a_bits, a = self.random_array(m * k, half_bits, from_half)
        b_bits, b = self.random_array(n * k, half_bits, from_half)
        c = (ctypes.c_uint16 * (m * n))()
        self.launch("gemm", "k_kernel", (2, 2), (128,), 24576, [a_bits, b_bits, c, ctypes.c_int(m)])
        for i in range(0, m, 3):
            for j in range(0, n, 5):
                expected = sum(x * y for x, y in zip(a[i * k:(i + 1) * k], b[j * k:(j + 1) * k]))
                self.assertAlmostEqual(from_half(c[i * n + j]), expected, delta=0.05)

    def test_attention_through_tensor_cores(self):
        import math
        heads, length, width = 8, 66, 64
        (k_bits, k), (q_bits, q), (v_bits, v) = (
            self.random_array(heads * length * width, half_bits, from_half) for _ in range(3)
        )
        output = (ctypes.c_uint16 * (heads * length * width))()
        self.launch("attention", "fa_kernel", (2, heads), (128,), 24576, [k_bits, output, q_bits, v_bits, ctypes.c_int(length)])
        row = lambda data, head, i: data[(head * length + i) * width:][:width]
        for head, i in ((0, 0), (1, 5), (3, 63), (5, 64), (7, 65)):
            scores = [sum(x * y for x, y in zip(row(q, head, i), row(k, head, j))) / 8 for j in range(i + 1)]
            weights = [math.exp(s - max(scores)) for s in scores]
            for d in range(0, width, 7):
                expected = sum(w * row(v, head, j)[d] for j, w in enumerate(weights)) / sum(weights)
                actual = from_half(output[(head * length + i) * width + d])
                self.assertAlmostEqual(actual, expected, delta=0.01)
