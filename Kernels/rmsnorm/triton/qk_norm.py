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
import triton
import triton.language as tl


@triton.jit
def qk_norm(
    q, k, q_weight, k_weight, eps, num_tokens, q_stride_0, k_stride_0,
    NUM_QO_HEADS: tl.constexpr, NUM_KV_HEADS: tl.constexpr, HEAD_DIM: tl.constexpr, WEIGHT_OFFSET: tl.constexpr,
    ROWS: tl.constexpr, BLOCK: tl.constexpr,
):
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    token, head = (row // (NUM_QO_HEADS + NUM_KV_HEADS)).to(tl.int64), row % (NUM_QO_HEADS + NUM_KV_HEADS)
    is_query = (head < NUM_QO_HEADS)[:, None]
    columns = tl.arange(0, BLOCK)[None, :]
    inside = (token < num_tokens)[:, None] & (columns < HEAD_DIM)
    q_place = q + (token * q_stride_0 + head * HEAD_DIM)[:, None] + columns
    k_place = k + (token * k_stride_0 + (head - NUM_QO_HEADS) * HEAD_DIM)[:, None] + columns
    place = tl.where(is_query, q_place, k_place)
    weight = tl.where(is_query, q_weight + columns, k_weight + columns)

    # load
    x = tl.load(place, mask=inside, other=0).to(tl.float32)

    # reduce
    scale = tl.rsqrt(tl.sum(x * x, axis=1) / HEAD_DIM + eps)

    # scale and store
    w = WEIGHT_OFFSET + tl.load(weight, mask=inside, other=0).to(tl.float32)
    y = x * scale[:, None] * w
    tl.store(place, y.to(q.dtype.element_ty), mask=inside)


def plan(c):
    block = triton.next_power_of_2(c.HEAD_DIM)
    rows = max(4, 2048 // block)
    constexprs = {
        "NUM_QO_HEADS": c.NUM_QO_HEADS, "NUM_KV_HEADS": c.NUM_KV_HEADS, "HEAD_DIM": c.HEAD_DIM,
        "WEIGHT_OFFSET": float(c.tags.get("weight_offset", 0)), "ROWS": rows, "BLOCK": block,
    }
    grid = [f"ceildiv(num_tokens * (num_qo_heads + num_kv_heads), {rows})"]
    divisible = {"q_stride_0": 16, "k_stride_0": 16} if c.HEAD_DIM % 16 == 0 else {}
    launch = {"kernel": qk_norm, "constexprs": constexprs, "grid": grid, "num_warps": 4, "divisible": divisible}
    return {"launches": [launch]}
