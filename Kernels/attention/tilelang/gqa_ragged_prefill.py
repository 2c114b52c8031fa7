# operation: gqa_ragged
# takes: q, k, v, qo_indptr, kv_indptr, alibi_slopes?, sm_scale -> output, lse
# types: q, k, v, output = bfloat16, float16
# requires: num_qo_heads % num_kv_heads == 0
# requires: head_dim % 32 == 0 and head_dim <= 256
# tags: window, soft_cap, alibi
#
# Causal attention of ragged queries over their keys and values: FlashAttention-2 (Dao 2023).
#
#     output = softmax(q · kᵀ · sm_scale, causal) · v,   lse = log2 Σ e^score
#
# The rows of a tile are query tokens × the query heads of one key-value head (row = token · group + head), so that a key is
# read once for the whole group. One block of threads works on one tile of one sequence and one key-value head.
#
# Arithmetic: 4 · head_dim operations for each visible pair of query and key and each query head, on tensor cores, sums in
# float32; P is rounded to the type of q. Bytes: q and output once, keys and values once for each tile of a sequence, mostly
# from L2. A tile of 64 rows does 64 operations for each byte of a 16-bit key. What is gathered is not pipelined: while one block
# of threads waits for keys and values, others on the multiprocessor compute.
#
# Tiles: sequence i owns the places qo_indptr[i] · group // TILE + i and following of the grid, which are enough: rounding each
# start down and adding one a sequence leaves at least as many as it has tiles. A block of threads that has none sees no keys.
import tilelang.language as T

LOG2E = 1.4426950408889634
LOWEST = -1e30  # of a row's maximum, instead of -∞: a difference to it is a number


