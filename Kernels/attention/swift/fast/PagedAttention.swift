// Attention of ragged queries over paged keys and values, causal, grouped-query: rows one by one. A row is a query token
// and a query head of one key-value head.
//
// Keys and values are taken in blocks of 16 positions at fixed absolute positions 0, 16, 32 …, gathered through the
// block table, widened to float32 and (keys) transposed, once for all rows of a unit. Each row keeps a running maximum,
// sum and weighted sum (online softmax: Milakov & Gimelshein 2018; FlashAttention). Row, block and position order are
// fixed, and what lies beyond a row's own limit is never read into it: a row's result is the same alone, in any unit, in
// any batch, at any chunk size and any page size.
//
// Arithmetic per row and block: 16 D for q·k, 16 D for p·v, 16 exponentials. Bytes per tile and block: 32 D elements
// of cache, whatever the number of rows.
import CPUIntrinsics

extension PagedAttentionShape {
  /// Head dimension rounded up to whole vectors.
  @inline(__always) var padded: Int { (headDimension &+ 15) & ~15 }
}

/// The positions of a block, 0 ..< 16, that a query at position `own` sees.
@inline(__always)
func visiblePart(_ shape: PagedAttentionShape, own: Int, _ position: Int, _ count: Int) -> Range<Int> {
  let end = max(0, min(count, own &+ 1 &- position))
  return min(end, max(0, own &+ 1 &- shape.window &- position))..<end
}

extension BlockStep {
  @inline(__always) var visible: Range<Int> { visibleFrom..<visibleTo }
}

/// Two vectors for each of R rows.
struct Rows<let R: Int, Vector: SIMD> {
  var a = InlineArray<R, Vector>(repeating: Vector())
  var b = InlineArray<R, Vector>(repeating: Vector())
  @inline(__always) init() {}
}

/// One online-softmax step of R rows over the visible positions of a block. Nothing passes between rows.
@inline(__always)
func accumulate<let R: Int>(
  _ empty: Rows<R, Lanes>, _ block: BlockStep, _ q: UnsafePointer<Float>, _ sums: UnsafeMutablePointer<Float>,
  _ maxima: UnsafeMutablePointer<Float>, _ totals: UnsafeMutablePointer<Float>
) {
  let padded = block.padded
  let scores = dots(empty, q, block.keys, padded)
  for r in 0..<R {
    var row = scores[unchecked: r] * Lanes(repeating: block.scale)
    if block.visible.count < 16 { row = masked(row, block.visible) }
    let before = maxima[r], highest = largest(row), now = highest > before ? highest : before
    let weights = exp2(row - Lanes(repeating: now))
    store(weights, block.weights + r &* 16)
    if now == before {
      totals[r] += sum(weights)
      continue
    }
    let rescale = exp2(Lanes(repeating: before - now))
    totals[r] = totals[r] * rescale[0] + sum(weights)
    maxima[r] = now
    var i = 0
    while i < padded {
      store(load(sums + (r &* padded &+ i)) * rescale, sums + (r &* padded &+ i))
      i &+= 16
    }
  }
  // Two vectors of the head at a time: their sums stay in registers over the positions.
  var i = 0
  while i &+ 32 <= padded {
    var t = empty
    for r in 0..<R {
      t.a[unchecked: r] = load(sums + (r &* padded &+ i))
      t.b[unchecked: r] = load(sums + (r &* padded &+ i &+ 16))
    }
    for j in block.visible {
      let v = block.values + (j &* padded &+ i), first = load(v), second = load(v + 16)
      for r in 0..<R {
        let weight = Lanes(repeating: block.weights[r &* 16 &+ j])
        t.a[unchecked: r] = fma(weight, first, t.a[unchecked: r])
        t.b[unchecked: r] = fma(weight, second, t.b[unchecked: r])
      }
    }
    for r in 0..<R {
      store(t.a[unchecked: r], sums + (r &* padded &+ i))
      store(t.b[unchecked: r], sums + (r &* padded &+ i &+ 16))
    }
    i &+= 32
  }
  if i < padded {
    var t = empty
    for r in 0..<R { t.a[unchecked: r] = load(sums + (r &* padded &+ i)) }
    for j in block.visible {
      let v = load(block.values + (j &* padded &+ i))
      for r in 0..<R {
        t.a[unchecked: r] = fma(Lanes(repeating: block.weights[r &* 16 &+ j]), v, t.a[unchecked: r])
      }
    }
    for r in 0..<R { store(t.a[unchecked: r], sums + (r &* padded &+ i)) }
  }
}

/// `hidden` outside of `visible`.
@inline(__always)
func masked(_ scores: Lanes, _ visible: Range<Int>, with hidden: Float = -.infinity) -> Lanes {
  let lane = IntLanes(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
  // Signs spread over all bits: ones from the first visible lane on, and ones before the end.
  let since = (Int32(truncatingIfNeeded: visible.lowerBound) &- 1 &- lane) &>> 31
  let before = (lane &- Int32(truncatingIfNeeded: visible.upperBound)) &>> 31
  let mask = since & before
  return lanes((bits(scores) & mask) | (bits(Lanes(repeating: hidden)) & ~mask))
}

/// q · key of R rows for 16 keys, in the lanes of the results; keys are [padded][16]. Products are summed along the head
/// in two interleaved sums, then added.
@inline(__always)
private func dots<let R: Int>(
  _ empty: Rows<R, Lanes>, _ q: UnsafePointer<Float>, _ keys: UnsafePointer<Float>, _ padded: Int
) -> InlineArray<R, Lanes> {
  var t = empty
  var i = 0
  while i < padded {
    let even = load(keys + i &* 16), odd = load(keys + (i &* 16 &+ 16))
    for r in 0..<R {
      t.a[unchecked: r] = fma(Lanes(repeating: q[r &* padded &+ i]), even, t.a[unchecked: r])
      t.b[unchecked: r] = fma(Lanes(repeating: q[r &* padded &+ i &+ 1]), odd, t.b[unchecked: r])
    }
    i &+= 2
  }
  for r in 0..<R { t.a[unchecked: r] += t.b[unchecked: r] }
  return t.a
}

/// [16][width] to [width][16]; rows are `pitch` floats apart.
@inline(__always)
func transpose(_ rows: UnsafePointer<Float>, _ pitch: Int, width: Int, _ columns: UnsafeMutablePointer<Float>) {
  var i = 0
  while i < width {
    #if ISA_AVX512
      cpu_transpose16(rows + i, pitch, columns + i &* 16)
    #else
      for j in 0..<16 {
        for k in 0..<16 { columns[(i &+ k) &* 16 &+ j] = rows[j &* pitch &+ i &+ k] }
      }
    #endif
    i &+= 16
  }
}

/// Base-2 logarithm of a positive normal number, within 1e-6.
@inline(__always)
func log2(_ x: Float) -> Float {
  // x = m 2^e with m in [√½, √2); log2 m by the series of atanh((m - 1) / (m + 1)).
  var exponent = Int32(bitPattern: x.bitPattern) &>> 23 &- 127
  var m = Float(bitPattern: (x.bitPattern & 0x7F_FFFF) | 0x3F80_0000)
  if m > 1.414_213_5 {
    m *= 0.5
    exponent &+= 1
  }
  let t = (m - 1) / (m + 1), t2 = t * t
  let series = 1 + t2 * (0.333_333_33 + t2 * (0.2 + t2 * (0.142_857_14 + t2 * 0.111_111_11)))
  return Float(exponent) + 2.885_390_08 * t * series
}
