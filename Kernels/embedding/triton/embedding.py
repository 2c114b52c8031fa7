# operation: embedding
# takes: tokens, weight, vocab_start? -> output
# types: weight = bfloat16, float16, float32
# types: output = bfloat16, float16, float32
# tags: weight_format
#
# Rows of a table by token; of a shard of it, zeros for the tokens that other shards hold.
#
#     output[t] = weight[tokens[t] - vocab_start]        tokens [num_tokens], weight [vocab_size, hidden_size],
#                                                        output [num_tokens, hidden_size]
#
# Parallel over parts of rows: a row is cut into parts of 1024 elements and each part is copied by a warp.
# The inner loop: 16 bytes read and 16 written by each lane, no arithmetic between equal types; all of a lane's reads
# (4 of bfloat16) are under way before its first write, 2 KiB a warp, up to 128 KiB a multiprocessor.
#
# What the hardware should show: hidden_size * (bytes of a weight + bytes of an output) and 4 bytes a token. Expected:
# 90 % of copy bandwidth where 128 MiB and more are moved; less is in the second-level cache or as long as one launch.
import triton
import triton.language as tl


@triton.jit
def embedding(
    tokens, weight, vocab_start, output, num_tokens,
    VOCAB_SIZE: tl.constexpr, HIDDEN_SIZE: tl.constexpr, PARTS: tl.constexpr, WARPS: tl.constexpr, BLOCK: tl.constexpr,
):
    # the parts of rows
    part = tl.program_id(0) * WARPS + tl.arange(0, WARPS)
    t = part // PARTS
    columns = (part % PARTS)[:, None] * BLOCK + tl.arange(0, BLOCK)[None, :]
    inside = (t < num_tokens)[:, None] & (columns < HIDDEN_SIZE)
    token = tl.load(tokens + t, mask=t < num_tokens, other=0).to(tl.int64)
    is_here = inside
    if vocab_start is not None:
        token -= vocab_start
        is_here &= ((token >= 0) & (token < VOCAB_SIZE))[:, None]

    # load
    row = tl.load(weight + token[:, None] * HIDDEN_SIZE + columns, mask=is_here, other=0)

    # convert and store
    tl.store(output + t.to(tl.int64)[:, None] * HIDDEN_SIZE + columns, row.to(output.dtype.element_ty), mask=inside)


def plan(c):
    parts = -(-c.HIDDEN_SIZE // 1024)
    constexprs = {
        "VOCAB_SIZE": c.VOCAB_SIZE, "HIDDEN_SIZE": c.HIDDEN_SIZE, "PARTS": parts, "WARPS": 4,
        "BLOCK": min(1024, triton.next_power_of_2(c.HIDDEN_SIZE)),
    }
    grid = [f"ceildiv(num_tokens * {parts}, 4)"]
    return {"launches": [{"kernel": embedding, "constexprs": constexprs, "grid": grid, "num_warps": 4}]}
