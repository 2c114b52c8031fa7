# operation: gqa_paged
# takes: q, k_cache, v_cache, k_scale?, v_scale?, qo_indptr, kv_indptr, kv_indices, kv_last_page_len, alibi_slopes?, sm_scale -> output, lse
# types: q, output = bfloat16, float16
# types: k_cache, v_cache = bfloat16, float16, float8_e4m3fn
# requires: num_qo_heads % num_kv_heads == 0
# requires: head_dim % 16 == 0 and head_dim <= 256
# tags: window, soft_cap, alibi
#
# Causal attention of ragged queries over paged keys and values: FlashAttention-2 (Dao 2023).
#
#     output = softmax(q · kᵀ · sm_scale, causal) · v,   lse = log2 Σ e^score
#
# The rows of a tile are query tokens × the query heads of one key-value head (row = token · group + head), so that a key is
# read once for the whole group. One program works on one tile of one sequence and one key-value head.
#
# Arithmetic: 4 · head_dim operations for each visible pair of query and key and each query head, on tensor cores, sums in
# float32; P is rounded to the type of q. Bytes: q and output once, keys and values once for each tile of a sequence, mostly
# from L2. A tile of 128 rows does 128 operations for each byte of a 16-bit key: bound by arithmetic, but for short prompts.
#
# Tiles: sequence i owns the places qo_indptr[i] · group // TILE + i and following of the grid, which are enough: rounding each
# start down and adding one a sequence leaves at least as many as it has tiles. Programs with none leave. Where sequences have
# 64 rows or fewer on average, tiles have 64.
import triton
import triton.language as tl


def plan(c):
    if c.types["k_cache"] not in (c.types["q"], "float8_e4m3fn"):
        raise ValueError(f"k_cache is {c.types['k_cache']}, expected that of q, {c.types['q']}, or float8_e4m3fn")
    group, dim = c.NUM_QO_HEADS // c.NUM_KV_HEADS, triton.next_power_of_2(c.HEAD_DIM)
    hopper, narrow = c.target == "sm_90a", c.types["k_cache"] == "float8_e4m3fn"
    # the largest tiles whose accumulators stay in registers
    largest = 64 if dim > 128 or (dim == 128 and narrow and not hopper) else 128
    block = 64 if hopper or (dim < 128 and c.target != "sm_100a") else 32
    constexprs = {
        "NUM_KV_HEADS": c.NUM_KV_HEADS, "GROUP": group, "HEAD_DIM": c.HEAD_DIM, "PAGE_SIZE": c.PAGE_SIZE,
        "DIM": dim, "BLOCK": block, "WINDOW": c.tags.get("window"), "SOFT_CAP": c.tags.get("soft_cap"),
    }
    constexprs |= {name: None for name in ("k_scale", "v_scale", "alibi_slopes") if not c.has(name)}

    def launch(tile, when):
        return {
            "kernel": gqa_paged_prefill,
            "constexprs": {**constexprs, "TILE": tile},
            "grid": [f"total_q * {group} // {tile} + batch_size", "num_kv_heads"],
            "num_warps": 8 if tile == largest else 4,
            "num_stages": 2,
            "divisible": {"q_stride_0": 16, "k_cache_stride_0": 16, "v_cache_stride_0": 16},
            "when": when,
        }

    short = f"total_q * {group} <= 64 * batch_size"
    long = f"total_q * {group} > 64 * batch_size"
    return {"launches": [launch(64, short), launch(largest, long)]}


@triton.jit
def widen(x, T: tl.constexpr):
    """x in type T; bytes are float8_e4m3fn, whose exponent and mantissa are those of a float16 that is 2^8 times too small."""
    if x.dtype == tl.uint8:
        bits = ((x & 0x80).to(tl.uint16) << 8) | ((x & 0x7F).to(tl.uint16) << 7)
        return (bits.to(tl.float16, bitcast=True) * 256).to(T)
    return x.to(T)


