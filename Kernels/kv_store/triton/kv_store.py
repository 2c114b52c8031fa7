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
import triton
import triton.language as tl


@triton.jit
def to_e4m3_bits(x):
    """The bits that a conversion to float8_e4m3fn gives, for GPUs that have none: to nearest even, at most 448."""
    bits = x.to(tl.uint32, bitcast=True)
    magnitude = tl.minimum(bits & 0x7FFFFFFF, 0x43E00000)  # 448.0
    normal = (magnitude + 0x7FFFF + ((magnitude >> 20) & 1) >> 20) - 960  # the exponent's bias goes from 127 to 7
    # below 2^-6: adding 2^14 leaves units of 2^-9 in the low bits, rounded
    small = (magnitude.to(tl.float32, bitcast=True) + 16384.0).to(tl.uint32, bitcast=True) - 0x46800000
    rounded = tl.where(magnitude < 0x3C800000, small, normal)
    rounded = tl.where((bits & 0x7FFFFFFF) > 0x7F800000, 0x7F, rounded)  # not a number
    return (rounded | (bits >> 24 & 0x80)).to(tl.uint8)


@triton.jit
def scatter(
    rows, row_stride, slots, cache, page_stride, scale, num_tokens,
    ROW: tl.constexpr, PAGE_SIZE: tl.constexpr, CONVERTS_E4M3: tl.constexpr, TOKENS: tl.constexpr, BLOCK: tl.constexpr,
):
    t = tl.program_id(0) * TOKENS + tl.arange(0, TOKENS)
    columns = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)[None, :]
    inside = (t < num_tokens)[:, None] & (columns < ROW)

    # load
    slot = tl.load(slots + t, mask=t < num_tokens, other=-1)
    x = tl.load(rows + t.to(tl.int64)[:, None] * row_stride + columns, mask=inside)

    # convert and store
    place = (slot // PAGE_SIZE).to(tl.int64) * page_stride + slot % PAGE_SIZE * ROW
    inside &= (slot >= 0)[:, None]
    if scale is not None:
        x = x.to(tl.float32) * tl.div_rn(1.0, scale)
    if CONVERTS_E4M3:
        cache = cache.to(tl.pointer_type(tl.uint8), bitcast=True)
        tl.store(cache + place[:, None] + columns, to_e4m3_bits(x), mask=inside)
    else:
        tl.store(cache + place[:, None] + columns, x.to(cache.dtype.element_ty), mask=inside)


@triton.jit
def kv_store(
    k, v, slots, k_cache, v_cache, k_scale, v_scale, num_tokens, k_stride_0, v_stride_0, k_cache_stride_0, v_cache_stride_0,
    ROW: tl.constexpr, PAGE_SIZE: tl.constexpr, CONVERTS_E4M3: tl.constexpr, TOKENS: tl.constexpr, BLOCK: tl.constexpr,
):
    if tl.program_id(2) == 0:
        scatter(
            k, k_stride_0, slots, k_cache, k_cache_stride_0, k_scale, num_tokens, ROW, PAGE_SIZE, CONVERTS_E4M3, TOKENS, BLOCK)
    else:
        scatter(
            v, v_stride_0, slots, v_cache, v_cache_stride_0, v_scale, num_tokens, ROW, PAGE_SIZE, CONVERTS_E4M3, TOKENS, BLOCK)


def plan(c):
    row = c.NUM_KV_HEADS * c.HEAD_DIM
    block = min(4096, triton.next_power_of_2(row))
    tokens = 4096 // block
    constexprs = {
        "ROW": row, "PAGE_SIZE": c.PAGE_SIZE, "TOKENS": tokens, "BLOCK": block,
        "CONVERTS_E4M3": c.types["k_cache"] == "float8_e4m3fn" and c.target == "sm_80",
    }
    grid = [f"ceildiv(num_tokens, {tokens})", f"{-(-row // block)}", "2"]
    strides = ["k_stride_0", "v_stride_0", "k_cache_stride_0", "v_cache_stride_0"]
    divisible = {name: 16 for name in strides} if row % 16 == 0 else {}
    launch = {"kernel": kv_store, "constexprs": constexprs, "grid": grid, "num_warps": 4, "divisible": divisible}
    return {"launches": [launch]}
