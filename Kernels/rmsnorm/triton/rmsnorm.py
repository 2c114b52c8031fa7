# operation: rmsnorm
# takes: hidden_states, weight, eps -> output
# types: hidden_states = bfloat16, float16, float32
# types: weight = bfloat16, float16, float32
# types: output = bfloat16, float16, float32
# requires: hidden_size <= 32768
# tags: weight_offset
#
# Root mean square normalization of each row; with the tag weight_offset:1 the weight is 1 + weight.
#
#     output = hidden_states / sqrt(mean(hidden_states²) + eps) * weight        hidden_states, output
#                                                                 [batch_size, hidden_size], weight [hidden_size]
#
# Parallel over rows, padded to a power of two: a warp for each 1024 elements, and blocks of short rows have four rows.
# One pass over memory: the row stays in registers, at most 32 elements a thread, between its sum and its result; output
# may be hidden_states. The inner loop: 16 bytes read and 16 written, and an element costs 2 conversions, 1 fma for the
# sum and 2 multiplications; 64 bytes of bfloat16 a thread are under way, 64 KiB a multiprocessor. Sums are float32, in
# an order that the hidden size alone decides.
#
# What the hardware should show: hidden_size * (bytes of an input + bytes of an output) a row, the weight from L1.
# Expected: 90 % of copy bandwidth where 128 MiB and more are moved; less is in the second-level cache or as long as one
# launch. Odd sizes move element by element.
import triton
import triton.language as tl


@triton.jit
def rmsnorm(
    hidden_states, weight, eps, output, batch_size,
    HIDDEN_SIZE: tl.constexpr, WEIGHT_OFFSET: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr,
):
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    columns = tl.arange(0, BLOCK)
    is_column = columns < HIDDEN_SIZE
    offsets = row.to(tl.int64)[:, None] * HIDDEN_SIZE + columns[None, :]
    inside = (row < batch_size)[:, None] & is_column[None, :]

    # load
    x = tl.load(hidden_states + offsets, mask=inside, other=0).to(tl.float32)

    # reduce
    scale = tl.rsqrt(tl.sum(x * x, axis=1) / HIDDEN_SIZE + eps)

    # scale and store
    w = WEIGHT_OFFSET + tl.load(weight + columns, mask=is_column, other=0).to(tl.float32)
    y = x * scale[:, None] * w[None, :]
    tl.store(output + offsets, y.to(output.dtype.element_ty), mask=inside)


def plan(c):
    block = triton.next_power_of_2(c.HIDDEN_SIZE)
    rows = 4 if block <= 1024 else 1
    constexprs = {
        "HIDDEN_SIZE": c.HIDDEN_SIZE, "WEIGHT_OFFSET": float(c.tags.get("weight_offset", 0)), "ROWS": rows, "BLOCK": block,
    }
    warps = max(4, min(32, block // 1024))
    return {
        "launches": [
            {"kernel": rmsnorm, "constexprs": constexprs, "grid": [f"ceildiv(batch_size, {rows})"], "num_warps": warps},
        ],
    }
