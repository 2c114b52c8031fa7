# operation: merge_states
# takes: v_a, s_a, v_b, s_b -> v_merged, s_merged
# types: v_a, v_b = bfloat16, float16, float32
#
# Attention over two sets of keys from the results over each (cascade; Ye et al. 2025), s being log2 of the sum of
# weights:
#
#   s_merged = log2(2^s_a + 2^s_b);  v_merged = (2^s_a v_a + 2^s_b v_b) / (2^s_a + 2^s_b)
#
# A state that saw nothing has s = -inf and counts for nothing, whatever its v holds; two of them merge into zeros and
# -inf.
#
#   v_a, v_b, v_merged [num_rows, num_heads, head_dim]; s_a, s_b, s_merged [num_rows, num_heads] float32, base 2
#
# A program merges about 2048 elements, whole heads; with 16-bit elements a thread has four loads of 16 bytes in flight
# before the first is used. Bytes per element: two elements read, one written, and 12 / head_dim of the sums.
# Arithmetic: two multiplications and a few conversions an element, two exponentials a head; bound by memory.
import tilelang.language as T


def merge_states(c):
    dtype, heads, head_dim = c.types["v_a"], c.NUM_HEADS, c.HEAD_DIM
    block = next(n for n in range(max(1, min(heads, 2048 // head_dim)), 0, -1) if heads % n == 0)
    width = min(4 if dtype == "float32" else 8, head_dim & -head_dim)
    threads = min(128, -(-block * head_dim // (32 * width)) * 32)
    num_rows = T.dynamic("num_rows")

    @T.prim_func
    def merge_states(
        v_a: T.Tensor((num_rows, heads, head_dim), dtype),
        s_a: T.Tensor((num_rows, heads), "float32"),
        v_b: T.Tensor((num_rows, heads, head_dim), dtype),
        s_b: T.Tensor((num_rows, heads), "float32"),
        v_merged: T.Tensor((num_rows, heads, head_dim), dtype),
        s_merged: T.Tensor((num_rows, heads), "float32"),
    ):
        with T.Kernel(num_rows, heads // block, threads=threads) as (row, part):
            a = T.alloc_fragment((block, head_dim), dtype)
            b = T.alloc_fragment((block, head_dim), dtype)
            weight_a = T.alloc_fragment((block,), "float32")
            weight_b = T.alloc_fragment((block,), "float32")
            scale = T.alloc_fragment((block,), "float32")
            # load
            for i, j in T.Parallel(block, head_dim):
                a[i, j] = v_a[row, part * block + i, j]
            for i, j in T.Parallel(block, head_dim):
                b[i, j] = v_b[row, part * block + i, j]
            # merge and store
            for i in T.Parallel(block):
                log_a, log_b = s_a[row, part * block + i], s_b[row, part * block + i]
                largest = T.max(log_a, log_b)
                weight_a[i] = T.if_then_else(log_a == -T.infinity("float32"), 0.0, T.exp2(log_a - largest))
                weight_b[i] = T.if_then_else(log_b == -T.infinity("float32"), 0.0, T.exp2(log_b - largest))
                total = weight_a[i] + weight_b[i]
                scale[i] = T.if_then_else(total > 0, 1.0 / total, 0.0)
                s_merged[row, part * block + i] = T.if_then_else(total > 0, largest + T.log2(total), -T.infinity("float32"))
            for i, j in T.Parallel(block, head_dim):
                from_a = T.if_then_else(weight_a[i] > 0, weight_a[i] * T.cast(a[i, j], "float32"), 0.0)
                from_b = T.if_then_else(weight_b[i] > 0, weight_b[i] * T.cast(b[i, j], "float32"), 0.0)
                a[i, j] = (from_a + from_b) * scale[i]
            for i, j in T.Parallel(block, head_dim):
                v_merged[row, part * block + i, j] = a[i, j]

    return merge_states


def plan(c):
    return {"launches": [{"program": merge_states(c)}]}