def gqa_ragged_prefill(c, TILE, BLOCK):
    HEADS, KV_HEADS, DIM = c.NUM_QO_HEADS, c.NUM_KV_HEADS, c.HEAD_DIM
    GROUP, dtype = HEADS // KV_HEADS, c.types["q"]
    WINDOW, SOFT_CAP, HAS_ALIBI = c.tags.get("window"), c.tags.get("soft_cap"), c.has("alibi_slopes")
    total_q, total_kv, len_indptr = T.dynamic("total_q"), T.dynamic("total_kv"), T.dynamic("len_indptr")

    @T.prim_func
    def gqa_ragged_prefill(
        q: T.Tensor((total_q, HEADS, DIM), dtype), k: T.Tensor((total_kv, KV_HEADS, DIM), dtype),
        v: T.Tensor((total_kv, KV_HEADS, DIM), dtype), qo_indptr: T.Tensor((len_indptr,), "int32"),
        kv_indptr: T.Tensor((len_indptr,), "int32"), alibi_slopes: T.Tensor((HEADS,), "float32"), sm_scale: T.float32,
        output: T.Tensor((total_q, HEADS, DIM), dtype), lse: T.Tensor((total_q, HEADS), "float32"),
    ):
        with T.Kernel(total_q * GROUP // TILE + len_indptr - 1, KV_HEADS, threads=2 * TILE) as (place, kv_head):
            q_tile = T.alloc_shared((TILE, DIM), dtype)
            k_block = T.alloc_shared((BLOCK, DIM), dtype)
            v_block = T.alloc_shared((BLOCK, DIM), dtype)
            s = T.alloc_fragment((TILE, BLOCK), "float32")
            p = T.alloc_fragment((TILE, BLOCK), dtype)
            o = T.alloc_fragment((TILE, DIM), "float32")
            m = T.alloc_fragment((TILE,), "float32")
            m_old = T.alloc_fragment((TILE,), "float32")
            alpha = T.alloc_fragment((TILE,), "float32")
            l = T.alloc_fragment((TILE,), "float32")
            l_block = T.alloc_fragment((TILE,), "float32")
            slope = T.alloc_fragment((TILE,), "float32")

            # find the tile; those at the end of a sequence see the most keys and begin first
            tile = total_q * GROUP // TILE + len_indptr - 2 - place
            sequence = T.alloc_var("int32", init=0)
            after = T.alloc_var("int32", init=len_indptr - 1)
            while after - sequence > 1:
                middle = (sequence + after) // 2
                if qo_indptr[middle] * GROUP // TILE + middle <= tile:
                    sequence = middle
                else:
                    after = middle
            first_query = T.alloc_var("int32", init=qo_indptr[sequence])
            query_count = T.alloc_var("int32", init=qo_indptr[sequence + 1] - first_query)
            row_count = query_count * GROUP
            first_row = T.alloc_var("int32", init=(tile - (first_query * GROUP // TILE + sequence)) * TILE)
            first_key = T.alloc_var("int32", init=kv_indptr[sequence])
            kv_count = T.alloc_var("int32", init=kv_indptr[sequence + 1] - first_key)
            first_position = kv_count - query_count  # of the sequence's first query; its last sits at its last key

            # load Q
            for i, j in T.Parallel(TILE, DIM):
                row = first_row + i
                q_tile[i, j] = T.if_then_else(
                    row < row_count, q[first_query + row // GROUP, kv_head * GROUP + row % GROUP, j], 0)
            score_scale = sm_scale * LOG2E
            if HAS_ALIBI:
                for i in T.Parallel(TILE):
                    slope[i] = alibi_slopes[kv_head * GROUP + (first_row + i) % GROUP] * LOG2E

            # loop over KV
            start = T.alloc_var("int32", init=0)
            stop = T.alloc_var("int32", init=0)
            if first_row < row_count:
                stop = first_position + (T.min(first_row + TILE, row_count) - 1) // GROUP + 1
            if WINDOW is not None:
                start = T.max(first_position + first_row // GROUP - WINDOW + 1, 0) // BLOCK
            T.fill(m, LOWEST)
            T.clear(l)
            T.clear(o)
            for block in T.serial(start, T.ceildiv(T.max(stop, 0), BLOCK)):
                # load K and V together, to wait for memory once
                for i, j in T.Parallel(BLOCK, DIM):
                    key = block * BLOCK + i
                    k_block[i, j] = T.if_then_else(key < stop, k[first_key + key, kv_head, j], 0)
                for i, j in T.Parallel(BLOCK, DIM):
                    key = block * BLOCK + i
                    v_block[i, j] = T.if_then_else(key < stop, v[first_key + key, kv_head, j], 0)

                # S = QKᵀ
                T.gemm(q_tile, k_block, s, transpose_B=True, policy=T.GemmWarpPolicy.FullRow, clear_accum=True)

                # mask
                for i, j in T.Parallel(TILE, BLOCK):
                    distance = block * BLOCK + j - (first_position + (first_row + i) // GROUP)
                    s[i, j] = s[i, j] * score_scale
                    if SOFT_CAP is not None:  # cap · tanh(s / cap)
                        s[i, j] = SOFT_CAP * LOG2E * (1 - 2 / (1 + T.exp2(s[i, j] * (2 / SOFT_CAP))))
                    if HAS_ALIBI:
                        s[i, j] = s[i, j] + slope[i] * distance
                    visible = distance <= 0
                    if WINDOW is not None:
                        visible = T.And(visible, distance > -WINDOW)
                    s[i, j] = T.if_then_else(visible, s[i, j], -T.infinity("float32"))

                # online softmax
                T.copy(m, m_old)
                T.reduce_max(s, m, dim=1, clear=False)
                for i in T.Parallel(TILE):
                    alpha[i] = T.exp2(m_old[i] - m[i])
                for i, j in T.Parallel(TILE, BLOCK):
                    s[i, j] = T.exp2(s[i, j] - m[i])
                T.reduce_sum(s, l_block, dim=1)
                for i in T.Parallel(TILE):
                    l[i] = l[i] * alpha[i] + l_block[i]

                # O += PV
                for i, j in T.Parallel(TILE, DIM):
                    o[i, j] = o[i, j] * alpha[i]
                T.copy(s, p)
                T.gemm(p, v_block, o, policy=T.GemmWarpPolicy.FullRow)

            # write O and lse
            for i in T.Parallel(TILE):
                alpha[i] = 1 / T.max(l[i], 1e-30)  # 1 for the largest score, or nothing at all
            for i, j in T.Parallel(TILE, DIM):
                row = first_row + i
                if row < row_count:
                    output[first_query + row // GROUP, kv_head * GROUP + row % GROUP, j] = o[i, j] * alpha[i]
            for i in T.Parallel(TILE):
                row = first_row + i
                if row < row_count:
                    lse[first_query + row // GROUP, kv_head * GROUP + row % GROUP] = m[i] + T.log2(l[i])

    return gqa_ragged_prefill


def plan(c):
    return {"launches": [{"program": gqa_ragged_prefill(c, TILE=64, BLOCK=64 if c.HEAD_DIM <= 128 else 32)}]}
