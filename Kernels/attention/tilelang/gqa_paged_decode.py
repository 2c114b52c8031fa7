# operation: gqa_paged
# takes: q, k_cache, v_cache, k_scale?, v_scale?, kv_indptr, kv_indices, kv_last_page_len, alibi_slopes?, sm_scale -> output, lse
# types: q, output = bfloat16, float16
# types: k_cache, v_cache = bfloat16, float16, float8_e4m3fn
# requires: num_qo_heads % num_kv_heads == 0
# requires: head_dim % 32 == 0 and head_dim <= 256
# tags: window, soft_cap, alibi
#
# Attention of one query of each sequence over paged keys and values: split-KV (Flash-Decoding, Dao et al. 2023).
#
#     output = softmax(q · kᵀ · sm_scale) · v,   lse = log2 Σ e^score
#
# One block of threads works on one sequence, one key-value head with all query heads of its group, and one of `splits` equal
# parts of the keys. `splits` follows from axes and the device, never from lengths, so that a captured graph stays valid. With
# more than one split, each leaves its output and lse in float32, and the second launch merges them.
#
# Bytes: 2 · head_dim · element size for each key and key-value head, once: bound by memory. The query heads of a group are
# the rows of a tile, padded to the 16 of a tensor core. Partials add 8 · head_dim bytes for each split and query head.
import tilelang.language as T

LOG2E = 1.4426950408889634
LOWEST = -1e30  # of a row's maximum, instead of -∞: a difference to it is a number


