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
# One program a row. Passes: one for the largest; 11 for top_k, 12 for top_p, one for min_p where given; one for the
# mass; 11 for the draw; 6 for the place. Bytes: 4 vocab_size a pass, from the L2 cache (a row of 128,256 is 513 kB).
# Arithmetic: two comparisons an element; a block of logits with any in the range which is left takes an exponential in
# double precision for each, about 30 instructions at half rate (sm_80, sm_90, sm_100), and three more for each of 8
# sums; other blocks are passed over. The hardware should show the L2 rate of one multiprocessor, about 60 bytes a
# clock, in all but the first passes of a search.
import triton
import triton.language as tl

PARTS = tl.constexpr(8)
INFINITE = tl.constexpr(0x7F800000)  # order of +inf, ~INFINITE that of -inf
NOT_A_NUMBER = tl.constexpr(0x7FFFFFFF)
LOWEST = tl.constexpr(-0x80000000)
ALL = tl.constexpr(0xFFFFFFFF)
UNIT = tl.constexpr(17592186044416.0)  # 2^44


@triton.jit
def order_of(logit):
    """-0 is 0, a NaN the largest."""
    bits = tl.where(logit == 0, 0.0, logit).to(tl.int32, bitcast=True)
    return tl.where(logit != logit, NOT_A_NUMBER, bits ^ ((bits >> 31) & 0x7FFFFFFF))


@triton.jit
def logit_of(order):
    order = order.to(tl.int32)
    return (order ^ ((order >> 31) & 0x7FFFFFFF)).to(tl.float32, bitcast=True)


@triton.jit
def weight_of(logit, largest, inverse_temperature):
    return tl.exp((logit.to(tl.float64) - largest.to(tl.float64)) * inverse_temperature)


@triton.jit
def mass_of(logit, largest, inverse_temperature):
    """In units of 2^-44: the sum over a row stays below 2^63."""
    return (weight_of(logit, largest, inverse_temperature) * UNIT + 0.5).to(tl.int64)


@triton.jit
def load_block(logits, start, VOCAB_SIZE: tl.constexpr, BLOCK: tl.constexpr):
    """The logits from `start` on, and their tokens; behind the row is minus infinity."""
    token = start + tl.arange(0, BLOCK)
    return tl.load(logits + token, mask=token < VOCAB_SIZE, other=float("-inf")), token


@triton.jit
def mass_of_cut(logits, largest, inverse_temperature, order, ties, VOCAB_SIZE: tl.constexpr, BLOCK: tl.constexpr):
    above = tl.zeros([BLOCK], tl.int64)
    equal = tl.zeros([BLOCK], tl.int64)
    for start in range(0, VOCAB_SIZE, BLOCK):
        logit, token = load_block(logits, start, VOCAB_SIZE, BLOCK)
        above += tl.where(order_of(logit) > order, mass_of(logit, largest, inverse_temperature), 0)
        equal += ((order_of(logit) == order) & (token < VOCAB_SIZE)).to(tl.int64)
    return tl.sum(above) + tl.minimum(tl.sum(equal), ties) * mass_of(logit_of(order), largest, inverse_temperature)


@triton.jit
def search(logits, largest, inverse_temperature, need, low, high, tie, BY_MASS: tl.constexpr, BY_TOKEN: tl.constexpr,
           VOCAB_SIZE: tl.constexpr, BLOCK: tl.constexpr):
    """The largest number in low ... high such that the amount of the tokens with that number or more reaches `need`; all
    tokens of low ... high do. A token's number is its order or, BY_TOKEN, how far it is from the last, if its order is
    `tie`; its amount is its mass or, not BY_MASS, 1. Returns that number and what is missing from `need` above it."""
    part = tl.arange(0, PARTS)
    left = need
    while low < high:
        step = (high - low) // PARTS + 1
        border = low + part * step
        sums = tl.zeros([PARTS], tl.int64)  # amount of each border ... high
        for start in range(0, VOCAB_SIZE, BLOCK):
            logit, token = load_block(logits, start, VOCAB_SIZE, BLOCK)
            if BY_TOKEN:
                number = tl.where(order_of(logit) == tie, VOCAB_SIZE - 1 - token, -1).to(tl.int64)
            else:
                number = order_of(logit).to(tl.int64)
            counts = (number >= low) & (number <= high) & (token < VOCAB_SIZE)
            if tl.max(counts.to(tl.int32)) > 0:
                one = counts.to(tl.int64)
                if BY_MASS:
                    one *= mass_of(logit, largest, inverse_temperature)
                sums += tl.sum(tl.where(number[None, :] >= border[:, None], one[None, :], 0), axis=1)
        beyond = need - left
        reaching = tl.sum((beyond + sums >= need).to(tl.int32)) - 1  # the last border that reaches; the first does
        left = need - beyond - tl.sum(tl.where(part == reaching + 1, sums, 0))
        high = tl.minimum(high, low + (reaching + 1) * step - 1)
        low += reaching * step
    return low, left


