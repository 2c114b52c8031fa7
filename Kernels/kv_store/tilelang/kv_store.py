# operation: kv_store
# takes: k, v, slots, k_cache, v_cache, k_scale?, v_scale? -> k_cache_out, v_cache_out
# types: k = bfloat16, float16, float32
# types: v = bfloat16, float16, float32
# types: k_cache = bfloat16, float16, float32, float8_e4m3fn
# types: v_cache = bfloat16, float16, float32, float8_e4m3fn
#
# Scatters the keys and values of new tokens into the paged cache, in its type; a slot below zero is passed over.
#
#     k_cache[slots[t]] = k[t] / k_scale        k, v [num_tokens, num_kv_heads, head_dim], slots [num_tokens],
#     v_cache[slots[t]] = v[t] / v_scale        k_cache, v_cache [num_pages, page_size, num_kv_heads, head_dim]
#
# Parallel over tiles of 4096 elements, of keys (grid index z = 0) and of values (1): as many rows as fit, padded to a
# power of two, or a part of one. Reading does not wait for slots; only where a row goes depends on its slot. Pages and
# tokens may lie apart, by multiples of 16 elements where a row is one. The inner loop: 16 bytes read, 16 written (8 in
# a float8_e4m3fn cache); with scales one multiplication by 1 / scale, at most one unit of the cache's type off, and one
# conversion an element.
#
# What the hardware should show: 2 * num_kv_heads * head_dim * (bytes of a key + bytes of a cached one) and 8 bytes a
# token. Expected: 90 % of copy bandwidth where 128 MiB and more are moved; less is in the second-level cache or as long
# as one launch. Rows of less than 32 bytes cost whole sectors.
import tilelang.language as T


def kv_store(row, page_size, tokens, block, width, has_scales, rows_type, cache_type):
    num_tokens, num_pages = T.dynamic("num_tokens"), T.dynamic("num_pages")
    k_stride_0, v_stride_0 = T.dynamic("k_stride_0", "int64"), T.dynamic("v_stride_0", "int64")
    k_cache_stride_0, v_cache_stride_0 = T.dynamic("k_cache_stride_0", "int64"), T.dynamic("v_cache_stride_0", "int64")
    rows, pages = (num_tokens, row), (num_pages, page_size, row)

    @T.macro
    def scatter(t, column, rows, slots, cache, factor):
        x = T.alloc_fragment((tokens, block), rows_type)
        y = T.alloc_fragment((tokens, block), cache_type)
        # load
        for i, j in T.Parallel(tokens, block):
            if t + i < num_tokens and column + j < row:
                x[i, j] = rows[t + i, column + j]
        # convert and store
        for i, j in T.Parallel(tokens, block):
            y[i, j] = T.cast(x[i, j], "float32") * factor if has_scales else x[i, j]
        for i, j in T.Parallel(tokens, block):
            if t + i < num_tokens and column + j < row:
                slot = slots[t + i]
                if slot >= 0:
                    cache[slot // page_size, slot % page_size, column + j] = y[i, j]

    @T.prim_func
    def kv_store(
        k: T.StridedTensor(rows, (k_stride_0, 1), rows_type), v: T.StridedTensor(rows, (v_stride_0, 1), rows_type),
        slots: T.Tensor((num_tokens,), "int32"), k_cache: T.StridedTensor(pages, (k_cache_stride_0, row, 1), cache_type),
        v_cache: T.StridedTensor(pages, (v_cache_stride_0, row, 1), cache_type), k_scale: T.float32, v_scale: T.float32,
    ):
        with T.Kernel(T.ceildiv(num_tokens, tokens), T.ceildiv(row, block), 2, threads=128) as (x, y, z):
            T.assume(k_stride_0 % width == 0)
            T.assume(v_stride_0 % width == 0)
            T.assume(k_cache_stride_0 % width == 0)
            T.assume(v_cache_stride_0 % width == 0)
            if z == 0:
                scatter(x * tokens, y * block, k, slots, k_cache, 1 / k_scale)
            else:
                scatter(x * tokens, y * block, v, slots, v_cache, 1 / v_scale)

    return kv_store


def vector_width(count, *types):
    """The most elements, a power of two up to 16 bytes of the widest type, that divide `count`."""
    width = 4 if "float32" in types else 8
    while count % width:
        width //= 2
    return width


def plan(c):
    types = c.types["k"], c.types["k_cache"]
    row = c.NUM_KV_HEADS * c.HEAD_DIM
    block = min(4096, 1 << (row - 1).bit_length())
    program = kv_store(row, c.PAGE_SIZE, 4096 // block, block, vector_width(row, *types), c.has("k_scale"), *types)
    return {"launches": [{"program": program}]}
