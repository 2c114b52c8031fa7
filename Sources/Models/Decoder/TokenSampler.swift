import KernelRuntime
import Kernels
import Tensors

/// Chooses one token for each row of logits, through the sampling kernel. Belongs to one thread.
public final class TokenSampler {
  private let kernel: Sampler
  private let temperature: Tensor, topK: Tensor, topP: Tensor, minP: Tensor, uniform: Tensor, samples: Tensor

  /// - Throws: `KernelError` when no sampling kernel is allowed by the library's policy.
  public init(_ library: KernelLibrary, vocabularySize: Int, maxRows: Int) throws(KernelError) {
    kernel = try Sampler(library, vocabularySize: vocabularySize)
    func floats() -> Tensor { Tensor(.float32, [maxRows]) }
    (temperature, topP, minP, uniform) = (floats(), floats(), floats(), floats())
    topK = Tensor(.int32, [maxRows])
    samples = Tensor(.int32, [maxRows])
  }

  /// How one row is drawn; fields as in the sampling definition.
  public struct Row: Sendable {
    public var temperature: Float, topK: Int32, topP: Float, minP: Float, uniform: Float
    public init(temperature: Float, topK: Int32, topP: Float, minP: Float, uniform: Float) {
      (self.temperature, self.topK, self.topP) = (temperature, topK, topP)
      (self.minP, self.uniform) = (minP, uniform)
    }
  }

  /// - logits: [rows, vocabulary] float32.
  public func sample(_ rows: [Row], logits: Tensor, on stream: any ExecutionStream) throws(KernelError) -> [Int32] {
    let count = rows.count
    for (i, row) in rows.enumerated() {
      temperature.elements(as: Float.self)[i] = row.temperature
      topK.elements(as: Int32.self)[i] = row.topK
      topP.elements(as: Float.self)[i] = row.topP
      minP.elements(as: Float.self)[i] = row.minP
      uniform.elements(as: Float.self)[i] = row.uniform
    }
    func first(_ tensor: Tensor) -> Tensor { tensor.narrow(0, from: 0, count: count) }
    try kernel(
      logits: logits, temperature: first(temperature), topK: first(topK), topP: first(topP), minP: first(minP),
      uniform: first(uniform), samples: first(samples), on: stream)
    return first(samples).int32s
  }
}
