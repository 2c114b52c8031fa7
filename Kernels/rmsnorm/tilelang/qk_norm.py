# operation: qk_norm
# takes: q, k, q_weight, k_weight, eps -> q_out, k_out
# types: q = bfloat16, float16, float32
# types: k = bfloat16, float16, float32
# types: q_weight = bfloat16, float16, float32
# types: k_weight = bfloat16, float16, float32
# requires: head_dim <= 1024
# tags: weight_offset
#
# Root mean square normalization of each head of queries and keys, in place; with the tag weight_offset:1 a weight is
# 1 + weight.
#
#     q = q / sqrt(mean(q²) + eps) * q_weight        q [num_tokens, num_qo_heads, head_dim], k [num_tokens,
#     k = k / sqrt(mean(k²) + eps) * k_weight        num_kv_heads, head_dim], q_weight, k_weight [head_dim]
#
# Parallel over heads of tokens: a head belongs to a part of a warp (16 lanes at 128 elements), which holds it in
# registers between its sum and its result. The inner loop: 16 bytes read and 16 written, and an element costs 2
# conversions, 1 fma for the sum and 2 multiplications; 32 bytes of bfloat16 a thread are under way, up to 64 KiB a
# multiprocessor. Tokens may lie apart, by multiples of 16 elements where a head is one. Sums are float32.
#
# What the hardware should show: 2 * (num_qo_heads + num_kv_heads) * head_dim * bytes of an element a token. Expected:
# 90 % of copy bandwidth where 128 MiB and more are moved; less is in the second-level cache or as long as one launch.
import tilelang.language as T


def qk_norm(num_qo_heads, num_kv_heads, head_dim, rows, block, width, weight_offset, type, weight_type):
    num_tokens = T.dynamic("num_tokens")
    q_stride_0, k_stride_0 = T.dynamic("q_stride_0", "int64"), T.dynamic("k_stride_0", "int64")
    query_blocks, key_blocks = T.ceildiv(num_tokens * num_qo_heads, rows), T.ceildiv(num_tokens * num_kv_heads, rows)

    @T.macro
    def normalize(heads, num_heads, first, weight, eps):
        x = T.alloc_fragment((rows, block), "float32")
        squares = T.alloc_fragment((rows, block), "float32")
        scale = T.alloc_fragment((rows,), "float32")
        # load
        for i, j in T.Parallel(rows, block):
            inside = (first + i) // num_heads < num_tokens and j < head_dim
            x[i, j] = T.if_then_else(inside, heads[(first + i) // num_heads, (first + i) % num_heads, j], 0)
        # reduce
        for i, j in T.Parallel(rows, block):
            squares[i, j] = x[i, j] * x[i, j]
        T.reduce_sum(squares, scale, dim=1)
        for i in T.Parallel(rows):
            scale[i] = T.rsqrt(scale[i] / head_dim + eps)
        # scale and store
        for i, j in T.Parallel(rows, block):
            if (first + i) // num_heads < num_tokens and j < head_dim:
                heads[(first + i) // num_heads, (first + i) % num_heads, j] = x[i, j] * scale[i] * (weight_offset + weight[j])

    @T.prim_func
    def qk_norm(
        q: T.StridedTensor((num_tokens, num_qo_heads, head_dim), (q_stride_0, head_dim, 1), type),
        k: T.StridedTensor((num_tokens, num_kv_heads, head_dim), (k_stride_0, head_dim, 1), type),
        q_weight: T.Tensor((head_dim,), weight_type), k_weight: T.Tensor((head_dim,), weight_type), eps: T.float32,
    ):
        with T.Kernel(query_blocks + key_blocks, threads=128) as number:
            T.assume(q_stride_0 % width == 0)
            T.assume(k_stride_0 % width == 0)
            if number < query_blocks:
                normalize(q, num_qo_heads, number * rows, q_weight, eps)
            else:
                normalize(k, num_kv_heads, (number - query_blocks) * rows, k_weight, eps)

    return qk_norm


def vector_width(count, *types):
    """The most elements, a power of two up to 16 bytes of the widest type, that divide `count`."""
    width = 4 if "float32" in types else 8
    while count % width:
        width //= 2
    return width


def plan(c):
    types = c.types["q"], c.types["q_weight"]
    block = 1 << (c.HEAD_DIM - 1).bit_length()
    width = vector_width(c.HEAD_DIM, *types)
    offset = float(c.tags.get("weight_offset", 0))
    rows = max(4, 2048 // block)
    program = qk_norm(c.NUM_QO_HEADS, c.NUM_KV_HEADS, c.HEAD_DIM, rows, block, width, offset, *types)
    return {"launches": [{"program": program}]}
