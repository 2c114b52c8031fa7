// Attention with rows as lanes: sixteen rows are the lanes of a vector, so that maxima, sums and exponentials need no
// reduction and keys no transposing. Keys and values are broadcast element by element.
//
// Arithmetic per vector of rows and block of 16 positions: 16 D fused multiply-adds for q·k, 16 D for p·v, 17
// exponentials. Each lane computes in the same order what `accumulate` does for one row: the bits are the same.
import CPUIntrinsics

#if ISA_AVX512
  // 32 registers: 24 accumulators.
  private typealias Dots3 = LaneTile<3, 4, 12, Lanes>
  private typealias Dots2 = LaneTile<2, 4, 8, Lanes>
  private typealias Dots1 = LaneTile<1, 8, 8, Lanes>
  private typealias Sums3 = LaneTile<3, 8, 24, Lanes>
  private typealias Sums2 = LaneTile<2, 8, 16, Lanes>
  private typealias Sums1 = LaneTile<1, 16, 16, Lanes>
#elseif ISA_AVX2
  // 16 registers, two to a vector of lanes: 12 and 8 accumulators.
  private typealias Dots1 = LaneTile<1, 2, 2, Lanes>
  private typealias Sums1 = LaneTile<1, 4, 4, Lanes>
#else
  private typealias Dots1 = LaneTile<1, 1, 1, Lanes>
  private typealias Sums1 = LaneTile<1, 2, 2, Lanes>
#endif

/// N vectors of rows by P positions or elements of the head; T = N P.
struct LaneTile<let N: Int, let P: Int, let T: Int, Vector: SIMD> {
  var v = InlineArray<T, Vector> { _ in Vector() }
  @inline(__always) init() {}
}

/// Turns the rows' queries and sums, [16][padded] to [padded][16] for each vector. Rows that only fill the last vector may
/// be others of the unit: theirs are copies.
/// - merging: whether segments will be merged, so that what is merged already is needed, too.
/// - width: floats or pairs of a query.
@inline(never)
func enterLanes(
  _ scratch: AttentionScratch, _ padded: Int, width: Int, _ first: Int, _ vectors: Int, merging: Bool
) {
  @inline(__always)
  func enter(_ state: AttentionState, _ lanes: AttentionState, _ n: Int) {
    let row = first &+ n &* 16
    transpose(state.sums + row &* padded, padded, width: padded, lanes.sums + n &* 16 &* padded)
    store(load(state.maxima + row), lanes.maxima + n &* 16)
    store(load(state.totals + row), lanes.totals + n &* 16)
  }
  for n in 0..<vectors {
    transpose(
      scratch.queries + (first &+ n &* 16) &* padded, padded, width: width, scratch.laneQueries + n &* 16 &* padded)
    enter(scratch.segment, scratch.laneSegment, n)
    if merging { enter(scratch.merged, scratch.laneMerged, n) }
  }
}

/// Turns the sums of `rows` rows back, and theirs only.
@inline(never)
func leaveLanes(_ scratch: AttentionScratch, _ padded: Int, _ first: Int, _ rows: Int, merging: Bool) {
  leaveLanes(scratch.laneSegment, to: scratch.segment, padded, first, rows, scratch.square)
  if merging { leaveLanes(scratch.laneMerged, to: scratch.merged, padded, first, rows, scratch.square) }
}

@inline(__always)
private func leaveLanes(
  _ lanes: AttentionState, to state: AttentionState, _ padded: Int, _ first: Int, _ rows: Int,
  _ square: UnsafeMutablePointer<Float>
) {
  for r in 0..<rows {
    state.maxima[first &+ r] = lanes.maxima[r]
    state.totals[first &+ r] = lanes.totals[r]
  }
  var r = 0
  while r < rows {
    var i = 0
    while i < padded {
      transpose(lanes.sums + (r &* padded &+ i &* 16), 16, width: 16, square)
      for j in 0..<min(16, rows &- r) {
        store(load(square + j &* 16), state.sums + ((first &+ r &+ j) &* padded &+ i))
      }
      i &+= 16
    }
    r &+= 16
  }
}

/// One online-softmax step of `vectors` vectors of rows over a whole block.
@inline(never)
func accumulateLanes(_ scratch: AttentionScratch, _ padded: Int, _ scale: Float, _ vectors: Int) {
  var n = 0
  #if ISA_AVX512
    while vectors &- n >= 3 {
      dots(Dots3(), scratch, padded, scale, n)
      n &+= 3
    }
    if vectors &- n == 2 {
      dots(Dots2(), scratch, padded, scale, n)
      n &+= 2
    }
  #endif
  while n < vectors {
    dots(Dots1(), scratch, padded, scale, n)
    n &+= 1
  }
  var grown = false
  for n in 0..<vectors {
    let lane = n &* 16
    if weigh(
      scratch.laneWeights + n &* 256, scratch.laneSegment.maxima + lane, scratch.laneSegment.totals + lane,
      scratch.laneRescales + lane)
    {
      grown = true
    }
  }
  n = 0
  #if ISA_AVX512
    while vectors &- n >= 3 {
      addValues(Sums3(), scratch, padded, grown, n)
      n &+= 3
    }
    if vectors &- n == 2 {
      addValues(Sums2(), scratch, padded, grown, n)
      n &+= 2
    }
  #endif
  while n < vectors {
    addValues(Sums1(), scratch, padded, grown, n)
    n &+= 1
  }
}

