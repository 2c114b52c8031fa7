"""Triton ahead of time: a source and constants become cubins and a launch record, without a GPU, a driver or torch."""

import contextlib
import io
import os
import tempfile

# Nothing of Triton's own cache: what ptxas says is wanted each time.
os.environ["TRITON_CACHE_DIR"] = _cache = tempfile.mkdtemp(prefix="swiftlet-triton-")

import atexit
import shutil

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

import kernel_tool_cubin as cubin
from kernel_tool_plan import Constants, Failure, Names, Plan, load

atexit.register(shutil.rmtree, _cache, True)
triton.knobs.compilation.always_compile = True
triton.knobs.nvidia.dump_ptxas_log = True

TYPES = {
    "float32": "fp32", "float16": "fp16", "bfloat16": "bf16", "float8_e4m3fn": "fp8e4nv", "float8_e5m2": "fp8e5",
    "int64": "i64", "int32": "i32", "int16": "i16", "int8": "i8", "uint8": "u8", "bool": "i1",
}
_SIZES = {"pointer": 8, "i64": 8, "i32": 4, "f32": 4, "f64": 8}


def versions():
    return {"triton": triton.__version__}


def build(request):
    """- Throws: Failure; whatever Triton throws."""
    module = load(request["source"])
    plan = Plan(module.plan(Constants(request)), "triton")
    names = Names(request, plan)
    images, launches, found, scratch = {}, [], [], [[name, size] for name, size, _ in plan.scratch]
    for launch in plan.launches:
        image, record, resources = _compile(request, plan, names, launch, scratch)
        if image not in images:
            images[image] = "kernel.cubin" if not images else f"kernel_{len(images)}.cubin"
            with open(os.path.join(request["out"], images[image]), "wb") as file:
                file.write(image)
            found += [{**entry, "image": images[image]} for entry in resources]
        launches.append({**record, "image": images[image]})
    return {
        "toolchain": versions(), "image": "kernel.cubin", "let": [list(row) for row in plan.let], "scratch": scratch,
        "launches": launches, "resources": found,
    }


def _signature(names, launch, capability):
    """The signature and constants for the compiler, the record's parameters, positions known to divide by 16."""
    types = dict(TYPES)
    if capability < 89:  # Triton has no such type there: kernels get the bytes
        types["float8_e4m3fn"] = "u8"
    kernel = launch["kernel"]
    given, divisible = launch.get("constexprs", {}), launch.get("divisible", {})
    signature, constants, parameters, attributes = {}, {}, [], {}
    for name in given:
        if name not in kernel.arg_names:
            raise Failure("plan", f"{kernel.__name__} has no parameter {name}, which constexprs gives")
    for index, parameter in enumerate(kernel.params):
        name = parameter.name
        if name in given or name in names.absent or parameter.is_constexpr:
            if parameter.is_constexpr and name not in given and not parameter.has_default:
                raise Failure("plan", f"{kernel.__name__}: the constexpr {name} is not given")
            signature[name] = "constexpr"
            constants[(index,)] = given.get(name, parameter.default if parameter.has_default else None)
            continue
        if name in names.tensors or name in names.scratch:
            dtype = names.tensors.get(name) or names.scratch[name]
            if dtype not in types:
                raise Failure("plan", f"{name} is {dtype}; Triton has {', '.join(types)}")
            signature[name], form = "*" + types[dtype], "pointer"
            attributes[(index,)] = [["tt.divisibility", 16]]
        elif name in names.scalars:
            floating = names.scalars[name].startswith(("float", "bfloat"))
            form = "f32" if floating else "i64" if names.scalars[name] == "int64" else "i32"
            signature[name] = "fp32" if floating else form
        elif names.stride(name):
            signature[name] = form = "i64"
        elif name in names.numbers:
            signature[name] = form = "i32"
        else:
            names.refuse(kernel.__name__, name)
        if name in divisible and form != "pointer":
            if divisible[name] != 16:
                raise Failure("plan", f"{name} is promised to divide by {divisible[name]}; Triton makes use of 16 only")
            attributes[(index,)] = [["tt.divisibility", 16]]
        parameters.append({"name": name, "type": form})
    return signature, constants, parameters, attributes


def _compile(request, plan, names, launch, scratch):
    kernel, target = launch["kernel"], request["target"]
    capability = int(target.removeprefix("sm_").rstrip("af"))
    signature, constants, parameters, attributes = _signature(names, launch, capability)
    options = {key: launch[key] for key in ("num_warps", "num_stages") if key in launch}
    if launch.get("pdl"):
        options["launch_pdl"] = True
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        made = triton.compile(
            ASTSource(fn=kernel, signature=signature, constexprs=constants, attrs=attributes),
            target=GPUTarget("cuda", capability, 32), options=options)
    image, metadata = made.asm["cubin"], made.metadata
    sizes, block = cubin.parameters(image)[metadata.name]
    hidden = len(sizes) - len(parameters)
    expected = [_SIZES[parameter["type"]] for parameter in parameters]
    if hidden < 0 or sizes[: len(expected)] != expected or any(size != 8 for size in sizes[len(expected) :]):
        raise Failure("record", f"{metadata.name} takes parameters of {sizes} bytes; the plan gives {expected}")
    if metadata.num_ctas != 1:
        raise Failure("plan", f"{metadata.name} runs in clusters of {metadata.num_ctas}; plans have no word for that")
    if getattr(metadata, "profile_scratch_size", 0):
        raise Failure("plan", f"{metadata.name} wants memory for profiling")
    grid = plan.grid(launch)
    # Hidden parameters follow in an order of Triton's own: memory for descriptors first, then for profiling.
    for number in range(hidden):
        name = ["global_scratch", "profile_scratch"][number] if number < 2 else f"hidden_{number}"
        size = metadata.global_scratch_size if number == 0 else 0
        if size:
            name = f"global_scratch_{len(scratch)}"
            size = -(-size // metadata.global_scratch_align) * metadata.global_scratch_align
            scratch.append([name, f"{size} * ({grid[0]}) * ({grid[1]}) * ({grid[2]})"])
        parameters.append({"name": name, "type": "pointer" if size else "null"})
    record = {
        "entry": metadata.name, "parameters": parameters, "grid": grid,
        "block": [str(extent) for extent in block or (32 * metadata.num_warps, 1, 1)], "shared": str(metadata.shared),
        "cluster": [1, 1, 1], "pdl": bool(launch.get("pdl")),
    }
    if "when" in launch:
        record["when"] = str(launch["when"])
    return image, record, cubin.resources(said.getvalue())
