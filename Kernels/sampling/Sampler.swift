import KernelRuntime
import Tensors
import Traces

/// One token for each row of logits: temperature, top-k, top-p, min-p, then a draw with a given random number.
/// Definition `sampling_from_logits_v<vocabulary>`. All randomness is in `uniform`, so the kernel is a function.
public struct Sampler: Sendable {
  public let kernel: BoundKernel

  /// - Throws: `KernelError` when no solution of the library's policy computes it.
  public init(_ library: KernelLibrary, vocabularySize: Int, device: Device = .cpu) throws(KernelError) {
    kernel = try library.bind(Self.definition(vocabularySize: vocabularySize), on: device)
  }

  /// - logits: [batch, vocabulary] float32. temperature (0: most likely token, the lowest id of equals), topP in (0, 1],
  ///   minP in [0, 1], uniform in [0, 1): [batch] float32; topK (0: all): [batch] int32; samples: [batch] int32.
  /// - Throws: `runFailed` naming the row that holds a NaN or no finite logit.
  public func callAsFunction(
    logits: Tensor, temperature: Tensor, topK: Tensor, topP: Tensor, minP: Tensor, uniform: Tensor, samples: Tensor,
    on stream: any ExecutionStream
  ) throws(KernelError) {
    try kernel.apply(
      [
        .tensor(logits), .tensor(temperature), .tensor(topK), .tensor(topP), .tensor(minP), .tensor(uniform),
        .tensor(samples),
      ], on: stream)
  }

  public static func definition(vocabularySize: Int) -> Definition {
    .literal { () throws(SchemaError) in
      try Definition(
        name: "sampling_from_logits_v\(vocabularySize)", opType: "sampling",
        axes: ["batch_size": .var, "vocab_size": .const(vocabularySize)],
        inputs: [
          "logits": .tensor("batch_size", "vocab_size", dtype: .float32),
          "temperature": .tensor("batch_size", dtype: .float32), "top_k": .tensor("batch_size", dtype: .int32),
          "top_p": .tensor("batch_size", dtype: .float32), "min_p": .tensor("batch_size", dtype: .float32),
          "uniform": .tensor("batch_size", dtype: .float32),
        ],
        outputs: ["samples": .tensor("batch_size", dtype: .int32)],
        reference: """
          import torch

          @torch.no_grad()
          def run(logits, temperature, top_k, top_p, min_p, uniform):
              samples = torch.empty(logits.shape[0], dtype=torch.int32)
              for row in range(logits.shape[0]):
                  x, order = torch.sort(logits[row].to(torch.float64), descending=True, stable=True)
                  if temperature[row] <= 0:
                      samples[row] = order[0]
                      continue
                  weights = torch.exp((x - x[0]) / temperature[row].to(torch.float64))
                  if top_k[row] > 0:
                      weights = weights[: int(top_k[row])]
                  kept = len(weights)
                  if top_p[row] < 1:
                      enough = torch.cumsum(weights, 0) >= top_p[row].to(torch.float64) * weights.sum()
                      kept = min(kept, int(enough.to(torch.int64).argmax()) + 1)
                  kept = max(1, min(kept, int((weights >= min_p[row]).sum())))
                  cumulative = torch.cumsum(weights[:kept], 0)
                  drawn = int((cumulative <= uniform[row].to(torch.float64) * cumulative[-1]).sum())
                  samples[row] = order[min(drawn, kept - 1)]
              return samples
          """,
        description: "Temperature, top-k, top-p, min-p and a draw by inverse cumulative distribution.")
    }
  }

  /// The public data set has other forms of this operation.
  private static let supports: @Sendable (Definition, BindContext) -> String? = { definition, _ in
    form.refusal(of: definition)
  }
  private static let form = DefinitionForm(of: definition(vocabularySize: 1))

  static let solutions: [KernelSolution] =
    KernelSolution.fastSwift(operation: "sampling", room: "sampling", supports: supports) {
      set, definition, _ throws(KernelError) in
      let fast = FastSampling(set: set)
      return sampling(definition) { fast.sample($0, $1) }
    } + [
      .cpu(operation: "sampling", flavor: .swift, source: "Kernels/sampling/swift", supports: supports) {
        definition, _ throws(KernelError) in
        sampling(definition) { samplingOracle($0, $1) }
      }
    ]

  private static func sampling(
    _ definition: Definition, _ draw: @escaping @Sendable (UnsafeBufferPointer<Float>, SamplingRow) -> Int32?
  ) -> SwiftKernel {
    let size = definition.constant("vocab_size")
    return SwiftKernel { arguments, stream throws(KernelError) in
      func floats(_ i: Int) -> UnsafeMutablePointer<Float> { arguments[i].tensor.elements(as: Float.self) }
      let logits = floats(0), temperature = floats(1), topP = floats(3), minP = floats(4), uniform = floats(5)
      let topK = arguments[2].tensor.elements(as: Int32.self), samples = arguments[6].tensor.elements(as: Int32.self)
      let rows = arguments[0].tensor.shape[0]
      stream.pool.parallel(rows) { row in
        let parameters = SamplingRow(
          temperature: temperature[row], topK: Int(max(0, topK[row])), topP: topP[row], minP: minP[row],
          uniform: uniform[row])
        samples[row] = draw(UnsafeBufferPointer(start: logits + row * size, count: size), parameters) ?? -1
      }
      for row in 0..<rows where samples[row] < 0 {
        throw KernelError(
          .runFailed, definition: definition.name, "row \(row) of the logits holds a NaN or no finite value")
      }
    }
  }
}
