"""Builds kernels written in Triton and TileLang without a GPU, and runs Triton's by its interpreter.

    kernel_tool.py triton build REQUEST.json        cubins and launch.json, in the request's folder `out`
    kernel_tool.py tilelang build REQUEST.json      CUDA C++ and launch.json; cubins as well where the request names an `nvcc`
    kernel_tool.py triton run REQUEST.json          the launches of the plan, interpreted; tensors are files of raw memory
    kernel_tool.py {triton,tilelang,interpreter} serve    requests in lines of JSON on descriptor 0, answers on 1

A request says what a kernel is compiled for:

    {"source": "/…/rmsnorm.py", "out": "/…/folder", "target": "sm_90a", "solution": "rmsnorm_triton", "operation": "rmsnorm",
     "definition": "rmsnorm_h4096_bfloat16", "constants": {"hidden_size": 4096}, "variables": ["batch_size"],
     "tensors": {"hidden_states": "bfloat16", "weight": "bfloat16", "output": "bfloat16"}, "scalars": {"eps": "float32"},
     "tags": {"window": 128}, "absent": ["alibi_slopes"], "in_place": {"k_cache_out": "k_cache"}}

and for `run` also the arguments: {"axes": {"batch_size": 4}, "files": {"output": {"path": …, "strides": [4096, 1]}},
"values": {"eps": 1e-6}, "sm_count": 4}. A server is asked to `build`, and under the interpreter to `load` a kernel, to `call` it on
memory shared as descriptor 3, and to `release` it. An answer is {"ok": true, …} or {"ok": false, "stage": …, "text": …}.
"""

import json
import mmap
import os
import sys
import threading
import time
import traceback

sys.path[:] = [folder for folder in sys.path if folder]  # not the folder that we happen to be started in
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

from kernel_tool_plan import Failure

MEMORY_DESCRIPTOR = 3
TEXT_LIMIT = 4000


def build(language, request):
    """Builds, writes launch.json, and returns the record."""
    os.makedirs(request["out"], exist_ok=True)
    if language == "triton":
        import kernel_tool_triton as builder
    else:
        import kernel_tool_tilelang as builder
    made = builder.build(request)
    record = {
        "format": 1, "solution": request.get("solution", ""), "operation": request.get("operation", ""),
        "definition": request.get("definition", ""), "language": language, "target": request["target"],
        "toolchain": made.pop("toolchain"), "image": made.pop("image"), "constants": request["constants"], **made,
    }
    with open(os.path.join(request["out"], "launch.json"), "w") as file:
        json.dump(record, file, indent=2)
    return record


def run_files(request):
    """Interprets a plan on files, which are written back."""
    import kernel_tool_interpreter as interpreter
    import numpy

    kernel = interpreter.Interpreted({**request, "target": "interpreted"})
    arrays = {name: numpy.fromfile(given["path"], numpy.uint8) for name, given in request["files"].items()}
    places = {name: (arrays[name].ctypes.data, request["files"][name]["strides"]) for name in arrays}
    kernel.run(request["axes"], places, request.get("values", {}), request.get("sm_count", 4))
    for name, array in arrays.items():
        array.tofile(request["files"][name]["path"])


class Interpreter:
    """Kernels by number, and the memory that their tensors lie in."""

    def __init__(self):
        self.kernels, self.memory, self.address = {}, None, 0

    def answer(self, request):
        import kernel_tool_interpreter as interpreter

        task = request["do"]
        if task == "load":
            self.kernels[request["kernel"]] = interpreter.Interpreted(request)
        elif task == "call":
            self._map(request["memory"])
            places = {name: (self.address + offset, strides) for name, (offset, strides) in request["tensors"].items()}
            self.kernels[request["kernel"]].run(request["axes"], places, request["scalars"], request["sm_count"])
        else:
            self.kernels.pop(request["kernel"], None)
        return {}

    def _map(self, size):
        if self.memory is None or len(self.memory) != size:
            import numpy

            self.memory = mmap.mmap(MEMORY_DESCRIPTOR, size)
            self.address = numpy.frombuffer(self.memory, numpy.uint8).ctypes.data


def serve(language):
    """Answers until the other end goes. What sources print goes to standard error."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    _end_with_parent()
    if language == "interpreter":
        os.set_inheritable(MEMORY_DESCRIPTOR, False)
        interpreter = Interpreter()
        answer = interpreter.answer
    else:
        answer = lambda request: {"record": build(language, request)}
    for line in requests:
        answers.write(json.dumps(outcome(answer, json.loads(line))).encode() + b"\n")
        answers.flush()


def outcome(task, request):
    try:
        return {"ok": True, **(task(request) or {})}
    except Failure as failure:
        return {"ok": False, "stage": failure.stage, "text": plain(str(failure))}
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return {"ok": False, "stage": "source", "text": plain(trace(request.get("source", "")))}


def trace(source):
    """The exception in flight: its words first, then where in the source."""
    kind, error, place = sys.exc_info()
    while error.__cause__ is not None and type(error).__name__ == "InterpreterError":
        error = error.__cause__
    words = "".join(traceback.format_exception_only(type(error), error)).strip()
    if type(error).__module__.startswith("triton.compiler"):
        return words[:TEXT_LIMIT]  # says where by itself
    lines = [frame for frame in traceback.extract_tb(error.__traceback__ or place) if frame.filename == source]
    where = "".join(f"\n  {frame.filename}:{frame.lineno}: {frame.line}" for frame in lines[-4:])
    return (words[:TEXT_LIMIT] + where) if lines else traceback.format_exc()[-TEXT_LIMIT:]


def plain(text):
    """Text that can be written as UTF-8: half a surrogate pair cannot."""
    return text.encode("utf-8", "replace").decode()


def _end_with_parent():
    parent = os.getppid()

    def watch():
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main(arguments):
    if len(arguments) == 2 and arguments[1] == "serve" and arguments[0] in ("triton", "tilelang", "interpreter"):
        return serve(arguments[0])
    if len(arguments) != 3 or arguments[:2] not in (["triton", "build"], ["tilelang", "build"], ["triton", "run"]):
        sys.exit(__doc__)
    with open(arguments[2]) as file:
        request = json.load(file)
    language, task = arguments[:2]
    found = outcome((lambda r: {"record": build(language, r)}) if task == "build" else run_files, request)
    if not found["ok"]:
        sys.exit(f"{request['source']}: {found['stage']}: {found['text']}")
    if task == "build":
        print(json.dumps(found["record"], indent=2))


if __name__ == "__main__":
    main(sys.argv[1:])
