# operation: sampling
# takes: logits, temperature, top_k, top_p, min_p, uniform -> samples
# requires: vocab_size <= 262144
#
# One token for each row of logits, without sorting the row. With tokens by descending logit, equals by ascending id:
#
#   weight(i) = e^((logit(i) - largest) / temperature)
#   kept      = the shortest of: top_k tokens; enough for top_p of their mass; those with weight >= min_p
#   token     = the first whose cumulative weight exceeds uniform * (mass of the kept)
#
#   logits [batch_size, vocab_size] float32; temperature (0: the most likely, the lowest id of equals), top_p in (0, 1], min_p,
#   uniform in [0, 1): [batch_size] float32; top_k (0: all) and samples [batch_size] int32
#   a sample is -1 where the row holds a NaN or its largest logit is not finite
#
# Every prefix is a *cut*: all tokens above one logit and the first few that equal it. A cut is found by a search over
# orders, whole numbers in the order of the logits (their bits, those of negative ones turned over): a pass adds up the
# amount (tokens or mass) from each of 7 borders on that divide the range which is left into 8, so 11 passes settle 32
# bits, and 6 the place among equals. Masses are weights in double precision as integers, in units of 2^-44: sums are
# exact in any order, so the result does not depend on the number of threads, and differs from one by sums in double
# precision only where `uniform` or top_p falls within 1e-8 (in practice 1e-11) of the border between two tokens.
#
# One block a row. Passes: one for the largest; 11 for top_k, 12 for top_p, one for min_p where given; one for the mass;
# 11 for the draw; 6 for the place. Bytes: 4 vocab_size a pass, from the L2 cache (a row of 128,256 is 513 kB).
# Arithmetic: two comparisons an element; only for those in the range which is left, an exponential in double precision,
# about 30 instructions at half rate (sm_80, sm_90, sm_100); three more for each of 8 sums, of every element. The
# hardware should show half of the L2 rate of one multiprocessor, about 30 bytes a clock: 10 microseconds a pass for
# such a row.
import tilelang.language as T

PARTS = 8
INFINITE = 0x7F800000  # order of +inf, ~INFINITE that of -inf
NOT_A_NUMBER = 0x7FFFFFFF
LOWEST = -0x80000000
ALL = 0xFFFFFFFF
THREADS = 512


def order_of(logit):
    """-0 is 0, a NaN the largest."""
    bits = T.reinterpret(T.if_then_else(logit == 0, T.float32(0), logit), "int32")
    return T.if_then_else(T.isnan(logit), T.int32(NOT_A_NUMBER), bits ^ ((bits >> 31) & 0x7FFFFFFF))


def logit_of(order):
    order = T.cast(order, "int32")
    return T.reinterpret(order ^ ((order >> 31) & 0x7FFFFFFF), "float32")


