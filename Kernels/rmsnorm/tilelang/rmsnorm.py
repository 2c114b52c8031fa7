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
# Parallel over rows, padded to whole vectors: a row is a block of a warp for each 1024 elements, a power of two.
# One pass over memory: the row stays in registers, at most 32 elements a thread, between its sum and its result; output
# may be hidden_states. The inner loop: 16 bytes read and 16 written, and an element costs 2 conversions, 1 fma for the
# sum and 2 multiplications; 64 bytes of bfloat16 a thread are under way, 64 KiB a multiprocessor. Sums are float32, in
# an order that the hidden size alone decides.
#
# What the hardware should show: hidden_size * (bytes of an input + bytes of an output) a row, the weight from L1.
# Expected: 90 % of copy bandwidth where 128 MiB and more are moved; less is in the second-level cache or as long as one
# launch. Odd sizes move element by element.
import tilelang.language as T


def rmsnorm(hidden_size, threads, block, weight_offset, type, weight_type, output_type):
    batch_size = T.dynamic("batch_size")

    @T.prim_func
    def rmsnorm(
        hidden_states: T.Tensor((batch_size, hidden_size), type), weight: T.Tensor((hidden_size,), weight_type),
        eps: T.float32, output: T.Tensor((batch_size, hidden_size), output_type),
    ):
        with T.Kernel(batch_size, threads=threads) as row:
            x = T.alloc_fragment((block,), "float32")
            squares = T.alloc_fragment((block,), "float32")
            sum = T.alloc_fragment((1,), "float32")
            # load
            for j in T.Parallel(block):
                x[j] = T.if_then_else(j < hidden_size, hidden_states[row, j], 0)
            # reduce
            for j in T.Parallel(block):
                squares[j] = x[j] * x[j]
            T.reduce_sum(squares, sum)
            scale = T.rsqrt(sum[0] / hidden_size + eps)
            # scale and store
            for j in T.Parallel(block):
                if j < hidden_size:
                    output[row, j] = x[j] * scale * (weight_offset + weight[j])

    return rmsnorm


def vector_width(count, *types):
    """The most elements, a power of two up to 16 bytes of the widest type, that divide `count`."""
    width = 4 if "float32" in types else 8
    while count % width:
        width //= 2
    return width


def plan(c):
    types = c.types["hidden_states"], c.types["weight"], c.types["output"]
    threads = 1 << max(5, (c.HIDDEN_SIZE - 1).bit_length() - 5)  # of a row: at most 32 elements a thread
    step = threads * vector_width(c.HIDDEN_SIZE, *types)
    block = -(-c.HIDDEN_SIZE // step) * step
    offset = float(c.tags.get("weight_offset", 0))
    return {"launches": [{"program": rmsnorm(c.HIDDEN_SIZE, threads, block, offset, *types)}]}
