# operation: fused_add_rmsnorm
# takes: hidden_states, residual, weight, eps -> output, residual_out
# types: hidden_states = bfloat16, float16, float32
# types: residual = bfloat16, float16, float32
# types: weight = bfloat16, float16, float32
# types: output = bfloat16, float16, float32
# types: residual_out = bfloat16, float16, float32
# requires: hidden_size <= 32768
# tags: weight_offset
#
# The residual sum, and its root mean square normalization; with the tag weight_offset:1 the weight is 1 + weight.
#
#     x = hidden_states + residual;  residual_out = x        hidden_states, residual, output, residual_out
#     output = x / sqrt(mean(x²) + eps) * weight             [batch_size, hidden_size], weight [hidden_size]
#
# Parallel over rows, padded to a power of two: a warp for each 1024 elements, and blocks of short rows have four rows.
# One pass over memory: the sum stays in registers as float32, at most 32 elements a thread; output may be hidden_states
# and residual_out may be residual. The inner loop: 32 bytes read and 32 written, and an element costs 4 conversions, 1
# addition, 1 fma and 2 multiplications; 128 bytes of bfloat16 a thread are under way, 128 KiB a multiprocessor. Sums
# are float32, in an order that the hidden size alone decides.
#
# What the hardware should show: hidden_size * (bytes of two inputs + bytes of two outputs) a row, the weight from L1.
# Expected: 90 % of copy bandwidth where 128 MiB and more are moved; less is in the second-level cache or as long as one
# launch. Odd sizes move element by element.
import triton
import triton.language as tl


@triton.jit
def fused_add_rmsnorm(
    hidden_states, residual, weight, eps, output, residual_out, batch_size,
    HIDDEN_SIZE: tl.constexpr, WEIGHT_OFFSET: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr,
):
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    columns = tl.arange(0, BLOCK)
    is_column = columns < HIDDEN_SIZE
    offsets = row.to(tl.int64)[:, None] * HIDDEN_SIZE + columns[None, :]
    inside = (row < batch_size)[:, None] & is_column[None, :]

    # load
    h = tl.load(hidden_states + offsets, mask=inside, other=0).to(tl.float32)
    r = tl.load(residual + offsets, mask=inside, other=0).to(tl.float32)

    # add and reduce
    x = h + r
    tl.store(residual_out + offsets, x.to(residual_out.dtype.element_ty), mask=inside)
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
            {
                "kernel": fused_add_rmsnorm, "constexprs": constexprs, "grid": [f"ceildiv(batch_size, {rows})"],
                "num_warps": warps,
            },
        ],
    }
