# operation: silu_and_mul
# takes: input -> output
# types: input = bfloat16, float16, float32
#
# The gate of a SwiGLU feed-forward network (Shazeer 2020):
#
#   output[t, i] = silu(input[t, i]) * input[t, intermediate_size + i];  silu(x) = x / (1 + e^-x)
#
#   input [num_tokens, 2 * intermediate_size]: gate, then up; output [num_tokens, intermediate_size]
#
# One program a token and 2048 columns, 16 of each thread: with 16-bit elements four loads of 16 bytes are in flight
# before the first is used. Bytes per output: two elements read, one written. Arithmetic: one exponential, one division,
# about 15 instructions; with 16-bit elements at 90 % of an H200's bandwidth that is 3 outputs a clock and
# multiprocessor, 6 of 16 places of the special function unit and 50 of 128 lanes: bound by memory. The hardware should
# show 90 % of the bandwidth of a copy from some million outputs on.
import triton
import triton.language as tl


@triton.jit
def silu(x):
    return x / (1.0 + tl.exp(-x))


@triton.jit
def silu_and_mul(input, output, INTERMEDIATE_SIZE: tl.constexpr, BLOCK: tl.constexpr):
    token = tl.program_id(0).to(tl.int64)
    column = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = column < INTERMEDIATE_SIZE
    # load
    row = input + token * (2 * INTERMEDIATE_SIZE)
    gate = tl.load(row + column, mask=inside).to(tl.float32)
    up = tl.load(row + INTERMEDIATE_SIZE + column, mask=inside).to(tl.float32)
    # gate and store
    tl.store(output + token * INTERMEDIATE_SIZE + column, (silu(gate) * up).to(output.dtype.element_ty), mask=inside)


def plan(c):
    block = min(2048, triton.next_power_of_2(c.INTERMEDIATE_SIZE))
    return {
        "launches": [
            {
                "kernel": silu_and_mul, "constexprs": {"INTERMEDIATE_SIZE": c.INTERMEDIATE_SIZE, "BLOCK": block},
                "grid": ["num_tokens", str(triton.cdiv(c.INTERMEDIATE_SIZE, block))], "num_warps": 4,
            }
        ]
    }
