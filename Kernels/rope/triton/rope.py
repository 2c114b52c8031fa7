# operation: rope
# takes: q, k, cos_sin_cache, positions -> q_out, k_out
# types: q, k = bfloat16, float16, float32
# tags: rotary_style
# requires: rotary_dim % 2 == 0
# requires: rotary_dim <= head_size
#
# Rotary position embedding of queries and keys, in place (Su et al. 2021):
#
#   (a, b) -> (a cos - b sin, b cos + a sin)     for each pair of the first rotary_dim elements of a head
#
# neox pairs element i with i + rotary_dim / 2, interleaved pairs 2i with 2i + 1. The scaling of long contexts (linear,
# Llama 3.1) is in the contents of cos_sin_cache. Elements from rotary_dim on are neither read nor written.
#
#   q_out [num_tokens, num_qo_heads, head_size], k_out [num_tokens, num_kv_heads, head_size]: inputs and outputs
#   cos_sin_cache [max_seq_len, rotary_dim] float32: cosines, then sines; positions [num_tokens] int32
#
# One program a token and four to sixteen heads, all of q or all of k; with 16-bit elements a thread has two accesses of
# 16 bytes in flight, and up to 64 programs of 32 to 128 threads share a multiprocessor. Bytes: each rotated element is
# read once and written once, and 4 * rotary_dim of the table are read for each program, from the caches but for the
# first of a token. Arithmetic: four instructions an element; bound by memory. Interleaved pairs are loaded as they lie
# and taken apart in registers. The hardware should show 90 % of the bandwidth of a copy from some thousand tokens on,
# and full 32-byte sectors.
import triton
import triton.language as tl


@triton.jit
def rotate(x, first_head, token, cosine, sine, HEADS: tl.constexpr, HEAD_SIZE: tl.constexpr, HALF: tl.constexpr,
           BLOCK_HEADS: tl.constexpr, BLOCK_HALF: tl.constexpr, NEOX: tl.constexpr):
    head = first_head + tl.arange(0, BLOCK_HEADS)[:, None]
    pair = tl.arange(0, BLOCK_HALF)[None, :]
    place = x + (token * HEADS + head) * HEAD_SIZE
    if NEOX:
        inside = (head < HEADS) & (pair < HALF)
        a = tl.load(place + pair, mask=inside).to(tl.float32)
        b = tl.load(place + HALF + pair, mask=inside).to(tl.float32)
        tl.store(place + pair, (a * cosine - b * sine).to(x.dtype.element_ty), mask=inside)
        tl.store(place + HALF + pair, (b * cosine + a * sine).to(x.dtype.element_ty), mask=inside)
    else:
        element = tl.arange(0, 2 * BLOCK_HALF)[None, :]
        inside = (head < HEADS) & (element < 2 * HALF)
        pairs = tl.load(place + element, mask=inside).to(tl.float32).reshape([BLOCK_HEADS, BLOCK_HALF, 2])
        a, b = tl.split(pairs)
        rotated = tl.interleave(a * cosine - b * sine, b * cosine + a * sine)
        tl.store(place + element, rotated.to(x.dtype.element_ty), mask=inside)


@triton.jit
def rope(q_out, k_out, cos_sin_cache, positions, NUM_QO_HEADS: tl.constexpr, NUM_KV_HEADS: tl.constexpr,
         HEAD_SIZE: tl.constexpr, HALF: tl.constexpr, BLOCK_HEADS: tl.constexpr, BLOCK_HALF: tl.constexpr,
         NEOX: tl.constexpr):
    token = tl.program_id(0).to(tl.int64)
    first_head = tl.program_id(1) * BLOCK_HEADS
    # load the cosines and sines
    pair = tl.arange(0, BLOCK_HALF)[None, :]
    table = cos_sin_cache + tl.load(positions + token).to(tl.int64) * (2 * HALF) + pair
    cosine = tl.load(table, mask=pair < HALF)
    sine = tl.load(table + HALF, mask=pair < HALF)
    # load, rotate and store the heads
    Q_BLOCKS: tl.constexpr = (NUM_QO_HEADS + BLOCK_HEADS - 1) // BLOCK_HEADS
    if tl.program_id(1) < Q_BLOCKS:
        rotate(q_out, first_head, token, cosine, sine, NUM_QO_HEADS, HEAD_SIZE, HALF, BLOCK_HEADS, BLOCK_HALF, NEOX)
    else:
        first_head -= Q_BLOCKS * BLOCK_HEADS
        rotate(k_out, first_head, token, cosine, sine, NUM_KV_HEADS, HEAD_SIZE, HALF, BLOCK_HEADS, BLOCK_HALF, NEOX)


def plan(c):
    half = c.ROTARY_DIM // 2
    block_half = triton.next_power_of_2(half)
    block_heads = max(4, 256 // block_half, min(16, triton.next_power_of_2(c.NUM_KV_HEADS)))
    blocks = triton.cdiv(c.NUM_QO_HEADS, block_heads) + triton.cdiv(c.NUM_KV_HEADS, block_heads)
    constants = {
        "NUM_QO_HEADS": c.NUM_QO_HEADS, "NUM_KV_HEADS": c.NUM_KV_HEADS, "HEAD_SIZE": c.HEAD_SIZE, "HALF": half,
        "BLOCK_HEADS": block_heads, "BLOCK_HALF": block_half,
        "NEOX": {"neox": True, "interleaved": False}[c.tags["rotary_style"]],
    }
    warps = max(1, min(8, block_heads * block_half // 256))
    grid = ["num_tokens", str(blocks)]
    return {"launches": [{"kernel": rope, "constexprs": constants, "grid": grid, "num_warps": warps}]}
