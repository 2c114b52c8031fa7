# operation: embedding
# takes: tokens, weight, vocab_start? -> output
# types: weight = bfloat16, float16, float32
# types: output = bfloat16, float16, float32
# tags: weight_format
#
# Rows of a table by token; of a shard of it, zeros for the tokens that other shards hold.
#
#     output[t] = weight[tokens[t] - vocab_start]        tokens [num_tokens], weight [vocab_size, hidden_size],
#                                                        output [num_tokens, hidden_size]
#
# Parallel over parts of rows: a row is cut into equal parts of at most 1024 elements, padded to whole vectors; a block copies
# four of them with four warps.
# The inner loop: 16 bytes read and 16 written by each lane, no arithmetic between equal types; all of a lane's reads
# (4 of bfloat16) are under way before its first write, 2 KiB a warp, up to 128 KiB a multiprocessor.
#
# What the hardware should show: hidden_size * (bytes of a weight + bytes of an output) and 4 bytes a token. Expected:
# 90 % of copy bandwidth where 128 MiB and more are moved; less is in the second-level cache or as long as one launch.
import tilelang.language as T

WARPS = 4  # of a block


def embedding(vocab_size, hidden_size, parts, block, has_vocab_start, weight_type, output_type):
    num_tokens = T.dynamic("num_tokens")

    @T.prim_func
    def embedding(
        tokens: T.Tensor((num_tokens,), "int32"), weight: T.Tensor((vocab_size, hidden_size), weight_type),
        vocab_start: T.int32, output: T.Tensor((num_tokens, hidden_size), output_type),
    ):
        with T.Kernel(T.ceildiv(num_tokens * parts, WARPS), threads=32 * WARPS) as first:
            row = T.alloc_fragment((WARPS, block), weight_type)
            # load
            for i, j in T.Parallel(WARPS, block):
                t = (first * WARPS + i) // parts
                column = (first * WARPS + i) % parts * block + j
                if t < num_tokens and column < hidden_size:
                    if has_vocab_start:
                        token = tokens[t] - vocab_start
                        row[i, j] = T.if_then_else(token >= 0 and token < vocab_size, weight[token, column], 0)
                    else:
                        row[i, j] = weight[tokens[t], column]
            # convert and store
            for i, j in T.Parallel(WARPS, block):
                t = (first * WARPS + i) // parts
                column = (first * WARPS + i) % parts * block + j
                if t < num_tokens and column < hidden_size:
                    output[t, column] = row[i, j]

    return embedding


def vector_width(count, *types):
    """The most elements, a power of two up to 16 bytes of the widest type, that divide `count`."""
    width = 4 if "float32" in types else 8
    while count % width:
        width //= 2
    return width


def plan(c):
    types = c.types["weight"], c.types["output"]
    parts = -(-c.HIDDEN_SIZE // 1024)
    step = 32 * vector_width(c.HIDDEN_SIZE, *types)  # elements that a warp moves at once
    block = -(-c.HIDDEN_SIZE // (parts * step)) * step
    return {
        "launches": [
            {"program": embedding(c.VOCAB_SIZE, c.HIDDEN_SIZE, parts, block, c.has("vocab_start"), *types)},
        ],
    }
