"""Builds the emulation and kernels for it, and launches them through the stand-in for the driver library."""

import atexit
import ctypes
import glob
import os
import re
import shutil
import struct
import subprocess
import tempfile
import threading
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
INCLUDE = os.path.join(ROOT, "Kernels", "include")
EMULATION = os.path.join(INCLUDE, "emulation")


def find_headers():
    """The folder of NVIDIA's headers in the toolchain; None where there is none."""
    toolchain = os.environ.get("SWIFTLET_KERNELS_TOOLCHAIN", os.path.join(ROOT, ".venv-kernels"))
    found = glob.glob(os.path.join(toolchain, "lib", "python3*", "site-packages", "nvidia", "cu13", "include"))
    return found[0] if found and os.path.exists(os.path.join(found[0], "cuda_fp16.h")) else None


def find_clang():
    """clang++: on the path, or beside swiftc."""
    swiftc = shutil.which("swiftc")
    beside = os.path.join(os.path.dirname(os.path.realpath(swiftc)), "clang++") if swiftc else ""
    return shutil.which("clang++") or (beside if os.path.exists(beside) else None)


HEADERS, CLANG, GCC = find_headers(), find_clang(), shutil.which("g++")
MODES = {
    "plain": ([], []),
    "races": ([], ["-fsanitize=thread,alignment", "-fno-sanitize-link-runtime"]),
    "address": (["-fsanitize=address", "-fno-omit-frame-pointer", "-DSWIFTLET_EMULATION_ADDRESS", "-shared-libsan"], []),
}


def why_not():
    """Why nothing can be built here; None where it can."""
    if not HEADERS:
        return "no NVIDIA headers: make kernels-toolchain, or set SWIFTLET_KERNELS_TOOLCHAIN"
    return None if CLANG else "no clang++"


def need_toolchain():
    reason = why_not()
    if reason:
        print("skipped: " + reason)
        raise unittest.SkipTest(reason)


_folder = tempfile.mkdtemp(prefix="emulation-")
atexit.register(shutil.rmtree, _folder, ignore_errors=True)
_built, _lock = {}, threading.Lock()


def _build(key, command):
    """Runs a command once, also when several tests ask for its output."""
    with _lock:
        if key not in _built:
            _built[key] = (threading.Lock(), [])
        lock, result = _built[key]
    with lock:
        if not result:
            done = subprocess.run(command, capture_output=True, text=True)
            result.append((done.returncode, done.stderr))
    if result[0][0] != 0:
        raise AssertionError(" ".join(command) + "\n" + result[0][1])


def flags(mode):
    return [
        "-std=c++17", "-O1", "-gdwarf-4", "-march=native", "-fPIC", "-shared", "-fvisibility=hidden",
        "-fno-strict-aliasing", "-Wall", "-Werror", "-isystem", HEADERS,
    ] + MODES[mode][0]


def library(mode="plain"):
    mode = "address" if mode == "address" else "plain"   # races takes the plain one
    path = os.path.join(_folder, f"library-{mode}.so")
    _build(path, [CLANG, "-x", "c++"] + flags(mode) + [
        "-o", path, os.path.join(EMULATION, "library.cpp"), "-Wl,-soname,libswiftlet-emulation.so.1", "-ldl", "-lpthread",
    ])
    return path


def kernel_names(text):
    return list(dict.fromkeys(re.findall(r'extern "C" __global__ void (?:__launch_bounds__\([^)]*\) )?(\w+)\(', text)))


def source_for(path, tilelang=False):
    """A source as the builder gives it to the compiler."""
    with open(path) as file:
        text = file.read()
    if tilelang:
        text = re.sub(r"extern __shared__ (?:__align__\(\d+\) )?(\w+) (\w+)\[\];", r"EMULATED_DYNAMIC_SHARED(\1, \2);", text)
    entries = "".join(f"EMULATED_KERNEL({name})\n" for name in kernel_names(text))
    return f'#line 1 "{path}"\n{text}\n{entries}'


