// Activations as 16-bit integers in blocks of 32 along K: x ≈ scale * q, scale = max|x| / 32512 (up to 32767 there would
// be room; this is the scale that models were checked with).
//
// Eight bits would be cheaper by half, and are what is usual; they move logits by 0.8 and flip tokens whose margin is
// below 0.3. Sixteen leave an error below that of float16 arithmetic.
import CPUIntrinsics

/// Quantises one row.
/// - x: [K]; q: [K / 4][4], of four in a row the first, third, second, fourth: the pairs that meet a word of four weights
///   (IntegerPanels.swift); scales: [K / 32]; sums: [K / 16], the sums of q over half blocks; offsets: [K / 32], scale
///   times the sum over the block (what a weight's minimum meets).
/// K is a multiple of 32. A block of zeros has scale 0. Depends on this row alone: batching changes nothing.
@inline(never)
public func quantizeActivations(
  _ x: UnsafePointer<Float>, _ q: UnsafeMutablePointer<Int16>, _ scales: UnsafeMutablePointer<Float>,
  _ offsets: UnsafeMutablePointer<Float>, _ sums: UnsafeMutablePointer<Int32>, _ K: Int
) {
  for b in 0..<K / 32 {
    let v0 = load(x + b &* 32), v1 = load(x + (b &* 32 &+ 16))
    let scale = largest(maximum(magnitude(v0), magnitude(v1))) / 32512
    let inverse = scale > 0 ? 1 / scale : 0
    let first = round(v0 * inverse, q + b &* 32), second = round(v1 * inverse, q + (b &* 32 &+ 16))
    (sums[2 &* b], sums[2 &* b &+ 1]) = (first, second)
    scales[b] = scale
    offsets[b] = scale * Float(first &+ second)
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
