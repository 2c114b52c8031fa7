// Attention in integers with rows as lanes: `AttentionLanes.swift` with pairs of 16-bit numbers.
//
// Arithmetic per vector of rows and block of 16 positions: 8 D multiply-adds of pairs for q·k, 8 D for p·v, D to add
// these to the sums, 16 powers of two. Each lane computes what `accumulateIntegers` does for one row, to the same bits.
import CPUIntrinsics

#if ISA_AVX512
  private typealias Tile3 = LaneTile<3, 8, 24, IntLanes>
  private typealias Tile2 = LaneTile<2, 8, 16, IntLanes>
  private typealias Tile1 = LaneTile<1, 16, 16, IntLanes>
#elseif ISA_AVX2
  private typealias Tile1 = LaneTile<1, 4, 4, IntLanes>
#else
  private typealias Tile1 = LaneTile<1, 2, 2, IntLanes>
#endif

/// One online-softmax step of `vectors` vectors of rows, from row `first` of the unit on, over a whole block.
@inline(never)
func accumulateIntegers(_ scratch: AttentionScratch, _ padded: Int, _ first: Int, _ vectors: Int) {
  var n = 0
  #if ISA_AVX512
    while vectors &- n >= 3 {
      dots(Tile3(), scratch, padded, n)
      n &+= 3
    }
    if vectors &- n == 2 {
      dots(Tile2(), scratch, padded, n)
      n &+= 2
    }
  #endif
  while n < vectors {
    dots(Tile1(), scratch, padded, n)
    n &+= 1
  }
  for n in 0..<vectors { weigh(scratch, padded, first, n) }
  n = 0
  #if ISA_AVX512
    while vectors &- n >= 3 {
      addValues(Tile3(), scratch, padded, n)
      n &+= 3
    }
    if vectors &- n == 2 {
      addValues(Tile2(), scratch, padded, n)
      n &+= 2
    }
  #endif
  while n < vectors {
    addValues(Tile1(), scratch, padded, n)
    n &+= 1
  }
}

/// q · k of N vectors of rows, from vector `n` on, and 16 positions, in units of the queries.
@inline(__always)
private func dots<let N: Int, let P: Int, let T: Int>(
  _ empty: LaneTile<N, P, T, IntLanes>, _ scratch: AttentionScratch, _ padded: Int, _ n: Int
) {
  let q = scratch.laneQueries + n &* 16 &* padded, weights = scratch.laneWeights + n &* 256
  let keyUnits = scratch.keyUnits
  var j = 0
  while j < 16 {
    let k = scratch.rawKeys + j &* padded
    var t = empty
    for i in 0..<pairCount(padded) {
      for p in 0..<P {
        let key = broadcast(k + (p &* padded &+ i))
        for m in 0..<N {
          let query = loadPairs(q + (m &* padded &+ i) &* 16)
          t.v[unchecked: p &* N &+ m] = dotPairs(t.v[unchecked: p &* N &+ m], query, key)
        }
      }
    }
    for m in 0..<N {
      let scores = weights + (m &* 256 &+ j &* 16)
      for p in 0..<P {
        store(floats(t.v[unchecked: p &* N &+ m]) * Lanes(repeating: keyUnits[j &+ p]), scores + p &* 16)
      }
    }
    j &+= P
  }
}

/// Turns the products q · k [16][16] of vector n of rows into pairs of weights [8][16]; in registers from the first to the last.
@inline(__always)
private func weigh(_ scratch: AttentionScratch, _ padded: Int, _ first: Int, _ n: Int) {
  let scores = scratch.laneWeights + n &* 256
  let maxima = scratch.laneSegment.maxima + n &* 16, totals = scratch.laneSegment.totals + n &* 16
  var w = InlineArray<16, Lanes> { j in load(scores + j &* 16) }
  let unit = load(scratch.queryUnits + (first &+ n &* 16))
  let highest = largestOfRows(w) * unit, bound = load(maxima) + Lanes(repeating: allowedGrowth)
  if differ(maximum(highest, bound), bound) { raise(scratch, padded, n, highest) }
  let now = load(maxima)
  // In two loops: one would be too long to be unrolled, and what is not unrolled goes through memory.
  for j in 0..<8 { w[unchecked: j] = exp2(w[unchecked: j] * unit - now) }
  for j in 8..<16 { w[unchecked: j] = exp2(w[unchecked: j] * unit - now) }
  store(load(totals) + sumOfRows(w), totals)
  for j in 0..<16 { w[unchecked: j] *= Lanes(repeating: scratch.valueUnits[j]) }
  let total = sumOfRows(w), factor = Lanes(repeating: largestInteger) / total
  store(total * Lanes(repeating: 1 / largestInteger), scratch.laneWeightUnits + n &* 16)
  for j in 0..<8 {
    let even = rounded(w[unchecked: 2 &* j], factor), odd = rounded(w[unchecked: 2 &* j &+ 1], factor)
    storePairs(pairs(even, odd), scores + j &* 16)
  }
}

/// Raises the maxima of those rows of vector n whose highest score is too far above, and rescales what they have seen.
@inline(never)
private func raise(_ scratch: AttentionScratch, _ padded: Int, _ n: Int, _ highest: Lanes) {
  let state = scratch.laneSegment, rescales = scratch.laneRescales
  for lane in 0..<16 {
    let row = n &* 16 &+ lane, now = raised(state.maxima[row], highest[lane])
    rescales[lane] = state.maxima[row] - now
    state.maxima[row] = now
  }
  let factor = exp2(load(rescales))
  store(load(state.totals + n &* 16) * factor, state.totals + n &* 16)
  for i in n &* padded..<(n &+ 1) &* padded { store(load(state.sums + i &* 16) * factor, state.sums + i &* 16) }
}

/// Adds weights times values to the sums of N vectors of rows.
@inline(__always)
private func addValues<let N: Int, let P: Int, let T: Int>(
  _ empty: LaneTile<N, P, T, IntLanes>, _ scratch: AttentionScratch, _ padded: Int, _ n: Int
) {
  let sums = scratch.laneSegment.sums + n &* 16 &* padded, weights = scratch.laneWeights + n &* 256
  let units = scratch.laneWeightUnits + n &* 16
  var i = 0
  while i < padded {
    var t = empty
    for j in 0..<8 {
      let v = scratch.values + (j &* padded &+ i)
      for p in 0..<P {
        let value = broadcast(v + p)
        for m in 0..<N {
          let weight = loadPairs(weights + (m &* 256 &+ j &* 16))
          t.v[unchecked: p &* N &+ m] = dotPairs(t.v[unchecked: p &* N &+ m], weight, value)
        }
      }
    }
    for m in 0..<N {
      let unit = load(units + m &* 16), sum = sums + (m &* padded &+ i) &* 16
      for p in 0..<P { add(t.v[unchecked: p &* N &+ m], unit, to: sum + p &* 16) }
    }
    i &+= P
  }
}

/// sum + unit * v
@inline(__always)
private func add(_ v: IntLanes, _ unit: Lanes, to sum: UnsafeMutablePointer<Float>) {
  store(fma(floats(v), unit, load(sum)), sum)
}
