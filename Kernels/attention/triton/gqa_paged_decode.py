# operation: gqa_paged
# takes: q, k_cache, v_cache, k_scale?, v_scale?, kv_indptr, kv_indices, kv_last_page_len, alibi_slopes?, sm_scale -> output, lse
# types: q, output = bfloat16, float16
# types: k_cache, v_cache = bfloat16, float16, float8_e4m3fn
# requires: num_qo_heads % num_kv_heads == 0
# requires: head_dim % 16 == 0 and head_dim <= 256
# tags: window, soft_cap, alibi
#
# Attention of one query of each sequence over paged keys and values: split-KV (Flash-Decoding, Dao et al. 2023).
#
#     output = softmax(q · kᵀ · sm_scale) · v,   lse = log2 Σ e^score
#
# One program works on one sequence, one key-value head with all query heads of its group, and one of `splits` equal parts
# of the keys. `splits` follows from axes and the device, never from lengths, so that a captured graph stays valid. With more
# than one split, each leaves its output and lse in float32, and the second launch merges them.
#
# Bytes: 2 · head_dim · element size for each key and key-value head, once: bound by memory. The query heads of a group are
# the rows of a tile, padded to the 16 of a tensor core. Partials add 8 · head_dim bytes for each split and query head.
import triton
import triton.language as tl


def plan(c):
    if c.types["k_cache"] not in (c.types["q"], "float8_e4m3fn"):
        raise ValueError(f"k_cache is {c.types['k_cache']}, expected that of q, {c.types['q']}, or float8_e4m3fn")
    group, dim = c.NUM_QO_HEADS // c.NUM_KV_HEADS, triton.next_power_of_2(c.HEAD_DIM)
    constexprs = {
        "NUM_KV_HEADS": c.NUM_KV_HEADS, "GROUP": group, "HEAD_DIM": c.HEAD_DIM, "PAGE_SIZE": c.PAGE_SIZE,
        "DIM": dim, "TILE": max(16, triton.next_power_of_2(group)), "BLOCK": 64 if dim <= 128 else 32,
        "WINDOW": c.tags.get("window"), "SOFT_CAP": c.tags.get("soft_cap"),
    }
    constexprs |= {name: None for name in ("k_scale", "v_scale", "alibi_slopes") if not c.has(name)}
    split = {
        "kernel": gqa_paged_decode,
        "constexprs": constexprs,
        "grid": ["splits", "num_kv_heads", "batch_size"],
        "num_warps": 4,
        "num_stages": 3 if dim <= 128 else 2,
        "divisible": {"q_stride_0": 16, "k_cache_stride_0": 16, "v_cache_stride_0": 16},
    }
    merge = {
        "kernel": gqa_paged_decode_merge,
        "constexprs": {"NUM_QO_HEADS": c.NUM_QO_HEADS, "HEAD_DIM": c.HEAD_DIM, "DIM": dim},
        "grid": ["num_qo_heads", "batch_size"],
        "num_warps": 2,
        "when": "splits > 1",
    }
    return {
        "let": [("splits", "max(1, min(32, ceildiv(2 * sm_count, max(1, batch_size * num_kv_heads))))")],
        "scratch": [
            ("partial_output", "batch_size * num_qo_heads * splits * head_dim * 4", "float32"),
            ("partial_lse", "batch_size * num_qo_heads * splits * 4", "float32"),
        ],
        "launches": [split, merge],
    }


@triton.jit
def widen(x, T: tl.constexpr):
    """x in type T; bytes are float8_e4m3fn, whose exponent and mantissa are those of a float16 that is 2^8 times too small."""
    if x.dtype == tl.uint8:
        bits = ((x & 0x80).to(tl.uint16) << 8) | ((x & 0x7F).to(tl.uint16) << 7)
        return (bits.to(tl.float16, bitcast=True) * 256).to(T)
    return x.to(T)


