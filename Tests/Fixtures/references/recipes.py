"""Inputs of reference workloads by recipe: the same bytes here and in Tests/ReferenceInputs.

A recipe is JSON. The tensor's random bits are those of CounterRandom(seed: 1, name: "<definition>/<case>/<input>"); a
narrow element takes its share of a 64-bit number, the lowest first.

    {"floats": t}           sign, one of the binades 2^(t-3) … 2^t, fraction: all random
    {"positive": t}         the same without sign
    {"ranks": s}            each row a permutation of 0 ..< n, as (rank - n / 2) * s: no two are equal
    {"probabilities": 1}    each row positive with sum 1, most of it in few places
    {"values": […]}         as written
    {"scalar": x}           a host scalar
    {"zeros": 1}            all zero

With "rows": […] only these indices of the first axis are filled, the others are 0 (and, being untouched pages, free).
"""
import mmap

import numpy as np

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15
BITS = {"float32": 32, "float16": 16, "bfloat16": 16, "float8_e4m3fn": 8, "int32": 32, "int64": 64}
# dtype: (fraction bits, exponent bias)
FLOATS = {"float32": (23, 127), "bfloat16": (7, 127), "float16": (10, 15), "float8_e4m3fn": (3, 7)}
UNSIGNED = {8: np.uint8, 16: np.uint16, 32: np.uint32, 64: np.uint64}


def mix_number(z):
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def key(name, seed=1):
    h = 0xCBF29CE484222325
    for byte in name.encode():
        h = ((h ^ byte) * 0x100000001B3) & MASK
    return h ^ mix_number(seed)


def bits(name, start, count, seed=1):
    """CounterRandom.bits(start) … as uint64."""
    z = np.arange(start + 1, start + count + 1, dtype=np.uint64)
    z *= np.uint64(GOLDEN)
    z += np.uint64(key(name, seed))
    z ^= z >> np.uint64(30)
    z *= np.uint64(0xBF58476D1CE4E5B9)
    z ^= z >> np.uint64(27)
    z *= np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return z


def zeros(dtype, shape):
    """Untouched pages: a tensor larger than memory costs what is written."""
    count = int(np.prod(shape, dtype=np.int64))
    size = max(8, count * BITS[dtype] // 8)
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000  # MAP_NORESERVE
    return np.frombuffer(mmap.mmap(-1, size, flags=flags), dtype=UNSIGNED[BITS[dtype]])[:count].reshape(shape)


def fill_floats(out, name, dtype, top, positive, rows):
    fraction, bias = FLOATS[dtype]
    width = BITS[dtype]
    kind = UNSIGNED[width]
    lanes = 64 // width
    flat = out.reshape(-1)
    per_row = flat.size // max(1, out.shape[0])
    ranges = [(0, flat.size)] if rows is None else [(r * per_row, (r + 1) * per_row) for r in rows]
    low = bias + top - 3
    assert 1 <= low and low + 3 < (1 << (width - 1 - fraction)) - 1
    sign, keep = kind(0 if positive else 1 << (width - 1)), kind((1 << fraction) - 1)
    for begin, end in ranges:
        for first in range(begin, end, 1 << 22):
            last = min(end, first + (1 << 22))
            base = first // lanes
            lane = bits(name, base, (last - 1) // lanes - base + 1).view(kind)[first - base * lanes : last - base * lanes]
            exponent = ((lane >> kind(fraction)) & kind(3)) + kind(low)
            flat[first:last] = (lane & sign) | (exponent << kind(fraction)) | (lane & keep)


def permutation(name, count):
    order = np.arange(count)
    draws = bits(name, 0, count)
    for i in range(count - 1, 0, -1):
        j = ((int(draws[i]) >> 32) * (i + 1)) >> 32
        order[i], order[j] = order[j], order[i]
    return order


def probabilities(name, count):
    """weight = (2^20 + 20 bits) * 4^(leading zeros of 20 more bits, at most 17), over their sum."""
    z = bits(name, 0, count)
    field = ((z >> np.uint64(20)) & np.uint64(0xFFFFF)) | np.uint64(4)
    zeros_ahead = 20 - np.frexp(field.astype(np.float64))[1]
    weight = ((z & np.uint64(0xFFFFF)) | np.uint64(0x100000)) << (2 * zeros_ahead).astype(np.uint64)
    total = int(weight.sum(dtype=np.uint64))
    assert total < 1 << 63
    return weight.astype(np.float32) / np.float32(total)


def encode(values, dtype):
    """float32 values that the type holds exactly, as bits."""
    wide = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    if dtype == "float32":
        return wide
    assert dtype == "bfloat16" and not (wide & 0xFFFF).any()
    return (wide >> 16).astype(np.uint16)


def make(name, recipe, dtype, shape):
    """The tensor's bits as an unsigned array."""
    if "values" in recipe:
        values = np.array(recipe["values"], dtype=np.float64).reshape(shape)
        if dtype in ("int32", "int64"):
            return values.astype(np.int32 if dtype == "int32" else np.int64).view(UNSIGNED[BITS[dtype]])
        return encode(values, dtype)
    out = zeros(dtype, shape)
    if "zeros" in recipe or out.size == 0:
        return out
    if "ranks" in recipe:
        for row in range(shape[0]):
            order = permutation(f"{name}/{row}", shape[1])
            out[row] = encode((order - shape[1] // 2) * recipe["ranks"], dtype)
    elif "probabilities" in recipe:
        for row in range(shape[0]):
            out[row] = probabilities(f"{name}/{row}", shape[1]).view(np.uint32)
    elif "floats" in recipe:
        fill_floats(out, name, dtype, recipe["floats"], False, recipe.get("rows"))
    else:
        fill_floats(out, name, dtype, recipe["positive"], True, recipe.get("rows"))
    return out
