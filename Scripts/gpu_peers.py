#!/usr/bin/env python3
"""Times PyTorch's own functions at the sizes of a `swiftlet bench gpu` run, on the same GPU, and writes them beside its figures.

    Scripts/gpu_peers.py FILE.json [--out FILE]

Each function is recorded as a CUDA graph over several sets of inputs, as swiftlet does, and replayed.
"""

import argparse
import json
import statistics

import torch
import torch.nn.functional as functional

CALLS, SAMPLES = 20, 15


def inputs(operation, axes, definition):
    """Tensors and a function of them for an operation; None where PyTorch has none of its own."""
    def half(*shape):
        return torch.randn(shape, device="cuda", dtype=torch.bfloat16)
    number = {part[0]: int(part[1:]) for part in definition.split("_") if len(part) > 1 and part[1:].isdigit()}
    if operation == "rmsnorm":
        x, w = half(axes["batch_size"], number["h"]), half(number["h"])
        return lambda: functional.rms_norm(x, (x.shape[1],), w, 1e-5)
    if operation == "silu_and_mul":
        x = half(axes["num_tokens"], 2 * number["h"])
        return lambda: functional.silu(x[:, : x.shape[1] // 2]) * x[:, x.shape[1] // 2:]
    if operation == "embedding":
        table, tokens = half(number["v"], number["h"]), torch.randint(number["v"], (axes["num_tokens"],), device="cuda")
        return lambda: functional.embedding(tokens, table)
    if operation == "gemm":
        a, b = half(axes["M"], number["k"]), half(number["n"], number["k"])
        return lambda: functional.linear(a, b)
    if operation == "gqa_ragged":
        batch = axes["len_indptr"] - 1
        length = axes["total_q"] // batch
        heads, key_heads = number["h"], int(definition.split("_kv")[1].split("_")[0])
        q, k, v = half(batch, heads, length, number["d"]), half(batch, key_heads, length, number["d"]), half(
            batch, key_heads, length, number["d"])
        return lambda: functional.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
    return None


def seconds(make):
    """The median time of a call."""
    calls = [make() for _ in range(4)]
    for call in calls:
        call()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for i in range(CALLS):
            calls[i % len(calls)]()
    times = []
    for _ in range(SAMPLES):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        graph.replay()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end) / 1e3 / CALLS)
    return statistics.median(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("figures")
    parser.add_argument("--out")
    options = parser.parse_args()
    with open(options.figures) as file:
        figures = json.load(file)
    best = {}
    for row in figures["measurements"]:
        if row["timing"]:
            key = (row["definition"], row["kind"])
            if key not in best or row["timing"]["median"] < best[key]["timing"]["median"]:
                best[key] = row
    results = []
    for (definition, kind), row in best.items():
        make = lambda: inputs(row["operation"], row["axes"], definition)
        if make() is None:
            continue
        peer = seconds(make)
        ratio = peer / row["timing"]["median"]
        results.append({"definition": definition, "kind": kind, "torch_seconds": peer, "solution": row["solution"],
                        "seconds": row["timing"]["median"], "torch_over_swiftlet": ratio})
        print(f"{definition:60} {kind:8} torch {peer * 1e6:9.1f} us  {row['solution']} {row['timing']['median'] * 1e6:9.1f} us  {ratio:.2f} x")
    if options.out:
        with open(options.out, "w") as file:
            json.dump({"torch": torch.__version__, "device": figures["device"], "results": results}, file, indent=2)


if __name__ == "__main__":
    main()