def image(name, mode="plain", compiler=None):
    """Compiles sources/<name>.cu to an image and returns its path."""
    compiler, tilelang = compiler or CLANG, name.startswith("tilelang")
    path = os.path.join(_folder, f"{name}-{mode}-{os.path.basename(compiler)}.so")
    source = path + ".cpp"
    with open(source, "w") as file:
        file.write(source_for(os.path.join(HERE, "sources", name + ".cu"), tilelang))
    include = ["-I", os.path.join(EMULATION, "tilelang")] if tilelang else []
    quiet = ["-Wno-unknown-pragmas", "-Wno-unused-variable", "-Wno-unused-but-set-variable"]
    if compiler != GCC:
        quiet.append("-Wno-pass-failed")
    _build(path, [compiler] + flags(mode) + MODES[mode][1] + quiet + [
        "-include", os.path.join(EMULATION, "emulation.h")] + include + ["-I", os.path.join(INCLUDE, "cuda"),
        "-o", path, source, library(mode),
    ])
    return path


def build_at_once(*jobs):
    """Calls several builders at the same time; a failure shows where the result is used."""
    def attempt(job):
        try:
            job()
        except AssertionError:
            pass
    threads = [threading.Thread(target=attempt, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class Results:
    """Values of CUresult that the tests name."""

    SUCCESS, INVALID_VALUE, OUT_OF_MEMORY, NOT_INITIALIZED, INVALID_DEVICE, INVALID_IMAGE = 0, 1, 2, 3, 101, 200
    INVALID_CONTEXT, FILE_NOT_FOUND, INVALID_HANDLE, ILLEGAL_STATE, NOT_FOUND = 201, 301, 400, 401, 500
    LAUNCH_TIMEOUT, ASSERT, MISALIGNED_ADDRESS, LAUNCH_FAILED, NOT_SUPPORTED = 702, 710, 716, 719, 801
    CAPTURE_UNSUPPORTED, CAPTURE_INVALIDATED, CAPTURE_UNJOINED = 900, 901, 904


class Driver:
    """The stand-in for the driver library, with a context current in the calling thread."""

    def __init__(self, path):
        self.library = ctypes.CDLL(path)
        self.check(self.library.cuInit(0))
        context = ctypes.c_void_p()
        self.check(self.library.cuDevicePrimaryCtxRetain(ctypes.byref(context), 0))
        self.check(self.library.cuCtxSetCurrent(context))

    def __getattr__(self, name):
        return getattr(self.library, name)

    def check(self, result):
        if result != 0:
            raise AssertionError(f"the driver answered {result}: {self.last_fault()}")

    def last_fault(self):
        text = ctypes.create_string_buffer(4096)
        self.library.swiftlet_emulation_last_fault(text, ctypes.c_size_t(len(text)))
        return text.value.decode()

    def load(self, path):
        module = ctypes.c_void_p()
        self.check(self.library.cuModuleLoad(ctypes.byref(module), path.encode()))
        return module

    def function(self, module, name):
        function = ctypes.c_void_p()
        self.check(self.library.cuModuleGetFunction(ctypes.byref(function), module, name.encode()))
        return function

    def allocate(self, count):
        address = ctypes.c_uint64()
        self.check(self.library.cuMemAlloc_v2(ctypes.byref(address), ctypes.c_size_t(count)))
        return address

    def launch(self, function, grid, block, arguments, shared=0, stream=None):
        """Arguments are ctypes values, or ctypes arrays, whose addresses are passed; returns the CUresult."""
        values = [
            ctypes.c_uint64(ctypes.addressof(a)) if isinstance(a, ctypes.Array) else a for a in arguments
        ]
        addresses = (ctypes.c_void_p * max(1, len(values)))(*[ctypes.addressof(value) for value in values])
        sizes = [ctypes.c_uint(n) for n in (tuple(grid) + (1, 1))[:3] + (tuple(block) + (1, 1))[:3]]
        return self.library.cuLaunchKernel(function, *sizes, ctypes.c_uint(shared), stream, addresses, None)


def half_bits(x):
    return struct.unpack("<H", struct.pack("<e", x))[0]


def from_half(bits):
    return struct.unpack("<e", struct.pack("<H", bits))[0]


def bfloat16_bits(x):
    bits = struct.unpack("<I", struct.pack("<f", x))[0]
    return (bits + 0x7FFF + (bits >> 16 & 1)) >> 16


def from_bfloat16(bits):
    return struct.unpack("<f", struct.pack("<I", bits << 16))[0]