@triton.jit
def shortest_cut(logits, largest, inverse_temperature, need, bottom, BY_MASS: tl.constexpr, VOCAB_SIZE: tl.constexpr,
                 BLOCK: tl.constexpr):
    """The shortest cut whose tokens (or, BY_MASS, whose mass) reach `need`, which those from the order `bottom` on do."""
    order, left = search(logits, largest, inverse_temperature, need, bottom, order_of(largest).to(tl.int64), 0, BY_MASS, False,
                         VOCAB_SIZE, BLOCK)
    ties = left
    if BY_MASS:
        one = tl.maximum(mass_of(logit_of(order), largest, inverse_temperature), 1)
        ties = (left + one - 1) // one
    return order, ties


@triton.jit
def sampling(logits, temperature, top_k, top_p, min_p, uniform, samples, VOCAB_SIZE: tl.constexpr, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    logits += row.to(tl.int64) * VOCAB_SIZE

    # largest logit, the lowest id of equals
    candidate = tl.full([BLOCK], LOWEST * (ALL + 1), tl.int64)
    for start in range(0, VOCAB_SIZE, BLOCK):
        logit, token = load_block(logits, start, VOCAB_SIZE, BLOCK)
        candidate = tl.maximum(candidate, order_of(logit).to(tl.int64) * (ALL + 1) + (token.to(tl.int64) ^ ALL))
    best = tl.max(candidate)
    top = best >> 32
    if (top >= INFINITE) | (top == ~INFINITE):
        tl.store(samples + row, -1)
    elif tl.load(temperature + row) <= 0:
        tl.store(samples + row, ((best & ALL) ^ ALL).to(tl.int32))
    else:
        largest = logit_of(top)
        inverse_temperature = 1.0 / tl.load(temperature + row).to(tl.float64)

        # what is kept
        order = tl.full([], LOWEST, tl.int64)
        ties = tl.full([], ALL, tl.int64)
        k = tl.load(top_k + row).to(tl.int64)
        if (k > 0) & (k < VOCAB_SIZE):
            order, ties = shortest_cut(logits, largest, inverse_temperature, k, order, False, VOCAB_SIZE, BLOCK)
        p = tl.load(top_p + row).to(tl.float64)
        if p < 1:
            mass = mass_of_cut(logits, largest, inverse_temperature, order, ties, VOCAB_SIZE, BLOCK)
            need = tl.maximum(tl.ceil(p * mass.to(tl.float64)), 1.0).to(tl.int64)
            order, ties = shortest_cut(logits, largest, inverse_temperature, need, order, True, VOCAB_SIZE, BLOCK)
        least = tl.load(min_p + row).to(tl.float64)
        if least > 0:
            lowest = tl.full([BLOCK], 0, tl.int64) + top  # order with enough weight
            for start in range(0, VOCAB_SIZE, BLOCK):
                logit, token = load_block(logits, start, VOCAB_SIZE, BLOCK)
                number = order_of(logit).to(tl.int64)
                enough = (number >= order) & (weight_of(logit, largest, inverse_temperature) >= least)
                lowest = tl.where(enough, tl.minimum(lowest, number), lowest)
            if tl.min(lowest) > order:
                order = tl.min(lowest)
                ties = tl.full([], ALL, tl.int64)

        # draw
        mass = mass_of_cut(logits, largest, inverse_temperature, order, ties, VOCAB_SIZE, BLOCK)
        target = tl.floor(tl.load(uniform + row).to(tl.float64) * mass.to(tl.float64))
        need = tl.minimum(tl.maximum(target, 0.0).to(tl.int64) + 1, mass)
        order, ties = shortest_cut(logits, largest, inverse_temperature, need, order, True, VOCAB_SIZE, BLOCK)

        # the last token of that cut: among equals by ascending id
        first = tl.full([], 0, tl.int64)
        last = tl.full([], VOCAB_SIZE - 1, tl.int64)
        place, left = search(logits, largest, inverse_temperature, ties, first, last, order, False, True, VOCAB_SIZE, BLOCK)
        tl.store(samples + row, (VOCAB_SIZE - 1 - place).to(tl.int32))


def plan(c):
    is_small = c.VOCAB_SIZE <= 1024  # smaller blocks then, which keep their sums in registers
    block = min(512 if is_small else 2048, max(32, triton.next_power_of_2(c.VOCAB_SIZE)))
    return {
        "launches": [
            {
                "kernel": sampling, "constexprs": {"VOCAB_SIZE": c.VOCAB_SIZE, "BLOCK": block}, "grid": ["batch_size"],
                "num_warps": max(1, min(16, block // (64 if is_small else 128))),
            }
        ]
    }
