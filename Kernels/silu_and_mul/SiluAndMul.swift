import CKernels
import KernelRuntime
import KernelsAVX2
import KernelsAVX512
import KernelsBaseline
import Tensors
import Traces

/// The gate of a SwiGLU feed-forward (Shazeer 2020): silu(gate) * up. Definition `silu_and_mul_h<width>`; the input holds
/// gate and up side by side, as FlashInfer's operation takes them.
public struct SiluAndMul: Sendable {
  public let kernel: BoundKernel

  /// - Throws: `KernelError` when no solution of the library's policy computes it.
  public init(_ library: KernelLibrary, intermediateSize: Int, device: Device = .cpu) throws(KernelError) {
    kernel = try library.bind(Self.definition(intermediateSize: intermediateSize), on: device)
  }

  /// - input: [tokens, 2 * intermediate] float32, gate then up; output: [tokens, intermediate].
  public func callAsFunction(_ input: Tensor, output: Tensor, on stream: any ExecutionStream) throws(KernelError) {
    try kernel.apply([.tensor(input), .tensor(output)], on: stream)
  }

  /// - dtype: of input and output: float32, bfloat16 or float16.
  public static func definition(intermediateSize: Int, dtype: DType = .float32) -> Definition {
    .literal { () throws(SchemaError) in
      try Definition(
        name: "silu_and_mul_h\(intermediateSize)\(dtype.nameSuffix)", opType: "silu_and_mul",
        axes: [
          "num_tokens": .var, "intermediate_size": .const(intermediateSize),
          "double_size": .const(2 * intermediateSize),
        ],
        inputs: ["input": .tensor("num_tokens", "double_size", dtype: dtype)],
        outputs: ["output": .tensor("num_tokens", "intermediate_size", dtype: dtype)],
        reference: """
          import torch

          @torch.no_grad()
          def run(input):
              gate, up = input.to(torch.float32).chunk(2, dim=-1)
              return \(dtype.rounded(python: "torch.nn.functional.silu(gate) * up"))
          """,
        description: "silu of the first half of each row times the second half.")
    }
  }

  private typealias Function = @Sendable (UnsafePointer<Float>, UnsafeMutablePointer<Float>, Range<Int>, Int) -> Void

  private static func function(_ set: InstructionSet) -> Function {
    switch set {
    case .avx512: { KernelsAVX512.siluAndMul($0, $1, rows: $2, width: $3) }
    case .avx2: { KernelsAVX2.siluAndMul($0, $1, rows: $2, width: $3) }
    case .baseline: { KernelsBaseline.siluAndMul($0, $1, rows: $2, width: $3) }
    }
  }

  private static let supports: @Sendable (Definition, BindContext) -> String? = { definition, _ in
    if let refusal = form.refusal(of: definition) { return refusal }
    let width = definition.constant("intermediate_size"), double = definition.constant("double_size")
    return double == 2 * width ? nil : "double_size is \(double), expected 2 * intermediate_size = \(2 * width)"
  }
  static let form = DefinitionForm(of: definition(intermediateSize: 1))

  static let solutions: [KernelSolution] =
    KernelSolution.fastSwift(operation: "silu_and_mul", room: "silu_and_mul", supports: supports) {
      set, definition, _ throws(KernelError) in
      let width = definition.constant("intermediate_size"), function = function(set)
      return SwiftKernel { arguments, stream throws(KernelError) in
        let x = arguments[0].tensor.elements(as: Float.self), y = arguments[1].tensor.elements(as: Float.self)
        let rows = arguments[0].tensor.shape[0]
        let (chunks, size) = rowChunks(rows, minimum: 4, threads: stream.pool.threadCount)
        stream.pool.parallel(chunks) { chunk in
          function(x, y, chunk * size..<min(rows, (chunk + 1) * size), width)
        }
      }
    } + [
      .cpu(operation: "silu_and_mul", flavor: .cpp, source: "Kernels/silu_and_mul/cpp", supports: supports) {
        definition, _ throws(KernelError) in
        let width = definition.constant("intermediate_size")
        return SwiftKernel { arguments, stream throws(KernelError) in
          let x = arguments[0].tensor.elements(as: Float.self), y = arguments[1].tensor.elements(as: Float.self)
          let rows = arguments[0].tensor.shape[0]
          let (chunks, size) = rowChunks(rows, minimum: 4, threads: stream.pool.threadCount)
          stream.pool.parallel(chunks) { chunk in
            let start = chunk * size
            swiftlet_silu_and_mul(x + start * 2 * width, y + start * width, min(size, rows - start), width)
          }
        }
      },
      .cpu(operation: "silu_and_mul", flavor: .swift, source: "Kernels/silu_and_mul/swift", supports: supports) {
        definition, _ throws(KernelError) in
        let width = definition.constant("intermediate_size")
        return SwiftKernel { arguments, _ throws(KernelError) in
          siluAndMulOracle(
            arguments[0].tensor.elements(as: Float.self), into: arguments[1].tensor.elements(as: Float.self),
            rows: arguments[0].tensor.shape[0], width: width)
        }
      },
    ] + [double.solution]
}
