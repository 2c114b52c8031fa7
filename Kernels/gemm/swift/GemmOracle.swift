import Checkpoints
import KernelRuntime
import Tensors

/// The definition of gemm in plain Swift: each weight row is dequantised exactly, then multiplied with every row of A in
/// float32. Eight partial sums along K, then in order.
/// - a: [M, K]; b: [N, K] or raw blocks [N, row bytes]; c: [M, N].
func gemmOracle(
  _ a: Tensor, _ b: Tensor, _ format: WeightFormat, _ bias: Tensor?, _ c: Tensor, N: Int, K: Int, pool: WorkerPool
) {
  let x = a.elements(as: Float.self), y = c.elements(as: Float.self), bias = bias?.elements(as: Float.self)
  let M = a.shape[0], lda = a.strides[0], ldc = c.strides[0], rowBytes = K / format.blockElements * format.blockBytes
  let chunk = 16
  pool.parallel((N + chunk - 1) / chunk) { index in
    withUnsafeTemporaryAllocation(of: Float.self, capacity: K) { weights in
      for n in (index * chunk)..<min(N, (index + 1) * chunk) {
        Dequantization.dequantize(
          UnsafeRawBufferPointer(start: b.pointer + n * rowBytes, count: rowBytes), format: format, into: weights)
        for m in 0..<M { y[m * ldc + n] = dot(x + m * lda, weights.baseAddress!, K) + (bias?[n] ?? 0) }
      }
    }
  }
}

private func dot(_ x: UnsafePointer<Float>, _ w: UnsafePointer<Float>, _ K: Int) -> Float {
  var partial = SIMD8<Float>()
  var k = 0
  while k + 8 <= K {
    partial +=
      UnsafeRawPointer(x + k).loadUnaligned(as: SIMD8<Float>.self)
      * UnsafeRawPointer(w + k).loadUnaligned(as: SIMD8<Float>.self)
    k += 8
  }
  var total: Float = 0
  for lane in 0..<8 { total += partial[lane] }
  while k < K {
    total += x[k] * w[k]
    k += 1
  }
  return total
}
