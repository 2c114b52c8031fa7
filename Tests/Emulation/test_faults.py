"""What goes wrong in a kernel is reported, and ends its launch and nothing else."""

import ctypes
import os
import subprocess
import sys
import unittest

import toolchain
from toolchain import Results


def setUpModule():
    toolchain.need_toolchain()
    toolchain.build_at_once(toolchain.library, lambda: toolchain.library("address"))
    toolchain.build_at_once(lambda: toolchain.image("faults"), lambda: toolchain.image("races", "races"))


class FaultTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.driver = toolchain.Driver(toolchain.library())
        cls.module = cls.driver.load(toolchain.image("faults"))

    def fault(self, name, block, arguments, result=Results.LAUNCH_FAILED, grid=(1,)):
        """Launches what must fail with the result, and returns the message."""
        function = self.driver.function(self.module, name)
        self.assertEqual(self.driver.launch(function, grid, block, arguments), result, self.driver.last_fault())
        message = self.driver.last_fault()
        self.assertIn(f"kernel '{name}', block (", message)
        return message

    def test_a_deadlock_says_who_waits_where(self):
        message = self.fault("missed_barrier", (64,), [(ctypes.c_int * 1)()])
        self.assertIn("deadlock: of 64 threads", message)
        self.assertIn("63 (from thread 0 on) wait in __syncthreads", message)
        self.assertIn("1 (from thread 40 on) wait in __shfl_xor_sync (mask 0xffffffff, lanes 0xfffffeff did not come)", message)
        self.assertIn("faults.cu:9", message)

    def test_after_a_fault_the_next_launch_runs(self):
        self.fault("traps", (32,), [(ctypes.c_int * 1)()])
        output = (ctypes.c_int * 1)()
        self.assertEqual(self.driver.launch(self.driver.function(self.module, "asserts"), (1,), (1,), [output, ctypes.c_int(1)]), 0)
        self.assertEqual(output[0], 1)

    def test_a_lane_must_be_in_its_own_mask(self):
        message = self.fault("lane_not_in_mask", (32,), [(ctypes.c_int * 32)()])
        self.assertIn("lane 16 is not in its own mask 0x0000ffff", message)

    def test_a_misaligned_copy_is_refused(self):
        message = self.fault("misaligned_copy", (1,), [(ctypes.c_int * 1)(), (ctypes.c_int * 8)()], Results.MISALIGNED_ADDRESS)
        self.assertIn("cp.async: 16 bytes", message)

    def test_tensor_cores_need_the_whole_warp(self):
        message = self.fault("partial_warp", (32,), [(ctypes.c_float * 1)()])
        self.assertIn("mma.sync: all 32 lanes", message)

    def test_an_assertion_says_what_and_where(self):
        message = self.fault("asserts", (1,), [(ctypes.c_int * 1)(), ctypes.c_int(2)], Results.ASSERT, grid=(100,))
        self.assertIn("assertion failed: value == 1, ", message)
        self.assertIn("faults.cu:32", message)

    def test_a_barrier_for_different_numbers_of_threads(self):
        self.assertIn("barrier 1 for 32 threads", self.fault("wrong_barrier_count", (64,), [(ctypes.c_int * 1)()]))

    def test_a_loop_that_nothing_ends_is_ended(self):
        program = (
            "import sys; sys.path.insert(0, sys.argv[1]); import ctypes, toolchain\n"
            "driver = toolchain.Driver(sys.argv[2]); module = driver.load(sys.argv[3])\n"
            "result = driver.launch(driver.function(module, 'waits_for_ever'), (1,), (2,), [(ctypes.c_int * 1)()])\n"
            "print(result, driver.last_fault())\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", program, toolchain.HERE, toolchain.library(), toolchain.image("faults")],
            capture_output=True, text=True, timeout=30, env={**os.environ, "SWIFTLET_EMULATION_SPIN_SECONDS": "0.2"})
        self.assertTrue(done.stdout.startswith(str(Results.LAUNCH_TIMEOUT)), done.stdout + done.stderr)
        self.assertIn("no progress: of 2 threads 2 (from thread 0 on) wait in a loop", done.stdout)


class RaceTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.driver = toolchain.Driver(toolchain.library())
        cls.module = cls.driver.load(toolchain.image("races", "races"))

    def run_kernel(self, name, block, arguments, shared=0, grid=(2,)):
        result = self.driver.launch(self.driver.function(self.module, name), grid, (block,), arguments, shared)
        return result, self.driver.last_fault() if result else ""

    def test_a_missing_barrier_is_a_race_and_both_barriers_are_none(self):
        for barriers, word in ((0, "race: "), (1, "race: "), (2, "race: ")):
            result, message = self.run_kernel("reverse_twice", 64, [(ctypes.c_int * 64)(), ctypes.c_int(barriers)])
            self.assertEqual(result, Results.LAUNCH_FAILED, f"barriers {barriers}")
            self.assertIn(word, message)
            self.assertIn("static shared memory, byte ", message)
            self.assertIn("races.cu:8", message)
            self.assertIn("races.cu:10", message)
        output = (ctypes.c_int * 64)()
        result, message = self.run_kernel("reverse_twice", 64, [output, ctypes.c_int(3)])
        self.assertEqual((result, message), (0, ""))
        self.assertEqual(list(output), [64 - i for i in range(64)])

    def test_a_shuffle_orders_nothing_and_syncwarp_does(self):
        output = (ctypes.c_int * 32)()
        result, message = self.run_kernel("within_a_warp", 32, [output, ctypes.c_int(0)], shared=128)
        self.assertEqual(result, Results.LAUNCH_FAILED)
        self.assertIn("dynamic shared memory, byte ", message)
        self.assertEqual(self.run_kernel("within_a_warp", 32, [output, ctypes.c_int(1)], shared=128), (0, ""))

    def test_atomics_do_not_race_with_each_other(self):
        output = (ctypes.c_int * 1)()
        self.assertEqual(self.run_kernel("counts", 96, [output, ctypes.c_int(1)]), (0, ""))
        self.assertEqual(output[0], 96)
        self.assertEqual(self.run_kernel("counts", 96, [output, ctypes.c_int(0)])[0], Results.LAUNCH_FAILED)

    def test_a_stage_that_is_still_read_is_not_to_be_copied_to(self):
        storage = (ctypes.c_int * 260)()
        source = ctypes.c_uint64((ctypes.addressof(storage) + 15) // 16 * 16)
        output = (ctypes.c_int * 64)()
        self.assertEqual(self.run_kernel("copied_too_early", 64, [output, source, ctypes.c_int(1)]), (0, ""))
        result, message = self.run_kernel("copied_too_early", 64, [output, source, ctypes.c_int(0)])
        self.assertEqual(result, Results.LAUNCH_FAILED)
        self.assertIn("races.cu:", message)

    def test_global_memory_is_watched_within_a_block(self):
        output = (ctypes.c_int * 128)()
        self.assertEqual(self.run_kernel("in_global_memory", 64, [output, ctypes.c_int(1)], grid=(1,)), (0, ""))
        result, message = self.run_kernel("in_global_memory", 64, [output, ctypes.c_int(0)], grid=(1,))
        self.assertEqual(result, Results.LAUNCH_FAILED)
        self.assertIn("global memory", message)

    def test_a_misaligned_access_is_a_fault(self):
        output = (ctypes.c_int * 1)()
        self.assertEqual(self.run_kernel("misaligned_load", 64, [output, ctypes.c_int(8)], grid=(1,)), (0, ""))
        result, message = self.run_kernel("misaligned_load", 64, [output, ctypes.c_int(6)], grid=(1,))
        self.assertEqual(result, Results.MISALIGNED_ADDRESS)
        self.assertIn("not a multiple of 4, races.cu:", message)


class AddressTests(unittest.TestCase):
    """In processes of their own: AddressSanitizer ends them."""

    PROGRAM = (
        "import sys; sys.path.insert(0, sys.argv[1]); import ctypes, toolchain\n"
        "driver = toolchain.Driver(sys.argv[2]); module = driver.load(sys.argv[3])\n"
        "output = driver.allocate(256)\n"
        "result = driver.launch(driver.function(module, 'writes'), (3,), (64,), [output, ctypes.c_int(int(sys.argv[4]))], 256)\n"
        "print('result', result)\n"
    )

    def run_kind(self, kind):
        runtime = subprocess.run([toolchain.CLANG, "-print-file-name=libclang_rt.asan-x86_64.so"], capture_output=True, text=True)
        runtime = runtime.stdout.strip()
        if not os.path.exists(runtime):
            self.skipTest("no runtime of AddressSanitizer beside clang")
        return subprocess.run(
            [sys.executable, "-c", self.PROGRAM, toolchain.HERE, toolchain.library("address"),
             toolchain.image("bounds", "address"), str(kind)],
            capture_output=True, text=True, timeout=60,
            env={**os.environ, "LD_PRELOAD": runtime, "ASAN_OPTIONS": "detect_leaks=0"})

    def test_what_stays_inside_passes(self):
        done = self.run_kind(0)
        self.assertEqual(done.stdout, "result 0\n", done.stderr)

    def test_writes_behind_the_end_are_caught_at_their_line(self):
        for kind, line, error in ((1, 10, "heap-buffer-overflow"), (2, 11, "heap-buffer-overflow"), (3, 12, "global-buffer-overflow")):
            done = self.run_kind(kind)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(error, done.stderr)
            self.assertRegex(done.stderr, rf"#0 .* in writes .*bounds\.cu:{line}")
