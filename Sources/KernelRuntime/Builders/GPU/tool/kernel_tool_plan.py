"""What a source in Triton or TileLang is given (`c`), and what its plan says: see docs/gpu-kernels.md."""

import ast
import importlib.util
import sys

ALIGNMENT = 256  # bytes, of scratch memory


class Failure(Exception):
    """What is answered instead of a result: a stage and a sentence."""

    def __init__(self, stage, text):
        super().__init__(text)
        self.stage = stage


class Constants:
    """The object `c`: constant axes in capitals, element types, tags, the target."""

    def __init__(self, request):
        for name, size in request["constants"].items():
            setattr(self, name.upper(), size)
        self.types = {**request["tensors"], **request.get("scalars", {})}
        self.tags = dict(request.get("tags", {}))
        # Emulated and interpreted kernels are those of the oldest target.
        self.target = request["target"] if request["target"].startswith("sm_") else "sm_80"
        self._absent = set(request.get("absent", []))

    def has(self, name):
        """Whether an optional input is there."""
        return name in self.types and name not in self._absent

    def __getattr__(self, name):
        known = sorted(key for key in vars(self) if key.isupper())
        raise AttributeError(f"the definition has no constant axis {name}; it has {', '.join(known)}")


class Names:
    """What parameters may be named, and what is passed for each name."""

    def __init__(self, request, plan):
        self.tensors = dict(request["tensors"])
        for output, source in request.get("in_place", {}).items():
            self.tensors.setdefault(source, self.tensors[output])
        self.scalars = dict(request.get("scalars", {}))
        self.absent = set(request.get("absent", []))
        self.scratch = {name: dtype for name, _, dtype in plan.scratch}
        self.numbers = set(request["constants"]) | set(request.get("variables", [])) | {"sm_count"}
        self.numbers |= {name for name, _ in plan.let}

    def stride(self, name):
        """The tensor and the axis of `<tensor>_stride_<axis>`; None for other names."""
        tensor, mark, axis = name.rpartition("_stride_")
        return (tensor, int(axis)) if mark and tensor in self.tensors and axis.isdecimal() else None

    def refuse(self, kernel, name):
        known = [*self.tensors, *self.scalars, *self.scratch, *sorted(self.numbers)]
        raise Failure(
            "plan", f"{kernel} has a parameter {name}, which names nothing that can be passed; there are {', '.join(known)}, "
            "and <tensor>_stride_<axis number>")


class Plan:
    """What `plan(c)` returned, checked."""

    def __init__(self, value, kind):
        if not isinstance(value, dict):
            raise Failure("plan", f"plan(c) returned {type(value).__name__}, expected a dict")
        for key in value:
            if key not in ("let", "scratch", "launches"):
                raise Failure("plan", f'the plan has a key "{key}"; it may have let, scratch, launches')
        self.let = [self._row(row, 2, "let") for row in value.get("let", [])]
        self.scratch = [self._row(row, 3, "scratch") for row in value.get("scratch", [])]
        self.launches = value.get("launches")
        if not isinstance(self.launches, list) or not self.launches:
            raise Failure("plan", "the plan has no launches")
        allowed = {
            "triton": {"kernel", "constexprs", "grid", "num_warps", "num_stages", "pdl", "divisible", "when"},
            "tilelang": {"program", "pdl", "when"},
        }[kind]
        for launch in self.launches:
            if not isinstance(launch, dict) or ("kernel" if kind == "triton" else "program") not in launch:
                raise Failure("plan", f'a launch is {launch!r}, expected a dict with "{sorted(allowed)[0]}"')
            for key in launch:
                if key not in allowed:
                    raise Failure("plan", f'a launch has a key "{key}"; it may have {", ".join(sorted(allowed))}')
            if "when" in launch:
                check_expression(str(launch["when"]))
        for _, text, *_ in self.let + self.scratch:
            check_expression(text)

    @staticmethod
    def _row(row, count, key):
        if not isinstance(row, (tuple, list)) or len(row) != count:
            shape = "(name, expression)" if count == 2 else "(name, bytes, element type)"
            raise Failure("plan", f"{key}: {row!r} is no {shape}")
        return (str(row[0]), str(row[1]), *(str(part) for part in row[2:]))

    def grid(self, launch):
        grid = launch.get("grid")
        if isinstance(grid, (str, int)):
            grid = [grid]
        if not isinstance(grid, (list, tuple)) or not 1 <= len(grid) <= 3:
            raise Failure("plan", f'"grid" is {grid!r}, expected one to three expressions')
        for part in grid:
            check_expression(str(part))
        return [str(part) for part in grid] + ["1"] * (3 - len(grid))


def load(path):
    """The source as a module of its own.

    - Throws: Failure with the end of the traceback.
    """
    spec = importlib.util.spec_from_file_location("swiftlet_kernel_source", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # inspect looks functions up there
    spec.loader.exec_module(module)
    if not callable(getattr(module, "plan", None)):
        raise Failure("plan", "the source has no function plan(c)")
    return module


# MARK: expressions

_FUNCTIONS = {
    "min": min,
    "max": max,
    "ceildiv": lambda a, b: -(-a // b),
    "next_power_of_2": lambda a: 1 << max(0, a - 1).bit_length(),
    "select": lambda condition, a, b: a if condition else b,
}
_NODES = (
    ast.Expression, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.Call, ast.Name, ast.Load, ast.Constant, ast.Add,
    ast.Sub, ast.Mult, ast.FloorDiv, ast.Mod, ast.USub, ast.Not, ast.And, ast.Or, ast.Eq, ast.NotEq, ast.Lt, ast.LtE,
    ast.Gt, ast.GtE,
)


def check_expression(text):
    """- Throws: Failure for what is not in the language of expressions."""
    try:
        tree = ast.parse(text, mode="eval")
    except SyntaxError as error:
        raise Failure("plan", f'"{text}" is no expression: {error.msg}') from None
    for node in ast.walk(tree):
        if not isinstance(node, _NODES):
            raise Failure("plan", f'"{text}": {type(node).__name__} is not part of expressions')
        if isinstance(node, ast.Call) and getattr(node.func, "id", None) not in _FUNCTIONS:
            raise Failure("plan", f'"{text}" calls what is none of {", ".join(_FUNCTIONS)}')
        if isinstance(node, ast.Constant) and not isinstance(node.value, int):
            raise Failure("plan", f'"{text}": {node.value!r} is no integer')
    return tree


def evaluate(text, names):
    """The value of an expression over named numbers."""
    tree = check_expression(text)
    try:
        return int(eval(compile(tree, "<expression>", "eval"), {"__builtins__": {}, **_FUNCTIONS}, names))
    except (NameError, ZeroDivisionError) as error:
        raise Failure("call", f'"{text}": {error}; names are {", ".join(names)}') from None
