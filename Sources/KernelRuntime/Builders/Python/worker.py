"""Runs solutions written in Python for another program, which speaks JSON lines to it.

A request is one line on descriptor 0, its answer one line on descriptor 1, as they were at the start; solutions see
neither, and what they print goes to standard error. Tensors lie in memory that both processes map, whose descriptor
is 3; a request says how long it is.

    {"do": "build", "kernel": 1, "folder": ..., "package": ..., "entry": "main.py", "symbol": "run",
     "destination": true, "dependencies": [...], "inputs": [dtype, ...], "outputs": [[name, dtype], ...]}
    {"do": "call", "kernel": 1, "memory": bytes, "arguments": [{"dtype":, "shape":, "offset":} or {"value":}, ...],
     "outputs": [{"dtype":, "shape":, "offset":}, ...]}
    {"do": "release", "kernel": 1}

An answer is {"ok": true, ...} or {"ok": false, "stage": ..., "text": ...}.
"""

import sys

sys.path[:] = [folder for folder in sys.path if folder]  # not the folder that we happen to be started in
sys.dont_write_bytecode = True

import importlib
import inspect
import json
import mmap
import os
import threading
import time
import traceback

MEMORY_DESCRIPTOR = 3
TEXT_LIMIT = 4000


class Failure(Exception):
    """What is answered instead of a result."""

    def __init__(self, stage, text):
        super().__init__(text)
        self.stage = stage


