# operation: gemm
# takes: A, B -> C
# types: A, B, C = bfloat16, float16
# tags: weight_format
#
# A linear layer: C = A · Bᵀ of A [M, K] and B [N, K], sums in float32. Any M, N and K.
#
# One program works on one tile of C. Programs go through C in bands of GROUP tiles' height, column by column, so that those
# that run at the same time read few rows of A and B, from L2.
#
# Arithmetic: 2 · M · N · K operations. Bytes: 2 · (M · K + N · K + M · N) at least. With few rows every weight is read once for
# little arithmetic, bound by memory: tiles are then low and narrow, so that there are many, and go far along K. With many
# rows a tile of 128 x 128 does 64 operations for each byte, most of which come from L2: bound by arithmetic.
import triton
import triton.language as tl


def plan(c):
    def launch(tile_m, tile_n, tile_k, warps, stages, when):
        return {
            "kernel": gemm,
            "constexprs": {"N": c.N, "K": c.K, "TILE_M": tile_m, "TILE_N": tile_n, "TILE_K": tile_k, "GROUP": 8},
            "grid": [f"ceildiv(M, {tile_m}) * ceildiv(N, {tile_n})"],
            "num_warps": warps,
            "num_stages": stages,
            "divisible": {name: 16 for name, size in (("A_stride_0", c.K), ("C_stride_0", c.N)) if size % 16 == 0},
            "when": when,
        }

    narrow = 32 if c.N < 8192 else 64
    wide = 128 if c.N % 16 == 0 else 64  # the addresses of rows that begin anywhere take registers
    return {
        "launches": [
            launch(16, narrow, 128, 4, 4, "M <= 16"),
            launch(64, 64, 64, 4, 4, "M > 16 and M <= 128"),
            launch(128, wide, 64, 8, 3, "M > 128"),
        ]
    }


@triton.jit
def gemm(
    A, B, C, M, A_stride_0, C_stride_0,
    N: tl.constexpr, K: tl.constexpr, TILE_M: tl.constexpr, TILE_N: tl.constexpr, TILE_K: tl.constexpr, GROUP: tl.constexpr,
):
    # find the tile
    tiles_m = tl.cdiv(M, TILE_M)
    in_band = GROUP * tl.cdiv(N, TILE_N)
    band = tl.program_id(0) // in_band * GROUP
    height = tl.minimum(tiles_m - band, GROUP)
    first_m = (band + tl.program_id(0) % in_band % height) * TILE_M
    first_n = tl.program_id(0) % in_band // height * TILE_N

    # loop over K: C += A Bᵀ
    m = first_m + tl.arange(0, TILE_M)
    n = first_n + tl.arange(0, TILE_N)
    k = tl.arange(0, TILE_K)
    a_row = A + m.to(tl.int64)[:, None] * A_stride_0 + k[None, :]
    b_row = B + n.to(tl.int64)[:, None] * K + k[None, :]
    sums = tl.zeros([TILE_M, TILE_N], tl.float32)
    for first_k in range(0, K, TILE_K):
        in_k = (k < K - first_k)[None, :]
        a = tl.load(a_row + first_k, mask=(m < M)[:, None] & in_k, other=0.0)
        b = tl.load(b_row + first_k, mask=(n < N)[:, None] & in_k, other=0.0)
        sums = tl.dot(a, b.T, sums)

    # write C
    c_row = C + m.to(tl.int64)[:, None] * C_stride_0 + n[None, :]
    tl.store(c_row, sums.to(C.dtype.element_ty), mask=(m < M)[:, None] & (n < N)[None, :])
