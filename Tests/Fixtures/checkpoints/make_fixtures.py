#!/usr/bin/env python3
"""Writes dequantization.json: blocks of each supported format and what the `gguf` package makes of them.

Run again with: python3 -m venv v && v/bin/pip install gguf==0.19.0 numpy && v/bin/python make_fixtures.py
The bytes are random, with scales drawn so that values stay finite; the last block has all bits of its quants set.
"""

import json
import pathlib

import gguf
import numpy as np

random = np.random.default_rng(20)
# format, bytes of a block, elements of a block, offsets of its float16 numbers
FORMATS = [
    ("F32", 4, 1, []), ("F16", 2, 1, [0]), ("BF16", 2, 1, []), ("Q8_0", 34, 32, [0]), ("Q4_0", 18, 32, [0]),
    ("Q4_1", 20, 32, [0, 2]), ("Q4_K", 144, 256, [0, 2]), ("Q5_K", 176, 256, [0, 2]), ("Q6_K", 210, 256, [208]),
]
cases = []
for name, block_bytes, elements, halves in FORMATS:
    count = 12 if elements == 1 else 3 if elements == 32 else 2
    if name in ("F32", "BF16"):
        wide = random.normal(size=count).astype("<f4")
        raw = wide.view(np.uint8).reshape(count, 4)[:, 4 - block_bytes:].copy()
    else:
        raw = random.integers(0, 256, size=(count, block_bytes), dtype=np.uint8)
        if elements > 1:
            raw[-1] = 255
        for row in raw:
            for at in halves:
                row[at:at + 2] = np.array([random.normal() * 0.05], dtype="<f2").view(np.uint8)
    values = gguf.quants.dequantize(raw, gguf.GGMLQuantizationType[name]).astype("<f4").reshape(-1)
    assert values.size == count * elements and np.isfinite(values).all(), name
    cases.append({"format": name, "blocks": raw.tobytes().hex(), "values": values.tobytes().hex()})
path = pathlib.Path(__file__).with_name("dequantization.json")
path.write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")
