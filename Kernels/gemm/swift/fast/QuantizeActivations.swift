// Activations as 16-bit integers in blocks of 32 along K, each in two bytes: x ≈ scale * (255 h + l), scale = max|x| / 32512.
//
// One byte would be cheaper by half, and is what is usual; it moves logits by 0.8 and flips tokens whose margin is below
// 0.3. Two bytes cost a second byte dot product and leave an error below that of float16 arithmetic. The base is 255, not
// 256, so that both bytes stay in -127...127: one instruction set negates them.
import CPUIntrinsics

/// Quantises one row.
/// - x: [K]; q: [K / 32][2][32], the h of a block, then its l; scales: [K / 32]; sums: [K / 16], the sums of 255 h + l over
///   half blocks; offsets: [K / 32], scale times the sum over the block (what a weight's minimum meets).
/// K is a multiple of 32. A block of zeros has scale 0. Depends on this row alone: batching changes nothing.
@inline(never)
public func quantizeActivations(
  _ x: UnsafePointer<Float>, _ q: UnsafeMutablePointer<Int8>, _ scales: UnsafeMutablePointer<Float>,
  _ offsets: UnsafeMutablePointer<Float>, _ sums: UnsafeMutablePointer<Int32>, _ K: Int
) {
  for b in 0..<K / 32 {
    let v0 = load(x + b &* 32), v1 = load(x + (b &* 32 &+ 16))
    let scale = largest(maximum(magnitude(v0), magnitude(v1))) / 32512
    let inverse = scale > 0 ? 1 / scale : 0
    let block = q + b &* 64
    let first = split(v0 * inverse, block, block + 32), second = split(v1 * inverse, block + 16, block + 48)
    (sums[2 &* b], sums[2 &* b &+ 1]) = (first, second)
    scales[b] = scale
    offsets[b] = scale * Float(first &+ second)
  }
}

/// Rounds to integers and stores them as 255 h + l. Returns their sum.
@inline(__always)
private func split(_ v: Lanes, _ high: UnsafeMutablePointer<Int8>, _ low: UnsafeMutablePointer<Int8>) -> Int32 {
  let rounder = Lanes(repeating: 12_582_912)  // 1.5 * 2^23: adding it rounds to an integer
  let shifted = v + rounder
  let h = bits((shifted - rounder) * Lanes(repeating: 1 / 255) + rounder) &- bits(rounder)
  let whole = bits(shifted) &- bits(rounder)
  storeBytes(h, high)
  storeBytes(whole &- (h &<< 8 &- h), low)
  return sum(whole)
}
