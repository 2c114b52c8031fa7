"""Stands in for torch while TileLang lowers kernels: names of element types and empty modules, no tensors."""

import sys
import types


class dtype:
    def __init__(self, name):
        self.name = name
        digits = "".join(c for c in name.split("_")[0] if c.isdigit())
        self.itemsize = max(1, int(digits or 32) // 8)

    def __repr__(self):
        return "torch." + self.name


class _Module(types.ModuleType):
    """A module in which every name is an empty class."""

    __path__ = []

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        if name == "is_available":
            return lambda: False
        made = type(name, (), {"__init__": lambda self, *values, **named: None, "is_available": staticmethod(lambda: False)})
        setattr(self, name, made)
        return made


_TYPES = """float16 float32 float64 bfloat16 half float double int8 int16 int32 int64 short int long uint8 uint16 uint32 uint64
    bool complex64 complex128 float8_e4m3fn float8_e5m2 float8_e4m3fnuz float8_e5m2fnuz float8_e8m0fnu float4_e2m1fn_x2"""


def install():
    """Makes `import torch` find this."""
    torch = _Module("torch")
    torch.__version__ = "2.8.0"
    for name in _TYPES.split():
        setattr(torch, name, dtype(name))
    # With this name it is taken for a torch that exchanges tensors by itself, and nothing is compiled for it.
    torch.Tensor = type("Tensor", (), {"__dlpack_c_exchange_api__": None})
    sys.modules["torch"] = torch
    for path in ("version", "cuda", "npu", "backends", "backends.mps", "nn", "utils", "utils.dlpack", "utils.cpp_extension", "_C"):
        module = _Module("torch." + path)
        sys.modules[module.__name__] = module
        owner = torch
        for part in path.split(".")[:-1]:
            owner = getattr(owner, part)
        setattr(owner, path.split(".")[-1], module)
    torch.version.hip = torch.version.cuda = None
    torch.cuda.device_count = lambda: 0