def gqa_paged_decode(c, TILE, BLOCK):
    HEADS, KV_HEADS, DIM, PAGE = c.NUM_QO_HEADS, c.NUM_KV_HEADS, c.HEAD_DIM, c.PAGE_SIZE
    GROUP, dtype, cache_type = HEADS // KV_HEADS, c.types["q"], c.types["k_cache"]
    WINDOW, SOFT_CAP = c.tags.get("window"), c.tags.get("soft_cap")
    HAS_SCALES, HAS_ALIBI = c.has("k_scale"), c.has("alibi_slopes")
    batch_size, len_indptr, splits = T.dynamic("batch_size"), T.dynamic("len_indptr"), T.dynamic("splits")
    num_pages, num_kv_indices = T.dynamic("num_pages"), T.dynamic("num_kv_indices")
    k_page, v_page = T.dynamic("k_cache_stride_0", "int64"), T.dynamic("v_cache_stride_0", "int64")

    @T.prim_func
    def gqa_paged_decode(
        q: T.Tensor((batch_size, HEADS, DIM), dtype),
        k_cache: T.StridedTensor((num_pages, PAGE, KV_HEADS, DIM), (k_page, KV_HEADS * DIM, DIM, 1), cache_type),
        v_cache: T.StridedTensor((num_pages, PAGE, KV_HEADS, DIM), (v_page, KV_HEADS * DIM, DIM, 1), cache_type),
        k_scale: T.float32, v_scale: T.float32,
        kv_indptr: T.Tensor((len_indptr,), "int32"), kv_indices: T.Tensor((num_kv_indices,), "int32"),
        kv_last_page_len: T.Tensor((batch_size,), "int32"), alibi_slopes: T.Tensor((HEADS,), "float32"), sm_scale: T.float32,
        output: T.Tensor((batch_size, HEADS, DIM), dtype), lse: T.Tensor((batch_size, HEADS), "float32"),
        partial_output: T.Tensor((batch_size, HEADS, splits, DIM), "float32"),
        partial_lse: T.Tensor((batch_size, HEADS, splits), "float32"),
    ):
        with T.Kernel(splits, KV_HEADS, batch_size, threads=128) as (split, kv_head, sequence):
            T.assume(k_page % 16 == 0)  # pages may lie apart, but vectors of 16 bytes do not
            T.assume(v_page % 16 == 0)
            q_tile = T.alloc_shared((TILE, DIM), dtype)
            page = T.alloc_shared((BLOCK,), "int32")
            k = T.alloc_shared((BLOCK, DIM), dtype)
            v = T.alloc_shared((BLOCK, DIM), dtype)
            p = T.alloc_shared((TILE, BLOCK), dtype)
            s = T.alloc_fragment((TILE, BLOCK), "float32")
            o = T.alloc_fragment((TILE, DIM), "float32")
            m = T.alloc_fragment((TILE,), "float32")
            m_old = T.alloc_fragment((TILE,), "float32")
            alpha = T.alloc_fragment((TILE,), "float32")
            l = T.alloc_fragment((TILE,), "float32")
            l_block = T.alloc_fragment((TILE,), "float32")

            # find the tile: start ..< stop of the keys that the query sees
            first_page = T.alloc_var("int32", init=kv_indptr[sequence])
            page_count = kv_indptr[sequence + 1] - first_page
            kv_count = T.alloc_var("int32", init=0)
            first_visible = T.alloc_var("int32", init=0)
            if page_count > 0:
                kv_count = (page_count - 1) * PAGE + kv_last_page_len[sequence]
            if WINDOW is not None:
                first_visible = T.max(kv_count - WINDOW, 0)
            length = T.ceildiv(T.ceildiv(kv_count - first_visible, splits), BLOCK) * BLOCK
            start = T.alloc_var("int32", init=first_visible + split * length)
            stop = T.alloc_var("int32", init=T.min(start + length, kv_count))

            # load Q
            for i, j in T.Parallel(TILE, DIM):
                q_tile[i, j] = T.if_then_else(i < GROUP, q[sequence, kv_head * GROUP + i, j], 0)
            score_scale = sm_scale * LOG2E
            if HAS_SCALES:
                score_scale = score_scale * k_scale

            # loop over KV
            T.fill(m, LOWEST)
            T.clear(l)
            T.clear(o)
            for block in T.serial(T.ceildiv(T.max(stop - start, 0), BLOCK)):
                # load K and V together, to wait for memory once
                for i in T.Parallel(BLOCK):
                    key = start + block * BLOCK + i
                    page[i] = T.if_then_else(key < stop, kv_indices[first_page + key // PAGE], -1)

                for i, j in T.Parallel(BLOCK, DIM):
                    k[i, j] = T.if_then_else(
                        page[i] >= 0, k_cache[page[i], (start + block * BLOCK + i) % PAGE, kv_head, j], 0)
                for i, j in T.Parallel(BLOCK, DIM):
                    v[i, j] = T.if_then_else(
                        page[i] >= 0, v_cache[page[i], (start + block * BLOCK + i) % PAGE, kv_head, j], 0)

                # S = QKᵀ
                T.gemm(q_tile, k, s, transpose_B=True, policy=T.GemmWarpPolicy.FullCol, clear_accum=True)

                # mask
                for i, j in T.Parallel(TILE, BLOCK):
                    key = start + block * BLOCK + j
                    s[i, j] = s[i, j] * score_scale
                    if SOFT_CAP is not None:  # cap · tanh(s / cap)
                        s[i, j] = SOFT_CAP * LOG2E * (1 - 2 / (1 + T.exp2(s[i, j] * (2 / SOFT_CAP))))
                    if HAS_ALIBI:
                        slope = T.if_then_else(i < GROUP, alibi_slopes[kv_head * GROUP + i], 0) * LOG2E
                        s[i, j] = s[i, j] + slope * (key - (kv_count - 1))
                    s[i, j] = T.if_then_else(key < stop, s[i, j], -T.infinity("float32"))

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
                T.gemm(p, v, o, policy=T.GemmWarpPolicy.FullCol)

            # write O and lse, or what is to be merged
            for i in T.Parallel(TILE):
                alpha[i] = 1 / T.max(l[i], 1e-30)  # 1 for the largest score, or nothing at all
                if HAS_SCALES:
                    alpha[i] = alpha[i] * v_scale
            for i, j in T.Parallel(TILE, DIM):
                if i < GROUP:
                    if splits == 1:
                        output[sequence, kv_head * GROUP + i, j] = o[i, j] * alpha[i]
                    else:
                        partial_output[sequence, kv_head * GROUP + i, split, j] = o[i, j] * alpha[i]
            for i in T.Parallel(TILE):
                if i < GROUP:
                    if splits == 1:
                        lse[sequence, kv_head * GROUP + i] = m[i] + T.log2(l[i])
                    else:
                        partial_lse[sequence, kv_head * GROUP + i, split] = m[i] + T.log2(l[i])

    return gqa_paged_decode


def gqa_paged_decode_merge(c):
    """output = Σ 2^(lse_i - max) · output_i / Σ 2^(lse_i - max) of the splits i of one sequence and query head."""
    HEADS, DIM, dtype = c.NUM_QO_HEADS, c.HEAD_DIM, c.types["q"]
    batch_size, splits = T.dynamic("batch_size"), T.dynamic("splits")

    @T.prim_func
    def gqa_paged_decode_merge(
        output: T.Tensor((batch_size, HEADS, DIM), dtype), lse: T.Tensor((batch_size, HEADS), "float32"),
        partial_output: T.Tensor((batch_size, HEADS, splits, DIM), "float32"),
        partial_lse: T.Tensor((batch_size, HEADS, splits), "float32"),
    ):
        with T.Kernel(HEADS, batch_size, threads=32) as (head, sequence):
            o = T.alloc_fragment((DIM,), "float32")
            m = T.alloc_var("float32", init=LOWEST)
            total = T.alloc_var("float32", init=0)
            for i in T.serial(splits):
                m = T.max(m, partial_lse[sequence, head, i])
            T.clear(o)
            for i in T.serial(splits):
                weight = T.exp2(partial_lse[sequence, head, i] - m)
                total = total + weight
                for j in T.Parallel(DIM):
                    o[j] = o[j] + weight * partial_output[sequence, head, i, j]
            for j in T.Parallel(DIM):
                output[sequence, head, j] = o[j] / T.max(total, 1e-30)
            lse[sequence, head] = m + T.log2(total)

    return gqa_paged_decode_merge


def plan(c):
    if c.types["k_cache"] not in (c.types["q"], "float8_e4m3fn"):
        raise ValueError(f"k_cache is {c.types['k_cache']}, expected that of q, {c.types['q']}, or float8_e4m3fn")
    tile = 16
    while tile < c.NUM_QO_HEADS // c.NUM_KV_HEADS:
        tile *= 2
    return {
        "let": [("splits", "max(1, min(32, ceildiv(2 * sm_count, max(1, batch_size * num_kv_heads))))")],
        "scratch": [
            ("partial_output", "batch_size * num_qo_heads * splits * head_dim * 4", "float32"),
            ("partial_lse", "batch_size * num_qo_heads * splits * 4", "float32"),
        ],
        "launches": [
            {"program": gqa_paged_decode(c, TILE=tile, BLOCK=64)},
            {"program": gqa_paged_decode_merge(c), "when": "splits > 1"},
        ],
    }
