"""TileLang ahead of time: programs become CUDA C++ and a launch record, without a GPU and with nothing of torch but names.

What is launched is read off the lowered module: TileLang orders parameters its own way, adds sizes of dynamic shapes, and
makes descriptors for copies by TMA.
"""

import os
import re
import subprocess

os.environ["TVM_FFI_DISABLE_TORCH_C_DLPACK"] = "1"
os.environ.setdefault("TILELANG_DISABLE_CACHE", "1")

import kernel_tool_torch

kernel_tool_torch.install()

import tilelang
import tvm
from tilelang.engine.lower import lower
from tvm import tirx
from tvm.tirx.stmt_functor import post_order_visit

import kernel_tool_cubin as cubin
from kernel_tool_plan import Constants, Failure, Names, Plan, load

FOLDER = os.path.dirname(tilelang.__file__)
_SIZES = {"pointer": 8, "i64": 8, "i32": 4, "f32": 4, "f64": 8, "tensor_map": 128}


def versions():
    return {"tilelang": tilelang.__version__}


def build(request):
    """Leaves kernel.cu (kernel_1.cu …) in the folder `out`, and with `nvcc` cubins made of them.

    - Throws: Failure; whatever TileLang throws.
    """
    module = load(request["source"])
    constants = Constants(request)
    target = tvm.target.Target({"kind": "cuda", "arch": constants.target})
    with target:
        plan = Plan(module.plan(constants), "tilelang")
        names = Names(request, plan)
        record = {
            "toolchain": versions(), "let": [list(row) for row in plan.let],
            "scratch": [[name, size] for name, size, _ in plan.scratch], "tensor_maps": [], "launches": [], "resources": [],
        }
        ending = "so" if request["target"] == "emulated" else "cubin"
        for number, launch in enumerate(plan.launches):
            with tvm.transform.PassContext(config=_options(constants.target)):
                artifact = lower(launch["program"], target=target)
            stem = "kernel" if number == 0 else f"kernel_{number}"
            with open(os.path.join(request["out"], stem + ".cu"), "w") as file:
                file.write(artifact.kernel_source)
            for made in _launches(artifact, names, record["tensor_maps"], number):
                made.update(image=f"{stem}.{ending}", pdl=bool(launch.get("pdl")))
                if "when" in launch:
                    made["when"] = str(launch["when"])
                record["launches"].append(made)
            if request.get("nvcc") and ending == "cubin":
                record["resources"] += _assemble(request, stem)
        record["image"] = "kernel." + ending
    if request.get("nvcc") and ending == "cubin":
        record["toolchain"]["nvcc"] = _release(request["nvcc"])
        check(request["out"], record)
    return record


def _options(arch):
    """From sm_100 on TileLang 0.1 moves 32 bytes at once, for which it writes `&make_float2(…)`: no C++."""
    return {"tl.disable_vectorize_256": True} if int(re.sub(r"\D", "", arch)) >= 100 else {}


# MARK: reading the lowered module


def _launches(artifact, names, tensor_maps, program):
    """The launches of one program, in order."""
    kernels = {str(f.attrs["global_symbol"]): f for f in artifact.device_mod.functions.values()}
    maps, found = {}, []

    def visit(node):
        if not isinstance(node, tirx.Call) or getattr(node.op, "name", "") != "tirx.tvm_call_packed":
            return
        callee = node.args[0].value
        if callee == "__tvm_tensormap_create_tiled":
            name = node.args[1].name
            maps[name] = _tensor_map(node.args[2:], f"{name}_{program}" if program else name, names)
        elif callee in kernels:
            found.append(_launch(callee, kernels[callee], list(node.args[1:]), maps, names))
        elif callee != "__tvm_set_device":
            raise Failure("record", f"the program wants {callee} of its host, which launch records have no word for")

    for function in artifact.host_mod.functions.values():
        post_order_visit(function.body, visit)
    if not found:
        raise Failure("record", "the program launches nothing")
    tensor_maps += maps.values()
    return found


def _launch(entry, function, arguments, maps, names):
    extents = {str(name): "1" for name in ("blockIdx.x", "blockIdx.y", "blockIdx.z", "threadIdx.x", "threadIdx.y", "threadIdx.z")}
    shared = "0"
    for name, value in zip(function.attrs["tirx.kernel_launch_params"], arguments[len(function.params) :]):
        if name in extents:
            extents[str(name)] = expression(value, names)
        elif name == "tirx.use_dyn_shared_memory":
            shared = expression(value, names)
        else:
            raise Failure("record", f"{entry} is launched with {name}, which launch records have no word for")
    parameters = [_parameter(p, a, maps, names, entry) for p, a in zip(function.params, arguments)]
    return {
        "entry": entry, "parameters": parameters, "grid": [extents[f"blockIdx.{axis}"] for axis in "xyz"],
        "block": [extents[f"threadIdx.{axis}"] for axis in "xyz"], "shared": shared, "cluster": [1, 1, 1],
    }


