# operation: gqa_ragged
# takes: q, k, v, qo_indptr, kv_indptr, alibi_slopes?, sm_scale -> output, lse
# types: q, k, v, output = bfloat16, float16
# requires: num_qo_heads % num_kv_heads == 0
# requires: head_dim % 16 == 0 and head_dim <= 256
# tags: window, soft_cap, alibi
#
# Causal attention of ragged queries over their keys and values: FlashAttention-2 (Dao 2023).
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
    group, dim = c.NUM_QO_HEADS // c.NUM_KV_HEADS, triton.next_power_of_2(c.HEAD_DIM)
    hopper = c.target == "sm_90a"
    # the largest tiles whose accumulators stay in registers
    largest = 64 if dim > 128 else 128
    block = 64 if hopper or (dim < 128 and c.target != "sm_100a") else 32
    constexprs = {
        "NUM_KV_HEADS": c.NUM_KV_HEADS, "GROUP": group, "HEAD_DIM": c.HEAD_DIM, "DIM": dim,
        "BLOCK": block, "WINDOW": c.tags.get("window"), "SOFT_CAP": c.tags.get("soft_cap"),
    }
    if not c.has("alibi_slopes"):
        constexprs["alibi_slopes"] = None

    def launch(tile, when):
        return {
            "kernel": gqa_ragged_prefill,
            "constexprs": {**constexprs, "TILE": tile},
            "grid": [f"total_q * {group} // {tile} + len_indptr - 1", "num_kv_heads"],
            "num_warps": 8 if tile == largest else 4,
            "num_stages": 1 if c.target == "sm_100a" else 2,  # two would spill there
            "divisible": {"q_stride_0": 16, "k_stride_0": 16, "v_stride_0": 16},
            "when": when,
        }

    short = f"total_q * {group} <= 64 * (len_indptr - 1)"
    long = f"total_q * {group} > 64 * (len_indptr - 1)"
    return {"launches": [launch(64, short), launch(largest, long)]}


@triton.jit
def gqa_ragged_prefill(
    q, k, v, qo_indptr, kv_indptr, alibi_slopes, sm_scale, output, lse, len_indptr, q_stride_0, k_stride_0, v_stride_0,
    NUM_KV_HEADS: tl.constexpr, GROUP: tl.constexpr, HEAD_DIM: tl.constexpr, DIM: tl.constexpr, TILE: tl.constexpr,
    BLOCK: tl.constexpr, WINDOW: tl.constexpr, SOFT_CAP: tl.constexpr,
):
    NUM_QO_HEADS: tl.constexpr = NUM_KV_HEADS * GROUP
    LOG2E: tl.constexpr = 1.4426950408889634
    T: tl.constexpr = q.dtype.element_ty

    # find the tile; those at the end of a sequence see the most keys and begin first
    kv_head = tl.program_id(1)
    tile = tl.num_programs(0) - 1 - tl.program_id(0)
    batch_size = len_indptr - 1
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
    first_key = tl.load(kv_indptr + sequence)
    kv_count = tl.load(kv_indptr + sequence + 1) - first_key

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
        kv_row = (first_key + key).to(tl.int64)
        in_row = kv_head * HEAD_DIM + dim[None, :]
        inside_kv = in_kv[:, None] & in_dim[None, :]

        # S = QKᵀ
        k_block = tl.load(k + kv_row[:, None] * k_stride_0 + in_row, mask=inside_kv, other=0.0)
        s = tl.dot(q_tile, k_block.T) * score_scale
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
        v_block = tl.load(v + kv_row[:, None] * v_stride_0 + in_row, mask=inside_kv, other=0.0)
        o = tl.dot(p.to(T), v_block, o * alpha[:, None])

    # write O and lse
    scale = 1 / tl.where(l > 0, l, 1.0)
    out_row = (first_query + token).to(tl.int64) * NUM_QO_HEADS + qo_head
    o = (o * scale[:, None]).to(T)
    tl.store(output + out_row[:, None] * HEAD_DIM + dim[None, :], o, mask=inside[:, None] & in_dim[None, :])
    tl.store(lse + out_row, m + tl.log2(l), mask=inside)
