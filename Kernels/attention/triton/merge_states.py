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
import triton
import triton.language as tl


@triton.jit
def merge_states(v_a, s_a, v_b, s_b, v_merged, s_merged, num_rows, NUM_HEADS: tl.constexpr, HEAD_DIM: tl.constexpr,
                 BLOCK_HEADS: tl.constexpr, BLOCK_DIM: tl.constexpr):
    head = tl.program_id(0).to(tl.int64) * BLOCK_HEADS + tl.arange(0, BLOCK_HEADS)
    element = tl.arange(0, BLOCK_DIM)[None, :]
    is_head = head < num_rows.to(tl.int64) * NUM_HEADS
    inside = is_head[:, None] & (element < HEAD_DIM)
    place = head[:, None] * HEAD_DIM + element
    # load
    a = tl.load(v_a + place, mask=inside, other=0).to(tl.float32)
    b = tl.load(v_b + place, mask=inside, other=0).to(tl.float32)
    log_a = tl.load(s_a + head, mask=is_head, other=float("-inf"))
    log_b = tl.load(s_b + head, mask=is_head, other=float("-inf"))
    # merge and store
    largest = tl.maximum(log_a, log_b)
    weight_a = tl.where(log_a == float("-inf"), 0.0, tl.exp2(log_a - largest))
    weight_b = tl.where(log_b == float("-inf"), 0.0, tl.exp2(log_b - largest))
    total = weight_a + weight_b
    scale = tl.where(total > 0, 1.0 / total, 0.0)
    from_a = tl.where(weight_a[:, None] > 0, weight_a[:, None] * a, 0.0)
    from_b = tl.where(weight_b[:, None] > 0, weight_b[:, None] * b, 0.0)
    tl.store(v_merged + place, ((from_a + from_b) * scale[:, None]).to(v_merged.dtype.element_ty), mask=inside)
    tl.store(s_merged + head, tl.where(total > 0, largest + tl.log2(total), float("-inf")), mask=is_head)


def plan(c):
    block_dim = triton.next_power_of_2(c.HEAD_DIM)
    block_heads = max(1, 2048 // block_dim)
    return {
        "launches": [
            {
                "kernel": merge_states,
                "constexprs": {
                    "NUM_HEADS": c.NUM_HEADS, "HEAD_DIM": c.HEAD_DIM, "BLOCK_HEADS": block_heads, "BLOCK_DIM": block_dim,
                },
                "grid": [f"ceildiv(num_rows * num_heads, {block_heads})"], "num_warps": 4,
            }
        ]
    }