@triton.jit
def gqa_paged_decode(
    q, k_cache, v_cache, k_scale, v_scale, kv_indptr, kv_indices, kv_last_page_len, alibi_slopes, sm_scale,
    output, lse, partial_output, partial_lse, splits, q_stride_0, k_cache_stride_0, v_cache_stride_0,
    NUM_KV_HEADS: tl.constexpr, GROUP: tl.constexpr, HEAD_DIM: tl.constexpr, PAGE_SIZE: tl.constexpr, DIM: tl.constexpr,
    TILE: tl.constexpr, BLOCK: tl.constexpr, WINDOW: tl.constexpr, SOFT_CAP: tl.constexpr,
):
    NUM_QO_HEADS: tl.constexpr = NUM_KV_HEADS * GROUP
    LOG2E: tl.constexpr = 1.4426950408889634
    T: tl.constexpr = q.dtype.element_ty

    # find the tile: start ..< stop of the keys that the query sees
    split, kv_head, sequence = tl.program_id(0), tl.program_id(1), tl.program_id(2)
    first_page = tl.load(kv_indptr + sequence)
    page_count = tl.load(kv_indptr + sequence + 1) - first_page
    kv_count = (page_count - 1) * PAGE_SIZE + tl.load(kv_last_page_len + sequence)
    kv_count = tl.where(page_count > 0, kv_count, 0)
    first_visible = 0
    if WINDOW is not None:
        first_visible = tl.maximum(kv_count - WINDOW, 0)
    length = tl.cdiv(tl.cdiv(kv_count - first_visible, splits), BLOCK) * BLOCK
    start = first_visible + split * length
    stop = tl.minimum(start + length, kv_count)

    # load Q
    row = tl.arange(0, TILE)
    inside = row < GROUP
    qo_head = kv_head * GROUP + row
    dim = tl.arange(0, DIM)
    in_dim = dim < HEAD_DIM
    q_row = sequence.to(tl.int64) * q_stride_0 + qo_head * HEAD_DIM
    q_tile = tl.load(q + q_row[:, None] + dim[None, :], mask=inside[:, None] & in_dim[None, :], other=0.0)
    score_scale = sm_scale * LOG2E
    if k_scale is not None:
        score_scale *= k_scale
    if alibi_slopes is not None:
        slope = tl.load(alibi_slopes + qo_head, mask=inside, other=0.0) * LOG2E

    # loop over KV
    m = tl.full([TILE], float("-inf"), tl.float32)
    l = tl.zeros([TILE], tl.float32)
    o = tl.zeros([TILE, DIM], tl.float32)
    for block in range(start, stop, BLOCK):
        key = block + tl.arange(0, BLOCK)
        in_kv = key < stop
        page = tl.load(kv_indices + first_page + key // PAGE_SIZE, mask=in_kv, other=0).to(tl.int64)
        in_page = (key % PAGE_SIZE) * (NUM_KV_HEADS * HEAD_DIM) + kv_head * HEAD_DIM
        inside_kv = in_kv[:, None] & in_dim[None, :]

        # S = QKᵀ
        k_row = page * k_cache_stride_0 + in_page
        k = widen(tl.load(k_cache + k_row[:, None] + dim[None, :], mask=inside_kv, other=0.0), T)
        s = tl.dot(q_tile, k.T) * score_scale
        if SOFT_CAP is not None:  # cap · tanh(s / cap)
            s = SOFT_CAP * LOG2E * (1 - 2 / (1 + tl.exp2(s * (2 / SOFT_CAP))))
        if alibi_slopes is not None:
            s += slope[:, None] * (key - (kv_count - 1))[None, :]

        # mask
        s = tl.where(in_kv[None, :], s, float("-inf"))

        # online softmax; no row is without a key
        m_new = tl.maximum(m, tl.max(s, axis=1))
        p = tl.exp2(s - m_new[:, None])
        alpha = tl.exp2(m - m_new)
        l = l * alpha + tl.sum(p, axis=1)
        m = m_new

        # O += PV
        v_row = page * v_cache_stride_0 + in_page
        v = widen(tl.load(v_cache + v_row[:, None] + dim[None, :], mask=inside_kv, other=0.0), T)
        o = tl.dot(p.to(T), v, o * alpha[:, None])

    # write O and lse, or what is to be merged
    scale = 1 / tl.where(l > 0, l, 1.0)
    if v_scale is not None:
        scale *= v_scale
    o *= scale[:, None]
    in_output = inside[:, None] & in_dim[None, :]
    out_row = sequence.to(tl.int64) * NUM_QO_HEADS + qo_head
    if splits == 1:
        tl.store(output + out_row[:, None] * HEAD_DIM + dim[None, :], o.to(T), mask=in_output)
        tl.store(lse + out_row, m + tl.log2(l), mask=inside)
    else:
        out_row = out_row * splits + split
        tl.store(partial_output + out_row[:, None] * HEAD_DIM + dim[None, :], o, mask=in_output)
        tl.store(partial_lse + out_row, m + tl.log2(l), mask=inside)


@triton.jit
def gqa_paged_decode_merge(
    output, lse, partial_output, partial_lse, splits,
    NUM_QO_HEADS: tl.constexpr, HEAD_DIM: tl.constexpr, DIM: tl.constexpr,
):
    """output = Σ 2^(lse_i - max) · output_i / Σ 2^(lse_i - max) of the splits i of one sequence and query head."""
    row = tl.program_id(1).to(tl.int64) * NUM_QO_HEADS + tl.program_id(0)
    split = tl.arange(0, 32)
    dim = tl.arange(0, DIM)
    inside = (split < splits)[:, None] & (dim < HEAD_DIM)[None, :]
    s = tl.load(partial_lse + row * splits + split, mask=split < splits, other=float("-inf"))
    m = tl.max(s, axis=0)
    weight = tl.exp2(s - tl.where(m == float("-inf"), 0.0, m))
    total = tl.sum(weight, axis=0)
    o = tl.load(partial_output + (row * splits + split)[:, None] * HEAD_DIM + dim[None, :], mask=inside, other=0.0)
    o = tl.sum(o * weight[:, None], axis=0) / tl.where(total > 0, total, 1.0)
    tl.store(output + row * HEAD_DIM + dim, o.to(output.dtype.element_ty), mask=dim < HEAD_DIM)
    tl.store(lse + row, m + tl.log2(total))
