"""Runs the PyTorch references of Tests/Fixtures/flashinfer-trace on small workloads and writes what they computed.

    python3 make_fixtures.py [operation …]        # needs numpy and torch; some minutes and 12 GB for `moe`

Inputs are not stored: recipes.py and Tests/ReferenceInputs make the same ones. Of each output, `<operation>.json` holds a
strided sample as hexadecimal bits, and for each row its norm and its sum under random signs, over all elements.
"""
import glob
import json
import os
import sys
import time

import numpy as np
import torch

import recipes
import workloads

HERE = os.path.dirname(os.path.abspath(__file__))
DEFINITIONS = os.path.join(HERE, "../flashinfer-trace/definitions")
TORCH = {
    "float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16, "int32": torch.int32,
    "int64": torch.int64, "float8_e4m3fn": torch.float8_e4m3fn,
}
SIGNED = {8: np.int8, 16: np.int16, 32: np.int32, 64: np.int64}
SAMPLES = 192


class ExpertWeights:
    """float8 weights whose experts become float32 one at a time: all of them would not fit into memory."""

    def __init__(self, tensor):
        self.tensor, self.shape = tensor, tensor.shape

    def to(self, dtype):
        return self

    def __getitem__(self, expert):
        return self.tensor[expert].to(torch.float32)


def tensor(name, recipe, dtype, shape):
    made = recipes.make(name, recipe, dtype, shape)
    return torch.from_numpy(made.view(SIGNED[recipes.BITS[dtype]])).view(TORCH[dtype])


def signs(count):
    return 1.0 - 2.0 * (recipes.bits("checksum", 0, count) & np.uint64(1)).astype(np.float64)


def summary(output, dtype):
    width = recipes.BITS[dtype]
    flat = output.contiguous().view(-1)
    raw = flat.view({8: torch.int8, 16: torch.int16, 32: torch.int32, 64: torch.int64}[width]).numpy().view(recipes.UNSIGNED[width])
    stride = max(1, flat.numel() // SAMPLES) | 1
    values = flat.to(torch.float64).numpy().reshape(output.shape[0], -1) if flat.numel() else np.zeros((0, 1))
    assert not np.isnan(values).any(), "the reference computed NaN"
    finite = np.where(np.isfinite(values), values, 0)
    return {
        "shape": list(output.shape), "stride": stride,
        "sample": "".join(f"{int(b):0{width // 4}x}" for b in raw[::stride]),
        "infinite": int((~np.isfinite(values)).sum()),
        "sums": [float(s) for s in (finite * signs(finite.shape[1])).sum(axis=1)],
        "norms": [float(s) for s in np.sqrt((finite * finite).sum(axis=1))],
    }


def run_sampling(run, inputs):
    """The distributions that the reference draws from; rows without a draw are a single token."""
    drawn, multinomial = [], torch.multinomial

    def record(row, count, replacement):
        drawn.append(row.clone())
        return multinomial(row, count, replacement=replacement)

    torch.multinomial = record
    try:
        samples = run(**inputs)
    finally:
        torch.multinomial = multinomial
    rows, argmax = [], "top_p" in inputs
    for i in range(inputs["probs"].shape[0]):
        if argmax and float(inputs["top_p"][i]) <= 0:
            rows.append({"argmax": int(samples[i])})
            continue
        kept = drawn.pop(0).to(torch.float64)
        places = torch.nonzero(kept).flatten()
        others = inputs["probs"][i][kept == 0]
        # Among equals the order is the library's own.
        assert len(others) == 0 or others.max() < inputs["probs"][i][places].min(), "a tie at the edge of what is kept"
        rows.append({
            "count": len(places), "sum": int(places.sum()), "first": places[:16].tolist(),
            "largest": float(kept.max() / kept.sum()), "squares": float((kept / kept.sum()).square().sum()),
        })
    return rows


def main():
    wanted = sys.argv[1:]
    torch.manual_seed(0)
    by_operation = {}
    for path in sorted(glob.glob(os.path.join(DEFINITIONS, "*/*.json"))):
        with open(path) as file:
            definition = json.load(file)
        if wanted and definition["op_type"] not in wanted:
            continue
        started = time.time()
        scope = {}
        exec(definition["reference"], scope)
        cases = by_operation.setdefault(definition["op_type"], [])
        for case, axes, inputs, constants in workloads.of(definition):
            sizes = {**constants, **axes}
            made = {}
            for name, spec in definition["inputs"].items():
                recipe = inputs[name]
                if spec["shape"] is None:
                    made[name] = recipe["scalar"]
                    continue
                shape = [sizes[a] for a in spec["shape"]]
                made[name] = tensor(f"{definition['name']}/{case}/{name}", recipe, spec["dtype"], shape)
            entry = {"definition": definition["name"], "case": case, "axes": axes, "inputs": inputs}
            if definition["op_type"] == "sampling":
                entry["rows"] = run_sampling(scope["run"], made)
            else:
                if "output1_scales_scalar" in made:
                    for name in ("gemm1_weights", "gemm2_weights"):
                        made[name] = ExpertWeights(made[name])
                # By name: two definitions list their inputs in another order than their reference takes them.
                result = scope["run"](**made)
                result = result if isinstance(result, tuple) else (result,)
                outputs = zip(definition["outputs"].items(), result)
                entry["outputs"] = {name: summary(value, spec["dtype"]) for (name, spec), value in outputs}
            cases.append(entry)
            del made
        print(f"{definition['name']}: {time.time() - started:.1f} s", flush=True)
    for operation, cases in by_operation.items():
        with open(os.path.join(HERE, operation + ".json"), "w") as file:
            file.write("[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]\n")


main()