/// Scaled q · k of N vectors of rows, from vector `n` on, and 16 positions. Even and odd products are summed apart, then added.
@inline(__always)
private func dots<let N: Int, let P: Int, let T: Int>(
  _ empty: LaneTile<N, P, T, Lanes>, _ scratch: AttentionScratch, _ padded: Int, _ scale: Float, _ n: Int
) {
  let q = scratch.laneQueries + n &* 16 &* padded, weights = scratch.laneWeights + n &* 256
  var j = 0
  while j < 16 {
    let k = scratch.rawKeys + j &* padded
    var even = empty, odd = empty
    var i = 0
    while i < padded {
      for p in 0..<P {
        let key = Lanes(repeating: k[p &* padded &+ i])
        for m in 0..<N {
          let t = p &* N &+ m
          even.v[unchecked: t] = fma(load(q + (m &* padded &+ i) &* 16), key, even.v[unchecked: t])
        }
      }
      for p in 0..<P {
        let key = Lanes(repeating: k[p &* padded &+ i &+ 1])
        for m in 0..<N {
          let t = p &* N &+ m
          odd.v[unchecked: t] = fma(load(q + (m &* padded &+ i &+ 1) &* 16), key, odd.v[unchecked: t])
        }
      }
      i &+= 2
    }
    for p in 0..<P {
      for m in 0..<N {
        let t = p &* N &+ m
        let score = (even.v[unchecked: t] + odd.v[unchecked: t]) * Lanes(repeating: scale)
        store(score, weights + (m &* 256 &+ (j &+ p) &* 16))
      }
    }
    j &+= P
  }
}

/// Turns the scores [16][16] of a vector of rows into weights.
/// - Returns: whether a maximum grew; then `rescale` says by what the sums are to be multiplied.
@inline(__always)
private func weigh(
  _ scores: UnsafeMutablePointer<Float>, _ maxima: UnsafeMutablePointer<Float>, _ totals: UnsafeMutablePointer<Float>,
  _ rescale: UnsafeMutablePointer<Float>
) -> Bool {
  var w = InlineArray<16, Lanes> { j in load(scores + j &* 16) }
  let before = load(maxima), now = maximum(largestOfRows(w), before)
  for j in 0..<16 {
    w[unchecked: j] = exp2(w[unchecked: j] - now)
    store(w[unchecked: j], scores + j &* 16)
  }
  let sum = sumOfRows(w)
  store(now, maxima)
  let factor = exp2(before - now)
  store(factor, rescale)
  guard differ(before, now) else {
    store(load(totals) + sum, totals)
    return false
  }
  store(load(totals) * factor + sum, totals)
  return true
}

/// The largest of 16 vectors in each lane, in the order of `largest`.
@inline(__always)
func largestOfRows(_ w: borrowing InlineArray<16, Lanes>) -> Lanes {
  @inline(__always) func four(_ j: Int) -> Lanes {
    maximum(
      maximum(w[unchecked: j], w[unchecked: j &+ 4]), maximum(w[unchecked: j &+ 8], w[unchecked: j &+ 12]))
  }
  return maximum(maximum(four(0), four(2)), maximum(four(1), four(3)))
}

/// The sum of 16 vectors in each lane, in the order of `sum`.
@inline(__always)
func sumOfRows(_ w: borrowing InlineArray<16, Lanes>) -> Lanes {
  @inline(__always) func quarter(_ j: Int) -> Lanes {
    (w[unchecked: j] + w[unchecked: j &+ 8]) + (w[unchecked: j &+ 4] + w[unchecked: j &+ 12])
  }
  return (quarter(0) + quarter(2)) + (quarter(1) + quarter(3))
}

/// Whether any lane differs.
@inline(__always)
func differ(_ a: Lanes, _ b: Lanes) -> Bool {
  let x = bits(a) ^ bits(b), eight = x.lowHalf | x.highHalf, four = eight.lowHalf | eight.highHalf
  let two = four.lowHalf | four.highHalf
  return two[0] | two[1] != 0
}

/// Adds weights times values to the sums of N vectors of rows.
@inline(__always)
private func addValues<let N: Int, let P: Int, let T: Int>(
  _ empty: LaneTile<N, P, T, Lanes>, _ scratch: AttentionScratch, _ padded: Int, _ grown: Bool, _ n: Int
) {
  let sums = scratch.laneSegment.sums + n &* 16 &* padded, weights = scratch.laneWeights + n &* 256
  var i = 0
  while i < padded {
    var t = empty
    for m in 0..<N {
      for p in 0..<P { t.v[unchecked: p &* N &+ m] = load(sums + (m &* padded &+ i &+ p) &* 16) }
    }
    if grown {
      for m in 0..<N {
        let rescale = load(scratch.laneRescales + (n &+ m) &* 16)
        for p in 0..<P { t.v[unchecked: p &* N &+ m] *= rescale }
      }
    }
    for j in 0..<16 {
      let v = scratch.values + (j &* padded &+ i)
      for p in 0..<P {
        let value = Lanes(repeating: v[p])
        for m in 0..<N {
          let weight = load(weights + (m &* 256 &+ j &* 16))
          t.v[unchecked: p &* N &+ m] = fma(weight, value, t.v[unchecked: p &* N &+ m])
        }
      }
    }
    for m in 0..<N {
      for p in 0..<P { store(t.v[unchecked: p &* N &+ m], sums + (m &* padded &+ i &+ p) &* 16) }
    }
    i &+= P
  }
}
