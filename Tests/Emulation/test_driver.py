"""The stand-in for the driver library answers as a driver does."""

import ctypes
import os
import subprocess
import sys
import unittest

import toolchain
from toolchain import Results


def setUpModule():
    toolchain.need_toolchain()


class DriverTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.driver = toolchain.Driver(toolchain.library())
        cls.path = toolchain.image("features")
        cls.module = cls.driver.load(cls.path)
        cls.positions = cls.driver.function(cls.module, "positions")

    def copy_in(self, address, values):
        data = (ctypes.c_int * len(values))(*values)
        self.driver.check(self.driver.cuMemcpyHtoD_v2(address, data, ctypes.c_size_t(4 * len(values))))

    def copy_out(self, address, count):
        data = (ctypes.c_int * count)()
        self.driver.check(self.driver.cuMemcpyDtoH_v2(data, address, ctypes.c_size_t(4 * count)))
        return list(data)

    def stream(self):
        stream = ctypes.c_void_p()
        self.driver.check(self.driver.cuStreamCreate(ctypes.byref(stream), 1))
        self.addCleanup(lambda: self.driver.cuStreamDestroy_v2(stream))
        return stream

    # The device and its context

    def test_nothing_works_before_cuInit_and_without_a_context(self):
        program = (
            "import ctypes, sys; d = ctypes.CDLL(sys.argv[1]); n = ctypes.c_int(); p = ctypes.c_uint64(); b = ctypes.byref\n"
            "print(d.cuDeviceGetCount(b(n)), d.cuInit(1), d.cuInit(0), d.cuDeviceGetCount(b(n)), n.value, d.cuDeviceGet(b(n), 1),\n"
            "      d.cuMemAlloc_v2(b(p), ctypes.c_size_t(4)))\n"
        )
        done = subprocess.run([sys.executable, "-c", program, toolchain.library()], capture_output=True, text=True)
        self.assertEqual(done.stdout.split(), [str(x) for x in (
            Results.NOT_INITIALIZED, Results.INVALID_VALUE, 0, 0, 1, Results.INVALID_DEVICE, Results.INVALID_CONTEXT)])

    def test_the_device_describes_itself(self):
        value, version, name = ctypes.c_int(), ctypes.c_int(), ctypes.create_string_buffer(100)
        attributes = {1: 1024, 5: 2147483647, 6: 65535, 8: 49152, 10: 32, 75: 8, 97: 227 << 10}
        for attribute, expected in attributes.items():
            self.driver.check(self.driver.cuDeviceGetAttribute(ctypes.byref(value), attribute, 0))
            self.assertEqual(value.value, expected, attribute)
        self.assertEqual(self.driver.cuDeviceGetAttribute(ctypes.byref(value), 100000, 0), Results.INVALID_VALUE)
        self.driver.check(self.driver.cuDriverGetVersion(ctypes.byref(version)))
        self.assertGreaterEqual(version.value, 13000)
        self.driver.check(self.driver.cuDeviceGetName(name, 100, 0))
        self.assertIn(b"emulation", name.value)

    def test_results_have_names(self):
        text = ctypes.c_char_p()
        self.driver.check(self.driver.cuGetErrorName(719, ctypes.byref(text)))
        self.assertEqual(text.value, b"CUDA_ERROR_LAUNCH_FAILED")
        self.driver.check(self.driver.cuGetErrorString(2, ctypes.byref(text)))
        self.assertEqual(text.value, b"out of memory")
        self.assertEqual(self.driver.cuGetErrorName(12345, ctypes.byref(text)), Results.INVALID_VALUE)

    def test_functions_are_found_by_name(self):
        address, status = ctypes.c_void_p(), ctypes.c_int(-1)
        for name in (b"cuMemAlloc", b"cuLaunchKernelEx", b"cuStreamBeginCapture"):
            result = self.driver.cuGetProcAddress_v2(
                name, ctypes.byref(address), 13000, ctypes.c_uint64(0), ctypes.byref(status))
            self.assertEqual((result, status.value), (0, 0))
            self.assertTrue(address.value)
        result = self.driver.cuGetProcAddress_v2(b"cuNothing", ctypes.byref(address), 13000, ctypes.c_uint64(0), ctypes.byref(status))
        self.assertEqual((result, status.value), (Results.NOT_FOUND, 1))

    # Memory

    def test_memory_is_poison_until_it_is_written(self):
        memory = self.driver.allocate(16)
        self.assertEqual(self.copy_out(memory, 4), [-1] * 4)
        self.driver.check(self.driver.cuMemsetD32_v2(memory, 7, ctypes.c_size_t(2)))
        self.driver.check(self.driver.cuMemsetD8_v2(ctypes.c_uint64(memory.value + 8), 1, ctypes.c_size_t(4)))
        self.assertEqual(self.copy_out(memory, 4), [7, 7, 0x01010101, -1])
        self.driver.check(self.driver.cuMemFree_v2(memory))

    def test_copies_are_checked_against_the_allocation(self):
        memory, data = self.driver.allocate(16), (ctypes.c_int * 8)()
        size = ctypes.c_size_t
        self.assertEqual(self.driver.cuMemcpyHtoD_v2(memory, data, size(17)), Results.INVALID_VALUE)
        self.assertEqual(self.driver.cuMemcpyDtoH_v2(data, ctypes.c_uint64(memory.value + 12), size(8)), Results.INVALID_VALUE)
        self.assertEqual(self.driver.cuMemcpyDtoD_v2(memory, ctypes.c_uint64(4096), size(4)), Results.INVALID_VALUE)
        self.assertEqual(self.driver.cuMemsetD32_v2(ctypes.c_uint64(memory.value + 2), 0, size(1)), Results.INVALID_VALUE)
        self.assertEqual(self.driver.cuMemFree_v2(ctypes.c_uint64(memory.value + 4)), Results.INVALID_VALUE)
        self.driver.check(self.driver.cuMemFree_v2(memory))
        self.assertEqual(self.driver.cuMemFree_v2(memory), Results.INVALID_VALUE)
        self.assertEqual(self.driver.cuMemcpyHtoDAsync_v2(memory, data, size(4), None), Results.INVALID_VALUE)

    def test_memory_ends(self):
        program = (
            "import ctypes, sys; sys.path.insert(0, sys.argv[1]); import toolchain\n"
            "d = toolchain.Driver(sys.argv[2]); p = ctypes.c_uint64(); b = ctypes.byref; s = ctypes.c_size_t; f, t = s(), s()\n"
            "print(d.cuMemAlloc_v2(b(p), s(600)), d.cuMemAlloc_v2(b(p), s(600)), d.cuMemGetInfo_v2(b(f), b(t)), f.value, t.value,\n"
            "      d.cuMemAlloc_v2(b(p), s(0)))\n"
        )
        done = subprocess.run([sys.executable, "-c", program, toolchain.HERE, toolchain.library()], capture_output=True,
                              text=True, env={**os.environ, "SWIFTLET_EMULATION_MEMORY": "1000"})
        self.assertEqual(done.stdout.split(), ["0", str(Results.OUT_OF_MEMORY), "0", "400", "1000", str(Results.INVALID_VALUE)],
                         done.stderr)

    # Modules and functions

    def test_modules_load_from_files_and_memory_each_on_its_own(self):
        with open(self.path, "rb") as file:
            image = file.read()
        one, two = ctypes.c_void_p(), ctypes.c_void_p()
        self.driver.check(self.driver.cuModuleLoadData(ctypes.byref(one), image))
        self.driver.check(self.driver.cuModuleLoadData(ctypes.byref(two), image))
        first, second = self.driver.function(one, "positions"), self.driver.function(two, "positions")
        self.assertNotEqual(first.value, second.value)
        self.driver.check(self.driver.cuModuleUnload(one))
        output = (ctypes.c_int * 4)()
        self.assertEqual(self.driver.launch(first, (1,), (4,), [output]), Results.INVALID_HANDLE)
        self.driver.check(self.driver.launch(second, (1,), (4,), [output]))
        self.assertEqual(list(output), [0, 1, 2, 3])
        self.driver.check(self.driver.cuModuleUnload(two))
        self.assertEqual(self.driver.cuModuleUnload(two), Results.INVALID_HANDLE)

    def test_what_is_no_module_or_function_is_refused(self):
        module, function = ctypes.c_void_p(), ctypes.c_void_p()
        self.assertEqual(self.driver.cuModuleLoad(ctypes.byref(module), b"/nowhere.so"), Results.FILE_NOT_FOUND)
        self.assertEqual(self.driver.cuModuleLoad(ctypes.byref(module), __file__.encode()), Results.INVALID_IMAGE)
        self.assertEqual(self.driver.cuModuleLoadData(ctypes.byref(module), b"no image" * 20), Results.INVALID_IMAGE)
        self.assertEqual(self.driver.cuModuleGetFunction(ctypes.byref(function), self.module, b"none"), Results.NOT_FOUND)

    def test_parameters_have_offsets_and_sizes(self):
        function = self.driver.function(self.module, "parameters")
        offset, size, found = ctypes.c_size_t(), ctypes.c_size_t(), []
        while self.driver.cuFuncGetParamInfo(function, ctypes.c_size_t(len(found)), ctypes.byref(offset), ctypes.byref(size)) == 0:
            found.append((offset.value, size.value))
        self.assertEqual(found, [(0, 8), (8, 1), (10, 2), (16, 8), (24, 4), (28, 2), (32, 8), (40, 4)])

    # Launches

    def test_launches_beyond_the_limits_are_refused(self):
        output = (ctypes.c_int * 1)()
        for grid, block, shared in (
            ((1,), (1025,), 0), ((1,), (32, 33), 0), ((1,), (1, 1, 65), 0), ((0,), (1,), 0), ((1,), (1, 0), 0),
            ((1, 65536), (1,), 0), ((1, 1, 65536), (1,), 0), ((1,), (1,), 49153), ((1 << 31,), (1,), 0),
        ):
            self.assertEqual(self.driver.launch(self.positions, grid, block, [output], shared), Results.INVALID_VALUE, (grid, block, shared))
        self.assertEqual(self.driver.launch(ctypes.c_void_p(1234), (1,), (1,), [output]), Results.INVALID_HANDLE)
        self.assertEqual(self.driver.launch(self.positions, (1,), (1,), [output], 0, ctypes.c_void_p(1234)), Results.INVALID_HANDLE)

    def test_much_shared_memory_must_be_asked_for(self):
        function, output = self.driver.function(self.module, "uninitialised"), (ctypes.c_uint * 2)()
        self.assertEqual(self.driver.launch(function, (1,), (1,), [output], 100 << 10), Results.INVALID_VALUE)
        self.assertEqual(self.driver.cuFuncSetAttribute(function, 8, (227 << 10) + 1), Results.INVALID_VALUE)
        self.driver.check(self.driver.cuFuncSetAttribute(function, 8, 227 << 10))
        self.driver.check(self.driver.launch(function, (1,), (1,), [output], 227 << 10))
        self.assertEqual(self.driver.launch(function, (1,), (1,), [output], (227 << 10) + 1), Results.INVALID_VALUE)

    # Streams, events and graphs

    def test_events_measure_and_order(self):
        stream, other, start, end = self.stream(), self.stream(), ctypes.c_void_p(), ctypes.c_void_p()
        for event in (start, end):
            self.driver.check(self.driver.cuEventCreate(ctypes.byref(event), 0))
        milliseconds = ctypes.c_float(-1)
        elapsed = lambda: self.driver.cuEventElapsedTime_v2(ctypes.byref(milliseconds), start, end)
        self.assertEqual(elapsed(), Results.INVALID_HANDLE)
        self.driver.check(self.driver.cuEventRecord(start, stream))
        self.driver.check(self.driver.cuStreamWaitEvent(other, start, 0))
        self.driver.check(self.driver.cuEventRecord(end, other))
        self.driver.check(elapsed())
        self.assertGreaterEqual(milliseconds.value, 0)
        self.driver.check(self.driver.cuEventDestroy_v2(start))
        self.assertEqual(self.driver.cuEventRecord(start, stream), Results.INVALID_HANDLE)

    def test_a_graph_does_again_what_was_captured(self):
        stream, memory, copy, graph, executable = self.stream(), self.driver.allocate(16), self.driver.allocate(16), ctypes.c_void_p(), ctypes.c_void_p()
        self.copy_in(memory, [9] * 4)
        self.driver.check(self.driver.cuStreamBeginCapture_v2(stream, 0))
        argument = ctypes.c_uint64(memory.value)
        self.driver.check(self.driver.launch(self.positions, (2,), (2,), [argument], 0, stream))
        argument.value = 0   # parameters were copied
        self.driver.check(self.driver.cuMemcpyDtoDAsync_v2(copy, memory, ctypes.c_size_t(16), stream))
        self.driver.check(self.driver.cuStreamEndCapture(stream, ctypes.byref(graph)))
        self.assertEqual(self.copy_out(memory, 4), [9] * 4, "nothing runs while it is captured")
        count = ctypes.c_size_t()
        self.driver.check(self.driver.cuGraphGetNodes(graph, None, ctypes.byref(count)))
        self.assertEqual(count.value, 2)
        self.driver.check(self.driver.cuGraphInstantiateWithFlags(ctypes.byref(executable), graph, ctypes.c_ulonglong(0)))
        self.driver.check(self.driver.cuGraphDestroy(graph))
        for _ in range(2):
            self.copy_in(copy, [0] * 4)
            self.driver.check(self.driver.cuGraphLaunch(executable, stream))
            self.assertEqual(self.copy_out(copy, 4), [0, 1, 10000, 10001])
        # The memory of a captured copy is checked again when the graph runs.
        self.driver.check(self.driver.cuMemFree_v2(copy))
        self.assertEqual(self.driver.cuGraphLaunch(executable, stream), Results.INVALID_VALUE)
        self.driver.check(self.driver.cuGraphExecDestroy(executable))
        self.assertEqual(self.driver.cuGraphLaunch(executable, stream), Results.INVALID_VALUE)

    def test_a_second_stream_joins_a_capture_and_must_be_joined(self):
        for joins, expected in ((True, 0), (False, Results.CAPTURE_UNJOINED)):
            stream, other, graph, event = self.stream(), self.stream(), ctypes.c_void_p(), ctypes.c_void_p()
            memory = self.driver.allocate(16)
            self.driver.check(self.driver.cuEventCreate(ctypes.byref(event), 2))
            self.driver.check(self.driver.cuStreamBeginCapture_v2(stream, 0))
            self.driver.check(self.driver.cuEventRecord(event, stream))
            self.driver.check(self.driver.cuStreamWaitEvent(other, event, 0))
            self.driver.check(self.driver.launch(self.positions, (1,), (4,), [memory], 0, other))
            if joins:
                self.driver.check(self.driver.cuEventRecord(event, other))
                self.driver.check(self.driver.cuStreamWaitEvent(stream, event, 0))
            self.assertEqual(self.driver.cuStreamEndCapture(stream, ctypes.byref(graph)), expected)
            self.assertEqual(self.copy_out(memory, 4), [-1] * 4)

    def test_what_would_spoil_a_capture_is_refused(self):
        stream, graph, memory = self.stream(), ctypes.c_void_p(), ctypes.c_uint64()
        self.assertEqual(self.driver.cuStreamEndCapture(stream, ctypes.byref(graph)), Results.ILLEGAL_STATE)
        self.driver.check(self.driver.cuStreamBeginCapture_v2(stream, 0))
        mode = ctypes.c_int(2)   # relaxed: this thread knows what it does
        self.driver.check(self.driver.cuThreadExchangeStreamCaptureMode(ctypes.byref(mode)))
        self.driver.check(self.driver.cuMemAlloc_v2(ctypes.byref(memory), ctypes.c_size_t(4)))
        self.driver.check(self.driver.cuThreadExchangeStreamCaptureMode(ctypes.byref(mode)))
        self.driver.check(self.driver.cuStreamEndCapture(stream, ctypes.byref(graph)))
        for spoil in (
            lambda: self.driver.cuMemAlloc_v2(ctypes.byref(memory), ctypes.c_size_t(4)),
            lambda: self.driver.cuStreamSynchronize(stream),
        ):
            self.driver.check(self.driver.cuStreamBeginCapture_v2(stream, 0))
            self.assertEqual(spoil(), Results.CAPTURE_UNSUPPORTED)
            self.assertEqual(self.driver.cuStreamEndCapture(stream, ctypes.byref(graph)), Results.CAPTURE_INVALIDATED)
            self.driver.check(self.driver.cuStreamSynchronize(stream))

    # Descriptors

    def test_tensor_maps_follow_the_rules(self):
        storage = (ctypes.c_ubyte * 256)()
        place = ctypes.c_void_p((ctypes.addressof(storage) + 63) // 64 * 64)
        memory = self.driver.allocate(1 << 16)

        def encode(address=memory.value, rank=2, extents=(64, 128), strides=(128,), box=(64, 16), swizzle=3, to=place):
            return self.driver.cuTensorMapEncodeTiled(
                to, 9, rank, ctypes.c_uint64(address), (ctypes.c_uint64 * len(extents))(*extents),
                (ctypes.c_uint64 * 4)(*strides), (ctypes.c_uint32 * len(box))(*box), (ctypes.c_uint32 * 5)(*[1] * 5), 0, swizzle, 2, 0)

        self.assertEqual(encode(), 0)
        for wrong in (
            {"address": memory.value + 8}, {"rank": 6}, {"extents": (0, 128)}, {"strides": (120,)}, {"strides": (64,)},
            {"box": (257, 16)}, {"box": (64, 0)}, {"box": (4, 16)}, {"box": (128, 16)}, {"to": ctypes.c_void_p(place.value + 16)},
        ):
            self.assertEqual(encode(**wrong), Results.INVALID_VALUE, wrong)