@triton.jit
def gqa_paged_prefill(
    q, k_cache, v_cache, k_scale, v_scale, qo_indptr, kv_indptr, kv_indices, kv_last_page_len, alibi_slopes, sm_scale,
    output, lse, batch_size, q_stride_0, k_cache_stride_0, v_cache_stride_0,
    NUM_KV_HEADS: tl.constexpr, GROUP: tl.constexpr, HEAD_DIM: tl.constexpr, PAGE_SIZE: tl.constexpr, DIM: tl.constexpr,
    TILE: tl.constexpr, BLOCK: tl.constexpr, WINDOW: tl.constexpr, SOFT_CAP: tl.constexpr,
):
    NUM_QO_HEADS: tl.constexpr = NUM_KV_HEADS * GROUP
    LOG2E: tl.constexpr = 1.4426950408889634
    T: tl.constexpr = q.dtype.element_ty

    # find the tile; those at the end of a sequence see the most keys and begin first
    kv_head = tl.program_id(1)
    tile = tl.num_programs(0) - 1 - tl.program_id(0)
    sequence = -1
    for begin in range(0, batch_size, 256):
        i = begin + tl.arange(0, 256)
        first_tile = tl.load(qo_indptr + i, mask=i < batch_size, other=0) * GROUP // TILE + i
        sequence += tl.sum(((first_tile <= tile) & (i < batch_size)).to(tl.int32))
    first_query = tl.load(qo_indptr + sequence)
    query_count = tl.load(qo_indptr + sequence + 1) - first_query
    first_row = (tile - (first_query * GROUP // TILE + sequence)) * TILE
    if first_row >= query_count * GROUP:
        return
    first_page = tl.load(kv_indptr + sequence)
    page_count = tl.load(kv_indptr + sequence + 1) - first_page
    kv_count = (page_count - 1) * PAGE_SIZE + tl.load(kv_last_page_len + sequence)
    kv_count = tl.where(page_count > 0, kv_count, 0)

    # load Q
    row = first_row + tl.arange(0, TILE)
    inside = row < query_count * GROUP
    token = row // GROUP
    position = kv_count - query_count + token  # among the keys; a negative one sees nothing
    qo_head = kv_head * GROUP + row % GROUP
    dim = tl.arange(0, DIM)
    in_dim = dim < HEAD_DIM
    q_row = (first_query + token).to(tl.int64) * q_stride_0 + qo_head * HEAD_DIM
    q_tile = tl.load(q + q_row[:, None] + dim[None, :], mask=inside[:, None] & in_dim[None, :], other=0.0)
    score_scale = sm_scale * LOG2E
    if k_scale is not None:
        score_scale *= k_scale
    if alibi_slopes is not None:
        slope = tl.load(alibi_slopes + qo_head) * LOG2E

    # loop over KV: start ..< stop, of which all rows see the blocks before whole
    first_position = kv_count - query_count + first_row // GROUP
    last_row = tl.minimum(first_row + TILE, query_count * GROUP) - 1
    stop = kv_count - query_count + last_row // GROUP + 1
    start = 0
    whole = tl.maximum(first_position + 1, 0) // BLOCK * BLOCK
    if WINDOW is not None:
        start = tl.maximum(first_position - WINDOW + 1, 0) // BLOCK * BLOCK
        whole = start
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
        distance = key[None, :] - position[:, None]
        if SOFT_CAP is not None:  # cap · tanh(s / cap)
            s = SOFT_CAP * LOG2E * (1 - 2 / (1 + tl.exp2(s * (2 / SOFT_CAP))))
        if alibi_slopes is not None:
            s += slope[:, None] * distance

        # mask
        if block >= whole:
            visible = distance <= 0
            if WINDOW is not None:
                visible &= distance > -WINDOW
            s = tl.where(visible, s, float("-inf"))

        # online softmax
        m_new = tl.maximum(m, tl.max(s, axis=1))
        shift = tl.where(m_new == float("-inf"), 0.0, m_new)
        p = tl.exp2(s - shift[:, None])
        alpha = tl.exp2(m - shift)
        l = l * alpha + tl.sum(p, axis=1)
        m = m_new

        # O += PV
        v_row = page * v_cache_stride_0 + in_page
        v = widen(tl.load(v_cache + v_row[:, None] + dim[None, :], mask=inside_kv, other=0.0), T)
        o = tl.dot(p.to(T), v, o * alpha[:, None])

    # write O and lse
    scale = 1 / tl.where(l > 0, l, 1.0)
    if v_scale is not None:
        scale *= v_scale
    out_row = (first_query + token).to(tl.int64) * NUM_QO_HEADS + qo_head
    o = (o * scale[:, None]).to(T)
    tl.store(output + out_row[:, None] * HEAD_DIM + dim[None, :], o, mask=inside[:, None] & in_dim[None, :])
    tl.store(lse + out_row, m + tl.log2(l), mask=inside)
