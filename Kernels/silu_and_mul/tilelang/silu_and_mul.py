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
import tilelang.language as T


def silu_and_mul(c):
    dtype, size = c.types["input"], c.INTERMEDIATE_SIZE
    threads = 128
    width = min(4 if dtype == "float32" else 8, size & -size)  # of an access: what divides a row
    block = min(16, -(-size // (threads * width)) * width) * threads
    exp = T.exp if dtype == "float32" else T.__exp  # float32 to a unit in its last place
    num_tokens = T.dynamic("num_tokens")

    @T.prim_func
    def silu_and_mul(
        input: T.Tensor((num_tokens, 2 * size), dtype),
        output: T.Tensor((num_tokens, size), dtype),
    ):
        with T.Kernel(num_tokens, T.ceildiv(size, block), threads=threads) as (token, part):
            gate = T.alloc_fragment((block,), dtype)
            up = T.alloc_fragment((block,), dtype)
            # load
            for i in T.Parallel(block):
                gate[i] = input[token, part * block + i]
            for i in T.Parallel(block):
                up[i] = input[token, size + part * block + i]
            # gate and store
            for i in T.Parallel(block):
                x = T.cast(gate[i], "float32")
                gate[i] = x / (1.0 + exp(-x)) * T.cast(up[i], "float32")
            for i in T.Parallel(block):
                output[token, part * block + i] = gate[i]

    return silu_and_mul


def plan(c):
    return {"launches": [{"program": silu_and_mul(c)}]}
