// Activations as int8 in blocks of 32 along K: x ≈ scale * q, scale = max|x| / 127.
import CPUIntrinsics

/// Quantises one row.
/// - x: [K]; q: [K]; scales: [K / 32]; sums: [K / 16], the sums of q over half blocks (what a weight's minimum meets).
/// K is a multiple of 32. A block of zeros has scale 0. Depends on this row alone: batching changes nothing.
@inline(never)
public func quantizeActivations(
  _ x: UnsafePointer<Float>, _ q: UnsafeMutablePointer<Int8>, _ scales: UnsafeMutablePointer<Float>,
  _ sums: UnsafeMutablePointer<Int32>, _ K: Int
) {
  let rounder = Lanes(repeating: 12_582_912)  // 1.5 * 2^23
  for b in 0..<K / 32 {
    let v0 = load(x + b &* 32), v1 = load(x + (b &* 32 &+ 16))
    let scale = largest(maximum(magnitude(v0), magnitude(v1))) / 127
    let inverse = scale > 0 ? 1 / scale : 0
    let i0 = bits(v0 * inverse + rounder) &- bits(rounder)
    let i1 = bits(v1 * inverse + rounder) &- bits(rounder)
    storeBytes(i0, q + b &* 32)
    storeBytes(i1, q + (b &* 32 &+ 16))
    scales[b] = scale
    sums[2 &* b] = sum(i0)
    sums[2 &* b &+ 1] = sum(i1)
  }
}
