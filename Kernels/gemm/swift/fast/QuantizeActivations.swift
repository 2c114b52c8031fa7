// Activations as 16-bit integers in blocks of 32 along K: x ≈ scale * q, scale = max|x| / 32512 (up to 32767 there would
// be room; this is the scale that models were checked with).
//
// Eight bits would be cheaper by half, and are what is usual; they move logits by 0.8 and flip tokens whose margin is
// below 0.3. Sixteen leave an error below that of float16 arithmetic.
import CPUIntrinsics

/// Quantises row `m` of `rows`.
/// - x: [K], the row.
/// - a: where all rows go, in groups (RowGroups.swift). q: of four in a row the first, third, second, fourth, the pairs
///   that meet a word of four weights (IntegerPanels.swift); offsets: scale times the sum of q over the block (what a
///   weight's minimum meets), half_offsets: over each half.
/// K is a multiple of 32. A block of zeros has scale 0. Depends on this row alone: batching changes nothing.
@inline(never)
public func quantizeActivations(_ x: UnsafePointer<Float>, _ a: QuantizedRows, row m: Int, of rows: Int, _ K: Int) {
  let group = rowGroup(of: m, rows: rows), blocks = K / 32
  for b in 0..<blocks {
    let v0 = load(x + b &* 32), v1 = load(x + (b &* 32 &+ 16))
    let scale = largest(maximum(magnitude(v0), magnitude(v1))) / 32512
    let inverse = scale > 0 ? 1 / scale : 0
    let at = group.first &* blocks &+ b &* group.size &+ (m &- group.first)
    let first = round(v0 * inverse, a.q + at &* 32), second = round(v1 * inverse, a.q + (at &* 32 &+ 16))
    a.scales[at] = scale
    (a.half_offsets[2 &* at], a.half_offsets[2 &* at &+ 1]) = (scale * Float(first), scale * Float(second))
    a.offsets[at] = scale * Float(first &+ second)
  }
}

/// Stores the nearest integers. Returns their sum.
@inline(__always)
private func round(_ v: Lanes, _ q: UnsafeMutablePointer<Int16>) -> Int32 {
  let rounder = Lanes(repeating: 12_582_912)  // 1.5 * 2^23: adding it rounds to an integer
  let whole = bits(v + rounder) &- bits(rounder)
  // Two lanes to a word; of two words in a row, the lanes of the second go into the upper halves of the first's.
  let words = unsafeBitCast(whole, to: SIMD8<UInt64>.self) & 0x0000_FFFF_0000_FFFF
  UnsafeMutableRawPointer(q).storeBytes(of: words.evenHalf | words.oddHalf &<< 16, as: SIMD4<UInt64>.self)
  return sum(whole)
}