class Torch:
    """Arguments as torch tensors over the shared memory."""

    name = "torch"

    def __init__(self):
        self.torch = importlib.import_module("torch")

    def supports(self, dtype):
        return hasattr(self.torch, self.wire(dtype))

    @staticmethod
    def wire(dtype):
        return "float4_e2m1fn_x2" if dtype == "float4_e2m1" else dtype

    def view(self, memory, dtype, shape, offset):
        torch = self.torch
        kind = getattr(torch, self.wire(dtype))
        if dtype == "float4_e2m1":  # two elements a byte, along the last axis
            shape = shape[:-1] + [shape[-1] // 2]
        count = 1
        for extent in shape:
            count *= extent
        if count == 0:
            return torch.empty(shape, dtype=kind)
        size = count * torch.empty((), dtype=kind).element_size()
        flat = torch.frombuffer(memory, dtype=torch.uint8, count=size, offset=offset)
        return flat.view(kind).reshape(shape)

    def store(self, value, target, name):
        torch = self.torch
        if not isinstance(value, torch.Tensor):
            value = torch.as_tensor(value, dtype=None if hasattr(value, "dtype") else target.dtype)
        if tuple(value.shape) != tuple(target.shape):
            raise Failure("shape", f"{name} has shape {list(value.shape)}, expected {list(target.shape)}")
        if value.dtype != target.dtype:
            raise Failure("dtype", f"{name} is {value.dtype}, expected {target.dtype}")
        target.copy_(value.detach())


class NumPy:
    """Arguments as numpy arrays over the shared memory."""

    name = "numpy"
    known = ("float32", "float16", "int64", "int32", "int16", "int8", "bool")

    def __init__(self):
        self.numpy = importlib.import_module("numpy")

    def supports(self, dtype):
        return dtype in self.known

    def view(self, memory, dtype, shape, offset):
        count = 1
        for extent in shape:
            count *= extent
        if count == 0:
            return self.numpy.empty(shape, dtype)
        return self.numpy.frombuffer(memory, dtype, count, offset).reshape(shape)

    def store(self, value, target, name):
        value = self.numpy.asarray(value, None if hasattr(value, "dtype") else target.dtype)
        if value.shape != target.shape:
            raise Failure("shape", f"{name} has shape {list(value.shape)}, expected {list(target.shape)}")
        if value.dtype != target.dtype:
            raise Failure("dtype", f"{name} is {value.dtype}, expected {target.dtype}")
        target[...] = value


class Views:
    """Arguments as memoryviews over the shared memory: the standard library only."""

    name = "memoryview"
    formats = {"float32": "f", "int64": "q", "int32": "i", "int16": "h", "int8": "b", "bool": "?"}

    def supports(self, dtype):
        return dtype in self.formats

    def view(self, memory, dtype, shape, offset):
        count = 1
        for extent in shape:
            count *= extent
        letter = self.formats[dtype]
        size = count * memoryview(b"").cast(letter).itemsize
        raw = memoryview(memory)[offset : offset + size]
        # A view with an empty axis has no form of its own: it comes as an empty row.
        return raw.cast(letter) if count == 0 else raw.cast(letter, shape)

    def store(self, value, target, name):
        flat = target.cast("B") if target.nbytes else target
        try:
            view = memoryview(value)
        except TypeError:
            view = None
        if view is not None:
            if view.nbytes != target.nbytes:
                raise Failure("shape", f"{name} has {view.nbytes} bytes, expected {target.nbytes}")
            if target.nbytes:
                flat[:] = view.cast("B") if view.contiguous else view.tobytes()
            return
        elements = flatten(value)
        if len(elements) * target.itemsize != target.nbytes:
            raise Failure("shape", f"{name} has {len(elements)} elements, expected {target.nbytes // target.itemsize}")
        if elements:
            row = flat.cast(target.format)
            for position, element in enumerate(elements):
                row[position] = element


def flatten(value):
    """The elements of nested lists and tuples, in order."""
    if not isinstance(value, (list, tuple)):
        return [value]
    out, waiting = [], [iter(value)]
    while waiting:
        for element in waiting[-1]:
            if isinstance(element, (list, tuple)):
                waiting.append(iter(element))
                break
            out.append(element)
        else:
            waiting.pop()
    return out


class Kernel:
    """A solution that was imported."""

    def __init__(self, function, kind, destination, outputs):
        self.function, self.kind, self.destination, self.outputs = function, kind, destination, outputs
        self.views = {}  # arguments that did not move since the last call

    def arguments(self, memory, wanted):
        out = []
        for position, argument in enumerate(wanted):
            if "value" in argument:
                out.append(argument["value"])
                continue
            out.append(self.view(memory, position, argument))
        return out

    def view(self, memory, position, argument):
        key = (id(memory), argument["dtype"], argument["offset"], *argument["shape"])
        kept = self.views.get(position)
        if kept is None or kept[0] != key:
            kept = (key, self.kind.view(memory, argument["dtype"], argument["shape"], argument["offset"]))
            self.views[position] = kept
        return kept[1]

    def call(self, memory, wanted, outputs):
        arguments = self.arguments(memory, wanted)
        if self.destination:
            self.function(*arguments)
            return
        result = self.function(*arguments)
        if isinstance(result, dict):
            missing = [name for name, _ in self.outputs if name not in result]
            if missing:
                raise Failure("result", f"the result has no {', '.join(missing)}")
            results = [result[name] for name, _ in self.outputs]
        elif isinstance(result, tuple) or (isinstance(result, list) and len(self.outputs) != 1):
            results = list(result)
        else:
            results = [] if result is None and not self.outputs else [result]
        if len(results) != len(self.outputs):
            raise Failure("result", f"it returned {len(results)} values, expected {len(self.outputs)}")
        for (name, _), value, output in zip(self.outputs, results, outputs):
            target = self.kind.view(memory, output["dtype"], output["shape"], output["offset"])
            self.kind.store(value, target, name)


class Worker:
    def __init__(self):
        self.kernels, self.kinds, self.memory = {}, {}, None

    def kind(self, dependencies):
        """How arguments are passed: the first of torch, numpy and memoryviews that serves."""
        named = {name.lower() for name in dependencies}
        for make in (Torch, NumPy):
            if make is NumPy and "numpy" not in named:
                continue
            if make not in self.kinds:
                try:
                    self.kinds[make] = make()
                except Exception as error:  # whatever a broken installation throws
                    self.kinds[make] = error
            if not isinstance(self.kinds[make], Exception):
                return self.kinds[make]
            if make.name in named:
                raise Failure("import", f"it needs {make.name}, which {sys.executable} cannot import: {self.kinds[make]}")
        return Views()

    def build(self, request):
        kind = self.kind(request["dependencies"])
        outputs = request["outputs"]
        for dtype in request["inputs"] + [dtype for _, dtype in outputs]:
            if dtype is not None and not kind.supports(dtype):
                raise Failure("dtype", f"{kind.name} has no {dtype}, which the definition uses; install torch")
        entry = request["entry"]
        if not entry.endswith(".py"):
            raise Failure("import", f'the entry file "{entry}" does not end in .py')
        folder, package = request["folder"], request["package"]
        for name in [name for name in sys.modules if name == package or name.startswith(package + ".")]:
            del sys.modules[name]
        if folder not in sys.path:
            sys.path.insert(0, folder)
        importlib.invalidate_caches()
        try:
            module = importlib.import_module(package + "." + entry[: -len(".py")].replace("/", "."))
        except BaseException:
            raise Failure("import", "its import failed: " + trace()) from None
        function = getattr(module, request["symbol"], None)
        if function is None:
            raise Failure("symbol", f'{entry} has no "{request["symbol"]}"')
        if not callable(function):
            raise Failure("symbol", f'"{request["symbol"]}" in {entry} is no function, but {type(function).__name__}')
        count = len(request["inputs"]) + (len(outputs) if request["destination"] else 0)
        if request["check"]:
            try:
                inspect.signature(function).bind(*[None] * count)
            except TypeError as error:
                style = "inputs, then outputs" if request["destination"] else "inputs"
                raise Failure("signature", f"it cannot be called with {count} arguments ({style}): {error}") from None
            except ValueError:
                pass  # it does not say what it takes
        self.kernels[request["kernel"]] = Kernel(function, kind, request["destination"], outputs)
        return {"kind": kind.name}

    def call(self, request):
        size = request["memory"]
        if self.memory is None or len(self.memory) != size:
            self.memory = mmap.mmap(MEMORY_DESCRIPTOR, size)
        kernel = self.kernels[request["kernel"]]
        try:
            kernel.call(self.memory, request["arguments"], request["outputs"])
        except Failure:
            raise
        except BaseException:
            raise Failure("call", "it threw: " + trace()) from None
        return {}

    def answer(self, request):
        task = request["do"]
        if task == "build":
            return self.build(request)
        if task == "call":
            return self.call(request)
        self.kernels.pop(request["kernel"], None)
        return {}


def trace():
    """The end of the traceback of the exception in flight, from the solution's first line on."""
    ours = (main.__code__.co_filename, importlib.__file__)
    kind, error, place = sys.exc_info()
    while place is not None:
        file = place.tb_frame.f_code.co_filename
        if file not in ours and not file.startswith("<frozen importlib"):
            break
        place = place.tb_next
    lines = "".join(traceback.format_exception(kind, error, place)).rstrip()
    return lines[-TEXT_LIMIT:]


def plain(text):
    """Text that can be written as UTF-8: half a surrogate pair cannot."""
    return text.encode("utf-8", "replace").decode()


def end_with_parent():
    parent = os.getppid()

    def watch():
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main():
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    os.set_inheritable(MEMORY_DESCRIPTOR, False)
    end_with_parent()
    worker = Worker()
    for line in requests:
        try:
            reply = {"ok": True, **worker.answer(json.loads(line))}
        except Failure as failure:
            reply = {"ok": False, "stage": failure.stage, "text": plain(str(failure))}
        except Exception:
            reply = {"ok": False, "stage": "worker", "text": plain(trace())}
        answers.write(json.dumps(reply).encode() + b"\n")
        answers.flush()


main()
