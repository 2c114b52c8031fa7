#!/usr/bin/env python3
"""Writes the rooms' kernels as Solution documents of FlashInfer-Trace: Kernels/<room>/solutions/<name>.json.

For each definition in Kernels/<room>/definitions there are two: the C++ kernel in Kernels/<room>/solutions/cpp with the
header Kernels/include/cpp/swiftlet_kernel.h among its sources, by the author `swiftlet`; and the definition's own Python
reference, by the author `baseline`, which every other solution is measured against.

    Scripts/make_solutions.py            write them
    Scripts/make_solutions.py --check    exit 1 and name each file that is not up to date

Needs only Python's standard library.
"""

import argparse
import json
import os
import sys

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
HEADER = "Kernels/include/cpp/swiftlet_kernel.h"

# Definition: its room, and the C++ kernel that computes it.
KERNELS = {
    "embedding_bf16_v49152_h576": ("embedding", "embedding.cpp"),
    "embedding_q8_0_v49152_h576": ("embedding", "embedding_q8_0.cpp"),
    "fused_add_rmsnorm_h576": ("rmsnorm", "fused_add_rmsnorm.cpp"),
    "rmsnorm_h576": ("rmsnorm", "rmsnorm.cpp"),
    "rope_with_cos_sin_cache_interleaved_style_h9_kv3_d64_rd64": ("rope", "rope_interleaved.cpp"),
    "rope_with_cos_sin_cache_neox_style_h9_kv3_d64_rd64": ("rope", "rope_neox.cpp"),
    "silu_and_mul_h1536": ("silu_and_mul", "silu_and_mul.cpp"),
}


def read(*path):
    with open(os.path.join(*path), encoding="utf-8") as file:
        return file.read()


def solution(name, definition, author, language, entry, style, sources, description):
    spec = {"language": language, "target_hardware": ["cpu"], "entry_point": f"{entry}::run"}
    spec["dependencies"] = [] if language == "cpp" else ["torch"]
    spec["destination_passing_style"] = style == "destination"
    if language == "cpp":
        spec["binding"] = "tvm-ffi"
    return {
        "name": name,
        "definition": definition,
        "author": author,
        "spec": spec,
        "sources": [{"path": path, "content": content} for path, content in sources],
        "description": description,
    }


def solutions(root):
    """(path below root, text) of every document."""
    for definition, (room, kernel) in sorted(KERNELS.items()):
        described = json.loads(read(root, "Kernels", room, "definitions", definition + ".json"))
        if described["name"] != definition:
            raise ValueError(f"Kernels/{room}/definitions/{definition}.json is called {described['name']}")
        cpp = solution(
            f"swiftlet_cpp_{definition}", definition, "swiftlet", "cpp", kernel, "destination",
            [(kernel, read(root, "Kernels", room, "solutions", "cpp", kernel)),
             (os.path.basename(HEADER), read(root, HEADER))],
            "C++ for any processor, on the calling thread; a row's result depends on that row alone.")
        baseline = solution(
            f"baseline_torch_{definition}", definition, "baseline", "python", "reference.py", "value",
            [("reference.py", described["reference"])], "The definition's reference.")
        for document in (cpp, baseline):
            path = os.path.join("Kernels", room, "solutions", document["name"] + ".json")
            yield path, json.dumps(document, indent=2, ensure_ascii=False)


def stray(root, expected):
    """Documents in the rooms that nothing here writes."""
    for room in sorted({room for room, _ in KERNELS.values()}):
        folder = os.path.join("Kernels", room, "solutions")
        for name in sorted(os.listdir(os.path.join(root, folder))):
            path = os.path.join(folder, name)
            if name.endswith(".json") and path not in expected:
                yield path


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 when a file is not up to date")
    parser.add_argument("--root", default=ROOT, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)

    try:
        documents = dict(solutions(options.root))
    except (OSError, ValueError, KeyError) as error:
        print(f"make_solutions: {error}", file=sys.stderr)
        return 1
    findings = [f"{path}: nothing here writes it" for path in stray(options.root, documents)]
    for path, text in documents.items():
        full = os.path.join(options.root, path)
        if os.path.exists(full) and read(full) == text:
            continue
        if options.check:
            findings.append(f"{path}: not up to date, run Scripts/make_solutions.py")
        else:
            with open(full, "w", encoding="utf-8") as file:
                file.write(text)
            print(path)
    for finding in findings:
        print(f"make_solutions: {finding}", file=sys.stderr)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