def sampling(c):
    size = c.VOCAB_SIZE
    block = THREADS * min(4, size & -size)
    blocks = -(-size // block)
    order_passes, token_passes = 11, max(1, -(-(size - 1).bit_length() // 3))
    batch_size = T.dynamic("batch_size")

    def weight_of(logit, scale):
        """scale: the largest logit, 1 / temperature."""
        return T.exp((T.cast(logit, "float64") - scale[0]) * scale[1])

    def mass_of(logit, scale):
        """In units of 2^-44: the sum over a row stays below 2^63."""
        return T.cast(weight_of(logit, scale) * T.float64(2.0**44) + T.float64(0.5), "int64")

    @T.macro
    def load_block(logits, row, number, logit):
        """Behind the row is minus infinity."""
        for i in T.Parallel(block):
            logit[i] = T.if_then_else(number * block + i < size, logits[row, number * block + i], -T.infinity("float32"))

    @T.macro
    def mass_of_cut(logits, row, scale, logit, cut, mass):
        """cut: order, ties."""
        above = T.alloc_reducer((1,), "int64", op="sum")
        equal = T.alloc_reducer((1,), "int64", op="sum")
        sums = T.alloc_fragment((1,), "int64")
        ties = T.alloc_fragment((1,), "int64")
        T.reducer_init(above)
        T.reducer_init(equal)
        for number in T.serial(blocks):
            load_block(logits, row, number, logit)
            for i in T.Parallel(block):
                order = T.cast(order_of(logit[i]), "int64")
                T.reducer_update(above[0], T.if_then_else(order > cut[0], mass_of(logit[i], scale), T.int64(0)))
            for i in T.Parallel(block):
                order = T.cast(order_of(logit[i]), "int64")
                ties_here = (order == cut[0]) & (number * block + i < size)
                T.reducer_update(equal[0], T.if_then_else(ties_here, T.int64(1), T.int64(0)))
        T.finalize_reducer(above, sums)
        T.finalize_reducer(equal, ties)
        mass[0] = sums[0] + T.min(ties[0], cut[1]) * mass_of(logit_of(cut[0]), scale)

    @T.macro
    def search(logits, row, scale, logit, need, low, high, tie, left, passes, by_mass, by_token):
        """Leaves in `low` the largest number in low ... high such that the amount of the tokens with that number or more
        reaches `need`, which all tokens of low ... high do, and in `left` what is missing from `need` above it. A token's
        number is its order or, by_token, how far it is from the last, if its order is `tie`; its amount is its mass or,
        not by_mass, 1."""
        number = T.alloc_fragment((block,), "int64")
        one = T.alloc_fragment((block,), "int64")
        amounts = T.alloc_reducer((PARTS,), "int64", op="sum")  # of each border ... high
        totals = T.alloc_fragment((PARTS,), "int64")
        sums = T.alloc_shared((PARTS,), "int64")
        start = T.alloc_local((3,), "int64")  # low, high, need - left, as a pass begins
        left[0] = need[0]
        for turn in T.serial(passes):
            start[0] = low[0]
            start[1] = high[0]
            start[2] = need[0] - left[0]
            step = (start[1] - start[0]) // PARTS + 1
            T.reducer_init(amounts)
            for k in T.serial(blocks):
                load_block(logits, row, k, logit)
                for i in T.Parallel(block):
                    order = T.cast(order_of(logit[i]), "int64")
                    if by_token:
                        number[i] = T.if_then_else(order == tie[0], T.cast(size - 1 - (k * block + i), "int64"), T.int64(-1))
                    else:
                        number[i] = order
                for i in T.Parallel(block):
                    counts = (number[i] >= start[0]) & (number[i] <= start[1]) & (k * block + i < size)
                    if by_mass:
                        one[i] = T.if_then_else(counts, mass_of(logit[i], scale), T.int64(0))
                    else:
                        one[i] = T.if_then_else(counts, T.int64(1), T.int64(0))
                for p, i in T.Parallel(PARTS, block):
                    T.reducer_update(amounts[p], T.if_then_else(number[i] >= start[0] + p * step, one[i], T.int64(0)))
            T.finalize_reducer(amounts, totals)
            T.copy(totals, sums)
            for p in T.unroll(PARTS - 1):  # borders fall, sums grow
                border = start[0] + (PARTS - 1 - p) * step
                if start[2] + sums[PARTS - 1 - p] >= need[0]:
                    low[0] = T.max(low[0], border)
                else:
                    high[0] = T.min(start[1], border - 1)
                    left[0] = need[0] - start[2] - sums[PARTS - 1 - p]

    @T.macro
    def shortest_cut(logits, row, scale, logit, need, cut, top, by_mass):
        """Shortens the cut to one whose tokens (or, by_mass, whose mass) just reach `need`."""
        low = T.alloc_local((1,), "int64")
        high = T.alloc_local((1,), "int64")
        left = T.alloc_local((1,), "int64")
        low[0] = cut[0]
        high[0] = top[0]
        search(logits, row, scale, logit, need, low, high, low, left, order_passes, by_mass, False)
        cut[0] = low[0]
        if by_mass:
            one = T.max(mass_of(logit_of(low[0]), scale), T.int64(1))
            cut[1] = (left[0] + one - 1) // one
        else:
            cut[1] = left[0]

    @T.prim_func
    def sampling(
        logits: T.Tensor((batch_size, size), "float32"),
        temperature: T.Tensor((batch_size,), "float32"),
        top_k: T.Tensor((batch_size,), "int32"),
        top_p: T.Tensor((batch_size,), "float32"),
        min_p: T.Tensor((batch_size,), "float32"),
        uniform: T.Tensor((batch_size,), "float32"),
        samples: T.Tensor((batch_size,), "int32"),
    ):
        with T.Kernel(batch_size, threads=THREADS) as row:
            logit = T.alloc_fragment((block,), "float32")
            scale = T.alloc_local((2,), "float64")
            cut = T.alloc_local((2,), "int64")
            top = T.alloc_local((1,), "int64")
            need = T.alloc_local((1,), "int64")
            mass = T.alloc_local((1,), "int64")

            # largest logit, the lowest id of equals
            best = T.alloc_reducer((1,), "int64", op="max")
            largest = T.alloc_fragment((1,), "int64")
            T.reducer_init(best)
            for k in T.serial(blocks):
                load_block(logits, row, k, logit)
                for i in T.Parallel(block):
                    order = T.cast(order_of(logit[i]), "int64")
                    T.reducer_update(best[0], order * (ALL + 1) + (ALL - T.cast(k * block + i, "int64")))
            T.finalize_reducer(best, largest)
            top[0] = largest[0] >> 32
            if temperature[row] > 0:
                scale[0] = T.cast(logit_of(top[0]), "float64")
                scale[1] = T.float64(1) / T.cast(temperature[row], "float64")

                # what is kept
                cut[0] = T.int64(LOWEST)
                cut[1] = T.int64(ALL)
                if top_k[row] > 0:
                    need[0] = T.cast(T.min(top_k[row], size), "int64")
                    shortest_cut(logits, row, scale, logit, need, cut, top, False)
                if top_p[row] < 1:
                    mass_of_cut(logits, row, scale, logit, cut, mass)
                    share = T.ceil(T.cast(top_p[row], "float64") * T.cast(mass[0], "float64"))
                    need[0] = T.cast(T.max(share, T.float64(1)), "int64")
                    shortest_cut(logits, row, scale, logit, need, cut, top, True)
                if min_p[row] > 0:
                    lowest = T.alloc_reducer((1,), "int64", op="min")  # order with enough weight
                    enough = T.alloc_fragment((1,), "int64")
                    T.reducer_init(lowest)
                    for k in T.serial(blocks):
                        load_block(logits, row, k, logit)
                        for i in T.Parallel(block):
                            order = T.cast(order_of(logit[i]), "int64")
                            is_kept = (order >= cut[0]) & (weight_of(logit[i], scale) >= T.cast(min_p[row], "float64"))
                            T.reducer_update(lowest[0], T.if_then_else(is_kept, order, top[0]))
                    T.finalize_reducer(lowest, enough)
                    if enough[0] > cut[0]:
                        cut[0] = enough[0]
                        cut[1] = T.int64(ALL)

                # draw
                mass_of_cut(logits, row, scale, logit, cut, mass)
                target = T.floor(T.cast(uniform[row], "float64") * T.cast(mass[0], "float64"))
                need[0] = T.min(T.cast(T.max(target, T.float64(0)), "int64") + 1, mass[0])
                shortest_cut(logits, row, scale, logit, need, cut, top, True)

                # the last token of that cut: among equals by ascending id
                low = T.alloc_local((1,), "int64")
                high = T.alloc_local((1,), "int64")
                left = T.alloc_local((1,), "int64")
                low[0] = T.int64(0)
                high[0] = T.int64(size - 1)
                need[0] = cut[1]
                search(logits, row, scale, logit, need, low, high, cut, left, token_passes, False, True)
                samples[row] = T.cast(size - 1 - low[0], "int32")
            else:
                samples[row] = T.cast((largest[0] & ALL) ^ ALL, "int32")
            if (top[0] >= INFINITE) | (top[0] == ~INFINITE):
                samples[row] = -1

    return sampling


def plan(c):
    return {"launches": [{"program": sampling(c)}]}
