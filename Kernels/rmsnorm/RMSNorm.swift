import CKernels
import KernelRuntime
import Tensors
import Traces

/// y = x / sqrt(mean(x²) + eps) * weight (Zhang & Sennrich 2019), row by row. Definition `rmsnorm_h<hidden>`.
public struct RMSNorm: Sendable {
  public let kernel: BoundKernel
  private let eps: Double

  /// - Throws: `KernelError` when no solution of the library's policy computes it.
  public init(_ library: KernelLibrary, hiddenSize: Int, eps: Float, device: Device = .cpu) throws(KernelError) {
    kernel = try library.bind(Self.definition(hiddenSize: hiddenSize), on: device)
    self.eps = Double(eps)
  }

  /// - hiddenStates, output: [batch, hidden] float32, may be the same tensor; weight: [hidden] float32.
  public func callAsFunction(
    _ hiddenStates: Tensor, weight: Tensor, output: Tensor, on stream: any ExecutionStream
  ) throws(KernelError) {
    try kernel.apply([.tensor(hiddenStates), .tensor(weight), .scalar(eps), .tensor(output)], on: stream)
  }

  /// - dtype: of activations and weight: float32, bfloat16 or float16.
  /// - hasOffset: whether rows are multiplied by 1 + weight (Gemma).
  public static func definition(hiddenSize: Int, dtype: DType = .float32, hasOffset: Bool = false) -> Definition {
    .literal { () throws(SchemaError) in
      let weight = hasOffset ? "(1 + weight.to(torch.float32))" : "weight.to(torch.float32)"
      return try Definition(
        name: "rmsnorm_h\(hiddenSize)\(hasOffset ? "_offset" : "")\(dtype.nameSuffix)", opType: "rmsnorm",
        axes: ["batch_size": .var, "hidden_size": .const(hiddenSize)],
        inputs: [
          "hidden_states": .tensor("batch_size", "hidden_size", dtype: dtype),
          "weight": .tensor("hidden_size", dtype: dtype),
          "eps": .scalar(.float32),
        ],
        outputs: ["output": .tensor("batch_size", "hidden_size", dtype: dtype)],
        reference: """
          import torch

          @torch.no_grad()
          def run(hidden_states, weight, eps):
              x = hidden_states.to(torch.float32)
              inv_rms = torch.rsqrt(x.pow(2).mean(dim=-1, keepdim=True) + eps)
              return \(dtype.rounded(python: "x * inv_rms * " + weight))
          """,
        description: "Root mean square normalization over the last axis.",
        tags: ["in_place:output=hidden_states"] + (hasOffset ? ["weight_offset:1"] : []))
    }
  }

  /// The public data set has other forms of this operation.
  private static let supports: @Sendable (Definition, BindContext) -> String? = { definition, _ in
    form.refusal(of: definition)
  }
  static let form = DefinitionForm(of: definition(hiddenSize: 1))

  static let solutions: [KernelSolution] =
    KernelSolution.fastSwift(operation: "rmsnorm", room: "rmsnorm", supports: supports) {
      set, definition, _ throws(KernelError) in
      let hidden = definition.constant("hidden_size"), rmsNorm = RMSNormFunctions.rmsNorm(set)
      return SwiftKernel { arguments, stream throws(KernelError) in
        let x = arguments[0].tensor.elements(as: Float.self), weight = arguments[1].tensor.elements(as: Float.self)
        let eps = Float(arguments[2].scalar), y = arguments[3].tensor.elements(as: Float.self)
        let rows = arguments[0].tensor.shape[0]
        let (chunks, size) = rowChunks(rows, minimum: 8, threads: stream.pool.threadCount)
        stream.pool.parallel(chunks) { chunk in
          rmsNorm(x, weight, y, chunk * size..<min(rows, (chunk + 1) * size), hidden, eps)
        }
      }
    } + [
      .cpu(operation: "rmsnorm", flavor: .cpp, source: "Kernels/rmsnorm/cpp", supports: supports) {
        definition, _ throws(KernelError) in
        let hidden = definition.constant("hidden_size")
        return SwiftKernel { arguments, _ throws(KernelError) in
          swiftlet_rmsnorm(
            arguments[0].tensor.elements(as: Float.self), arguments[1].tensor.elements(as: Float.self),
            Float(arguments[2].scalar), arguments[3].tensor.elements(as: Float.self), arguments[0].tensor.shape[0],
            hidden)
        }
      },
      .cpu(operation: "rmsnorm", flavor: .swift, source: "Kernels/rmsnorm/swift", supports: supports) {
        definition, _ throws(KernelError) in
        let hidden = definition.constant("hidden_size")
        return SwiftKernel { arguments, _ throws(KernelError) in
          rmsNormOracle(
            arguments[0].tensor.elements(as: Float.self), weight: arguments[1].tensor.elements(as: Float.self),
            eps: Float(arguments[2].scalar), into: arguments[3].tensor.elements(as: Float.self),
            rows: arguments[0].tensor.shape[0], hidden: hidden)
        }
      },
    ] + [double.solution]
}
