import CKernels
import KernelRuntime
import Tensors
import Traces

/// residual += x, then y = rmsnorm(residual): the step between two sublayers in one pass over memory.
/// Definition `fused_add_rmsnorm_h<hidden>`; `residual_out` may be `residual` and `output` may be `hidden_states`.
public struct FusedAddRMSNorm: Sendable {
  public let kernel: BoundKernel
  private let eps: Double

  /// - Throws: `KernelError` when no solution of the library's policy computes it.
  public init(_ library: KernelLibrary, hiddenSize: Int, eps: Float, device: Device = .cpu) throws(KernelError) {
    kernel = try library.bind(Self.definition(hiddenSize: hiddenSize), on: device)
    self.eps = Double(eps)
  }

  /// - hiddenStates, residual, output: [batch, hidden] float32; weight: [hidden]. `residual` is updated in place.
  public func callAsFunction(
    _ hiddenStates: Tensor, residual: Tensor, weight: Tensor, output: Tensor, on stream: any ExecutionStream
  ) throws(KernelError) {
    try kernel.apply(
      [
        .tensor(hiddenStates), .tensor(residual), .tensor(weight), .scalar(eps), .tensor(output), .tensor(residual),
      ], on: stream)
  }

  /// - dtype: of activations and weight: float32, bfloat16 or float16. The sum is normalised before it is rounded.
  public static func definition(hiddenSize: Int, dtype: DType = .float32) -> Definition {
    .literal { () throws(SchemaError) in
      let normalized = dtype.rounded(python: "x * inv_rms * weight.to(torch.float32)")
      return try Definition(
        name: "fused_add_rmsnorm_h\(hiddenSize)\(dtype.nameSuffix)", opType: "fused_add_rmsnorm",
        axes: ["batch_size": .var, "hidden_size": .const(hiddenSize)],
        inputs: [
          "hidden_states": .tensor("batch_size", "hidden_size", dtype: dtype),
          "residual": .tensor("batch_size", "hidden_size", dtype: dtype),
          "weight": .tensor("hidden_size", dtype: dtype),
          "eps": .scalar(.float32),
        ],
        outputs: [
          "output": .tensor("batch_size", "hidden_size", dtype: dtype),
          "residual_out": .tensor("batch_size", "hidden_size", dtype: dtype),
        ],
        reference: """
          import torch

          @torch.no_grad()
          def run(hidden_states, residual, weight, eps):
              x = hidden_states.to(torch.float32) + residual.to(torch.float32)
              inv_rms = torch.rsqrt(x.pow(2).mean(dim=-1, keepdim=True) + eps)
              return \(normalized), \(dtype.rounded(python: "x"))
          """,
        description: "Adds the residual, then root mean square normalization over the last axis.",
        tags: ["in_place:output=hidden_states", "in_place:residual_out=residual"])
    }
  }

  /// The public data set has other forms of this operation.
  private static let supports: @Sendable (Definition, BindContext) -> String? = { definition, _ in
    form.refusal(of: definition)
  }
  static let form = DefinitionForm(of: definition(hiddenSize: 1))

  static let solutions: [KernelSolution] =
    KernelSolution.fastSwift(operation: "fused_add_rmsnorm", room: "rmsnorm", supports: supports) {
      set, definition, _ throws(KernelError) in
      let hidden = definition.constant("hidden_size"), fused = RMSNormFunctions.fusedAddRMSNorm(set)
      return SwiftKernel { arguments, stream throws(KernelError) in
        let x = arguments[0].tensor.elements(as: Float.self), residual = arguments[1].tensor.elements(as: Float.self)
        let weight = arguments[2].tensor.elements(as: Float.self), eps = Float(arguments[3].scalar)
        let y = arguments[4].tensor.elements(as: Float.self), sum = arguments[5].tensor.elements(as: Float.self)
        let rows = arguments[0].tensor.shape[0]
        let (chunks, size) = rowChunks(rows, minimum: 8, threads: stream.pool.threadCount)
        stream.pool.parallel(chunks) { chunk in
          fused(x, residual, weight, y, sum, chunk * size..<min(rows, (chunk + 1) * size), hidden, eps)
        }
      }
    } + [
      .cpu(operation: "fused_add_rmsnorm", flavor: .cpp, source: "Kernels/rmsnorm/cpp", supports: supports) {
        definition, _ throws(KernelError) in
        let hidden = definition.constant("hidden_size")
        return SwiftKernel { arguments, _ throws(KernelError) in
          swiftlet_fused_add_rmsnorm(
            arguments[0].tensor.elements(as: Float.self), arguments[1].tensor.elements(as: Float.self),
            arguments[2].tensor.elements(as: Float.self), Float(arguments[3].scalar),
            arguments[4].tensor.elements(as: Float.self), arguments[5].tensor.elements(as: Float.self),
            arguments[0].tensor.shape[0], hidden)
        }
      },
      .cpu(operation: "fused_add_rmsnorm", flavor: .swift, source: "Kernels/rmsnorm/swift", supports: supports) {
        definition, _ throws(KernelError) in
        let hidden = definition.constant("hidden_size")
        return SwiftKernel { arguments, _ throws(KernelError) in
          fusedAddRMSNormOracle(
            arguments[0].tensor.elements(as: Float.self), residual: arguments[1].tensor.elements(as: Float.self),
            weight: arguments[2].tensor.elements(as: Float.self), eps: Float(arguments[3].scalar),
            into: arguments[4].tensor.elements(as: Float.self), sum: arguments[5].tensor.elements(as: Float.self),
            rows: arguments[0].tensor.shape[0], hidden: hidden)
        }
      },
    ] + [double.solution]
}
