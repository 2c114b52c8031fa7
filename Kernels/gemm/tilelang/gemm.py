# operation: gemm
# takes: A, B -> C
# types: A, B, C = bfloat16, float16
# tags: weight_format
#
# A linear layer: C = A · Bᵀ of A [M, K] and B [N, K], sums in float32. Any M, N and K.
#
# One block of threads works on one tile of C. Blocks go through C in bands of 8 tiles, so that those that run at the same time
# read few rows of A and B, from L2.
#
# Arithmetic: 2 · M · N · K operations. Bytes: 2 · (M · K + N · K + M · N) at least. With few rows every weight is read once for
# little arithmetic, bound by memory: tiles are then low and narrow, so that there are many, and go far along K. With many
# rows a tile of 128 x 128 does 64 operations for each byte, most of which come from L2: bound by arithmetic.
import tilelang.language as T


def gemm(c, TILE_M, TILE_N, TILE_K, THREADS, STAGES):
    N, K, dtype, M = c.N, c.K, c.types["A"], T.dynamic("M")
    a_row, c_row = T.dynamic("A_stride_0", "int64"), T.dynamic("C_stride_0", "int64")  # rows may lie apart
    policy = T.GemmWarpPolicy.Square if TILE_M > 16 else T.GemmWarpPolicy.FullCol

    @T.prim_func
    def gemm(
        A: T.StridedTensor((M, K), (a_row, 1), dtype), B: T.Tensor((N, K), dtype), C: T.StridedTensor((M, N), (c_row, 1), dtype)
    ):
        with T.Kernel(T.ceildiv(N, TILE_N), T.ceildiv(M, TILE_M), threads=THREADS) as (tile_n, tile_m):
            if K % 8 == 0:
                T.assume(a_row % 8 == 0)  # so that 16 bytes are moved at once
            if N % 8 == 0:
                T.assume(c_row % 8 == 0)
            a = T.alloc_shared((TILE_M, TILE_K), dtype)
            b = T.alloc_shared((TILE_N, TILE_K), dtype)
            sums = T.alloc_fragment((TILE_M, TILE_N), "float32")
            T.use_swizzle(panel_size=8, order="column")

            # loop over K: C += A Bᵀ
            T.clear(sums)
            for k in T.Pipelined(T.ceildiv(K, TILE_K), num_stages=STAGES):
                T.copy(A[tile_m * TILE_M, k * TILE_K], a)
                T.copy(B[tile_n * TILE_N, k * TILE_K], b)
                T.gemm(a, b, sums, transpose_B=True, policy=policy)

            # write C
            T.copy(sums, C[tile_m * TILE_M, tile_n * TILE_N])

    return gemm


def plan(c):
    narrow, deep = (32 if c.N < 8192 else 64), (64 if c.target == "sm_90a" else 32)
    return {
        "launches": [
            {"program": gemm(c, 16, narrow, 128, THREADS=64, STAGES=3), "when": "M <= 16"},
            {"program": gemm(c, 64, 64, 64, THREADS=128, STAGES=3), "when": "M > 16 and M <= 128"},
            {"program": gemm(c, 128, 128, deep, THREADS=128, STAGES=3), "when": "M > 128"},
        ]
    }
