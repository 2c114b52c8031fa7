// Attention in integers, rows one by one: `PagedAttention.swift` with pairs of 16-bit numbers.
//
// Arithmetic per row and block: 8 D multiply-adds of pairs for q·k, 8 D for p·v, 16 exponentials.
import CPUIntrinsics

/// One online-softmax step of R rows over the visible positions of a block. Nothing passes between rows.
@inline(__always)
func accumulateIntegers<let R: Int>(
  _ empty: Rows<R, IntLanes>, _ block: BlockStep, _ q: UnsafePointer<Float>, _ queryUnits: UnsafePointer<Float>,
  _ sums: UnsafeMutablePointer<Float>, _ maxima: UnsafeMutablePointer<Float>, _ totals: UnsafeMutablePointer<Float>
) {
  let padded = block.padded
  let scores = dots(empty, q, block.keys, padded)
  var units = InlineArray<R, Float>(repeating: 0)
  for r in 0..<R {
    let row = floats(scores[unchecked: r]) * load(block.keyUnits), isPart = block.visible.count < 16
    let highest = largest(isPart ? masked(row, block.visible) : row) * queryUnits[r]
    let before = maxima[r], now = raised(before, highest)
    if now != before { raise(now, &maxima[r], &totals[r], sums + r &* padded, padded) }
    // Not fused: what the largest score is rounded by could outweigh it where scores are huge.
    var weights = exp2(row * Lanes(repeating: queryUnits[r]) - Lanes(repeating: now))
    var values = weights * load(block.valueUnits)
    if isPart { (weights, values) = (masked(weights, block.visible, with: 0), masked(values, block.visible, with: 0)) }
    units[unchecked: r] = roundWeights(values, block.weights + r &* 16)
    totals[r] += sum(weights)
  }
  var i = 0
  while i &+ 32 <= padded {
    addValues(empty, block, i, sums, units)
    i &+= 32
  }
  if i < padded { addLastValues(empty, block, i, sums, units) }
}

/// q · key of R rows for 16 keys, in the lanes of the results; keys are [pairs][16].
@inline(__always)
private func dots<let R: Int>(
  _ empty: Rows<R, IntLanes>, _ q: UnsafePointer<Float>, _ keys: UnsafePointer<Float>, _ padded: Int
) -> InlineArray<R, IntLanes> {
  var t = empty
  var i = 0
  while i < pairCount(padded) {
    let even = loadPairs(keys + i &* 16), odd = loadPairs(keys + (i &* 16 &+ 16))
    for r in 0..<R {
      t.a[unchecked: r] = dotPairs(t.a[unchecked: r], broadcast(q + (r &* padded &+ i)), even)
      t.b[unchecked: r] = dotPairs(t.b[unchecked: r], broadcast(q + (r &* padded &+ i &+ 1)), odd)
    }
    i &+= 2
  }
  for r in 0..<R { t.a[unchecked: r] &+= t.b[unchecked: r] }
  return t.a
}

@inline(__always) func broadcast(_ pair: UnsafePointer<Float>) -> IntLanes { bits(Lanes(repeating: pair.pointee)) }

/// Adds weights times values to two vectors of the sums, from element `i` on. Hidden positions have weight 0.
@inline(__always)
private func addValues<let R: Int>(
  _ empty: Rows<R, IntLanes>, _ block: BlockStep, _ i: Int, _ sums: UnsafeMutablePointer<Float>,
  _ units: InlineArray<R, Float>
) {
  var t = empty
  for j in 0..<8 {
    let v = block.values + (j &* block.padded &+ i), first = loadPairs(v), second = loadPairs(v + 16)
    for r in 0..<R {
      let weight = broadcast(block.weights + (r &* 16 &+ j &* 2))
      t.a[unchecked: r] = dotPairs(t.a[unchecked: r], weight, first)
      t.b[unchecked: r] = dotPairs(t.b[unchecked: r], weight, second)
    }
  }
  for r in 0..<R {
    let sum = sums + (r &* block.padded &+ i)
    add(t.a[unchecked: r], units[unchecked: r], to: sum)
    add(t.b[unchecked: r], units[unchecked: r], to: sum + 16)
  }
}

/// The same for the last vector of a head that has an odd number of them.
@inline(__always)
private func addLastValues<let R: Int>(
  _ empty: Rows<R, IntLanes>, _ block: BlockStep, _ i: Int, _ sums: UnsafeMutablePointer<Float>,
  _ units: InlineArray<R, Float>
) {
  var t = empty
  for j in 0..<8 {
    let v = loadPairs(block.values + (j &* block.padded &+ i))
    for r in 0..<R {
      t.a[unchecked: r] = dotPairs(t.a[unchecked: r], broadcast(block.weights + (r &* 16 &+ j &* 2)), v)
    }
  }
  for r in 0..<R {
    add(t.a[unchecked: r], units[unchecked: r], to: sums + (r &* block.padded &+ i))
  }
}

/// sum + unit * v
@inline(__always)
private func add(_ v: IntLanes, _ unit: Float, to sum: UnsafeMutablePointer<Float>) {
  store(fma(floats(v), Lanes(repeating: unit), load(sum)), sum)
}

/// Makes `now` the maximum that a row's weights are relative to, and rescales what it has seen.
@inline(never)
private func raise(
  _ now: Float, _ maximum: inout Float, _ total: inout Float, _ sums: UnsafeMutablePointer<Float>, _ padded: Int
) {
  let factor = exp2(Lanes(repeating: maximum - now))
  maximum = now
  total *= factor[0]
  var i = 0
  while i < padded {
    store(load(sums + i) * factor, sums + i)
    i &+= 16
  }
}
