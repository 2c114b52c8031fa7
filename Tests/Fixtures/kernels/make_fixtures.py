#!/usr/bin/env python3
"""Runs the Python references of definitions.jsonl on small inputs, and writes oracles.json.

Needs torch (made with torch 2.13.0 on a CPU). Inputs are small multiples of powers of two, exact in every type.
"""
import json
import math
import pathlib

import torch

HERE = pathlib.Path(__file__).parent
DTYPES = {name: getattr(torch, name) for name in ("float32", "float16", "bfloat16", "float8_e4m3fn", "int32")}
ROWS = 5
# Sequences of attention: queries, cached positions. The third has more queries than positions, the fourth none of either.
PREFILL = [(3, 9), (1, 1), (4, 2), (0, 0), (2, 6)]
DECODE = [9, 1, 0, 6]


def numbers(count, salt, unit=0.125, span=61):
    return [((i * i * 31 + i * 17 + salt * 7) % span - span // 2) * unit for i in range(count)]


def inputs_of(definition):
    """Axes, then values of each input in row-major order; a host scalar is one number."""
    operation, sizes = definition["op_type"], {}
    for name, axis in definition["axes"].items():
        sizes[name] = axis["value"] if axis["type"] == "const" else ROWS
    given = {"eps": 1e-5, "k_scale": 0.25, "v_scale": 0.75, "vocab_start": 4, "sm_scale": 0.375}
    if operation.startswith("gqa"):
        decoding = "qo_indptr" not in definition["inputs"]
        sequences = [(1, length) for length in DECODE] if decoding else PREFILL
        page = sizes.get("page_size", 1)
        pages = [-(-length // page) for _, length in sequences]
        offsets = lambda counts: [sum(counts[:i]) for i in range(len(counts) + 1)]
        given |= {
            "qo_indptr": offsets([queries for queries, _ in sequences]),
            "kv_indptr": offsets(pages),
            "kv_indices": [(i * 5 + 2) % (sum(pages) + 1) for i in range(sum(pages))],
            "kv_last_page_len": [length - max(0, n - 1) * page for (_, length), n in zip(sequences, pages)],
            "alibi_slopes": [2.0 ** -(i + 1) for i in range(sizes["num_qo_heads"])],
        }
        assert len(set(given["kv_indices"])) == sum(pages)
        sizes |= {"total_q": sum(q for q, _ in sequences), "batch_size": len(sequences), "len_indptr": len(sequences) + 1,
                  "num_kv_indices": sum(pages), "num_pages": sum(pages) + 1, "total_kv": sum(pages)}
    if operation == "kv_store":
        sizes["num_pages"] = 3
        given["slots"] = [4, -1, 0, 5, -7]
    if operation == "embedding":
        given["tokens"] = [4, 9, 0, -1, 6] if "vocab_start" in definition["inputs"] else [4, 1, 0, 1, 3]
    if operation == "rope":
        sizes["max_seq_len"] = 7
        given["positions"] = [6, 0, 3, 1, 1]
        given["cos_sin_cache"] = [
            f(row * 10.0 ** -i)
            for row in range(7) for f in (math.cos, math.sin) for i in range(sizes["rotary_dim"] // 2)]
    if operation == "merge_states":
        empty = lambda salt, rows: [
            -math.inf if i // sizes["num_heads"] in rows else value
            for i, value in enumerate(numbers(ROWS * sizes["num_heads"], salt))]
        given |= {"s_a": empty(1, (0, 2)), "s_b": empty(2, (1, 2))}
    axes = {name: sizes[name] for name, axis in definition["axes"].items() if axis["type"] == "var"}
    values = {}
    for salt, (name, spec) in enumerate(definition["inputs"].items()):
        if name in given:
            values[name] = given[name]
            continue
        count = math.prod(sizes[axis] for axis in spec["shape"])
        small = spec["dtype"] == "float8_e4m3fn"
        values[name] = numbers(count, salt, 0.25, 15) if small else numbers(count, salt)
        if operation == "kv_store" and name == "k":  # beyond what float8 holds, ties, and a number below its least
            for i, value in enumerate([1000, -1000, 4.25, 4.75, 0.0001220703125]):
                values[name][i] = value
    return axes, sizes, values


def tensor(spec, values, sizes):
    if spec["shape"] is None:
        return values
    shape = [sizes[axis] for axis in spec["shape"]]
    dtype = DTYPES[spec["dtype"]]
    return torch.tensor(values, dtype=torch.int32 if dtype == torch.int32 else torch.float32).reshape(shape).to(dtype)


def main():
    cases = []
    for line in (HERE / "definitions.jsonl").read_text().splitlines():
        definition = json.loads(line)
        axes, sizes, values = inputs_of(definition)
        space = {}
        exec(definition["reference"], space)
        arguments = [tensor(spec, values[name], sizes) for name, spec in definition["inputs"].items()]
        outputs = space["run"](*arguments)
        if not isinstance(outputs, tuple):
            outputs = (outputs,)
        named = {}
        for (name, spec), output in zip(definition["outputs"].items(), outputs):
            assert output.dtype == DTYPES[spec["dtype"]], (definition["name"], name, output.dtype)
            named[name] = output.to(torch.float32).flatten().tolist()
        cases.append({"definition": definition["name"], "axes": axes, "inputs": values, "outputs": named})
    text = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    (HERE / "oracles.json").write_text("[\n" + text + "\n]\n")


main()