def _parameter(parameter, argument, maps, names, entry):
    form = {"handle": "pointer", "int32": "i32", "int64": "i64", "float32": "f32", "float64": "f64"}.get(str(parameter.dtype))
    if form is None:
        raise Failure("record", f"{entry} has a parameter {parameter.name} of type {parameter.dtype}")
    if form == "pointer":
        if not isinstance(argument, tirx.Var):
            raise Failure("record", f"{entry} gets {argument} for {parameter.name}, which is no tensor")
        if argument.name in maps:
            return {"name": maps[argument.name]["name"], "type": "tensor_map"}
        if argument.name not in names.tensors and argument.name not in names.scratch:
            names.refuse(entry, argument.name)
        return {"name": argument.name, "type": form}
    if isinstance(argument, tirx.Var):
        name = argument.name
        if name not in names.scalars and name not in names.numbers and not names.stride(name):
            names.refuse(entry, name)
        return {"name": name, "type": form}
    return {"name": parameter.name, "type": form, "value": expression(argument, names)}


def _tensor_map(arguments, name, names):
    """The arguments of cuTensorMapEncodeTiled, by name: those after the descriptor's address."""
    rank, address = int(arguments[1]), arguments[2]
    rest = [expression(value, names) for value in arguments[3:]]
    extents, strides, box, steps = (rest[i * rank : (i + 1) * rank] for i in range(4))
    interleave, swizzle, promotion, fill = (int(value) for value in rest[4 * rank :])
    if not isinstance(address, tirx.Var) or address.name not in names.tensors:
        raise Failure("record", f"the descriptor {name} is of {address}, which is no tensor of the definition")
    return {
        "name": name, "tensor": address.name, "type": names.tensors[address.name], "extents": extents,
        "strides": strides[1:],  # without the innermost, as the driver takes them
        "box": [int(value) for value in box], "element_strides": [int(value) for value in steps],
        "swizzle": [0, 32, 64, 128][swizzle], "interleave": [0, 16, 32][interleave], "l2_promotion": [0, 64, 128, 256][promotion],
        "fill": fill,
    }


_OPERATORS = {
    "Add": "({} + {})", "Sub": "({} - {})", "Mul": "{} * {}", "FloorDiv": "({} // {})", "Div": "({} // {})", "FloorMod": "({} % {})",
    "Mod": "({} % {})", "Min": "min({}, {})", "Max": "max({}, {})", "EQ": "({} == {})", "NE": "({} != {})", "LT": "({} < {})",
    "LE": "({} <= {})", "GT": "({} > {})", "GE": "({} >= {})", "And": "({} and {})", "Or": "({} or {})",
}


def expression(node, names):
    """A size as the launch record's expressions have it. Sizes are not negative, so that `Div` and `FloorDiv` agree.

    - Throws: Failure for what expressions cannot say, and for names of nothing.
    """
    if isinstance(node, int):
        return str(node)
    kind = type(node).__name__
    if kind == "IntImm":
        return str(int(node))
    if kind == "Var":
        if node.name not in names.numbers and not names.stride(node.name):
            raise Failure(
                "record", f"a size is named {node.name}, which is no axis, let or stride; there are "
                f"{', '.join(sorted(names.numbers))}")
        return node.name
    if kind == "Cast":
        return expression(node.value, names)
    if kind in _OPERATORS:
        return _OPERATORS[kind].format(expression(node.a, names), expression(node.b, names))
    if kind == "Not":
        return f"(not {expression(node.a, names)})"
    if kind == "Select":
        parts = (node.condition, node.true_value, node.false_value)
        return "select({}, {}, {})".format(*(expression(part, names) for part in parts))
    if kind == "Call":
        called, parts = node.op.name.split(".")[-1], [expression(part, names) for part in node.args]
        if called == "if_then_else":
            return "select({}, {}, {})".format(*parts)
        if called in ("shift_right", "shift_left") and parts[1].isdecimal():
            return f"({parts[0]} {'//' if called == 'shift_right' else '*'} {1 << int(parts[1])})"
        if called == "bitwise_and" and parts[1].isdecimal() and (int(parts[1]) + 1) & int(parts[1]) == 0:
            return f"({parts[0]} % {int(parts[1]) + 1})"
    raise Failure("record", f"a size is {node} ({kind}), which expressions have no word for")


# MARK: nvcc


def _assemble(request, stem):
    out, architecture = request["out"], request["target"].removeprefix("sm_")
    command = [
        request["nvcc"], "-std=c++17", "-w", f"-gencode=arch=compute_{architecture},code=sm_{architecture}", "-Xptxas", "-v",
        "-cubin", "-I", FOLDER + "/src", "-I", FOLDER + "/3rdparty/cutlass/include", "-o", f"{out}/{stem}.cubin",
        f"{out}/{stem}.cu",
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failure("compile", "nvcc found errors:\n" + (done.stderr + done.stdout)[:4000])
    return [{**entry, "image": stem + ".cubin"} for entry in cubin.resources(done.stderr + done.stdout)]


def _release(nvcc):
    said = subprocess.run([nvcc, "--version"], capture_output=True, text=True).stdout
    found = re.search(r"V([\d.]+)", said)
    return found[1] if found else "unknown"


def check(folder, record):
    """- Throws: Failure when a cubin's parameters are not the record's."""
    for launch in record["launches"]:
        with open(os.path.join(folder, launch["image"]), "rb") as file:
            sizes = cubin.parameters(file.read())[launch["entry"]][0]
        expected = [_SIZES[parameter["type"]] for parameter in launch["parameters"]]
        if sizes != expected:
            raise Failure("record", f"{launch['entry']} takes parameters of {sizes} bytes; the record gives {expected}")
