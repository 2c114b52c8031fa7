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
# One block a token. A thread holds the cosines and sines of one access of pairs and turns those pairs in up to four
# heads: eight accesses of 16 bytes, 128 bytes a thread, are in flight before the first is used. Bytes: each rotated
# element is read once and written once, and 4 * rotary_dim of the table are read for each token, 1/40 of the whole with
# 40 heads of 128. Arithmetic: four instructions an element; bound by memory. The hardware should show 90 % of the
# bandwidth of a copy from some thousand tokens on, full 32-byte sectors, and no bank conflicts, for there is no memory
# between the threads.
import tilelang.language as T


def rope(c):
    dtype, head_size, half = c.types["q"], c.HEAD_SIZE, c.ROTARY_DIM // 2
    heads = c.NUM_QO_HEADS + c.NUM_KV_HEADS
    heads_per_thread = next(n for n in (4, 3, 2, 1) if heads % n == 0)
    groups = heads // heads_per_thread
    both = half | head_size
    width = min(4 if dtype == "float32" else 8, both & -both)  # elements of an access: what divides both
    slots = half // width  # each is `width` pairs of a head, in two accesses
    threads = min(256, -(-groups * slots // 32) * 32)
    neox = {"neox": True, "interleaved": False}[c.tags["rotary_style"]]
    num_tokens, max_seq_len = T.dynamic("num_tokens, max_seq_len")

    @T.macro
    def load(x, token, head, slot, pairs, i):
        for j in T.vectorized(width):
            pairs[i, j] = x[token, head, slot * width + j if neox else 2 * slot * width + j]
        for j in T.vectorized(width):
            pairs[i, width + j] = x[token, head, half + slot * width + j if neox else (2 * slot + 1) * width + j]

    @T.macro
    def store(x, token, head, slot, pairs, i):
        for j in T.vectorized(width):
            x[token, head, slot * width + j if neox else 2 * slot * width + j] = pairs[i, j]
        for j in T.vectorized(width):
            x[token, head, half + slot * width + j if neox else (2 * slot + 1) * width + j] = pairs[i, width + j]

    @T.prim_func
    def rope(
        q_out: T.Tensor((num_tokens, c.NUM_QO_HEADS, head_size), dtype),
        k_out: T.Tensor((num_tokens, c.NUM_KV_HEADS, head_size), dtype),
        cos_sin_cache: T.Tensor((max_seq_len, 2 * half), "float32"),
        positions: T.Tensor((num_tokens,), "int32"),
    ):
        with T.Kernel(num_tokens, threads=threads) as token:
            pairs = T.alloc_local((heads_per_thread, 2 * width), dtype)
            cosine = T.alloc_local((width,), "float32")
            sine = T.alloc_local((width,), "float32")
            for step in T.serial(-(-groups * slots // threads)):
                item = step * threads + T.get_thread_binding()
                group, slot = item // slots, item % slots
                if item < groups * slots:
                    # load the pairs of the heads
                    for i in T.unroll(heads_per_thread):
                        if group + i * groups < c.NUM_QO_HEADS:
                            load(q_out, token, group + i * groups, slot, pairs, i)
                        else:
                            load(k_out, token, group + i * groups - c.NUM_QO_HEADS, slot, pairs, i)
                    # load their cosines and sines
                    for j in T.vectorized(width):
                        cosine[j] = cos_sin_cache[positions[token], slot * width + j]
                    for j in T.vectorized(width):
                        sine[j] = cos_sin_cache[positions[token], half + slot * width + j]
                    # rotate and store
                    for i in T.unroll(heads_per_thread):
                        for j in T.unroll(width):
                            a = T.cast(pairs[i, j if neox else 2 * j], "float32")
                            b = T.cast(pairs[i, j + width if neox else 2 * j + 1], "float32")
                            pairs[i, j if neox else 2 * j] = a * cosine[j] - b * sine[j]
                            pairs[i, j + width if neox else 2 * j + 1] = b * cosine[j] + a * sine[j]
                        if group + i * groups < c.NUM_QO_HEADS:
                            store(q_out, token, group + i * groups, slot, pairs, i)
                        else:
                            store(k_out, token, group + i * groups - c.NUM_QO_HEADS, slot, pairs, i)

    return rope


def plan(c):
    return {"launches": [{"program": rope(c)}]}
