import Checkpoints
import KernelRuntime
import Tensors
import Traces

/// C = A · Bᵀ (+ bias): a linear layer with weights B in any of the formats of model files.
/// Definition `gemm_<format>_n<N>_k<K>`, with `_bias` when there is one.
///
/// The weight is an input that never changes: it is handed over at bind, where a solution repacks it for itself.
public struct Gemm: Sendable {
  public let kernel: BoundKernel

  /// - weight: dense [N, K], or the raw blocks as int8 [N, bytes of a row]; bias: [N] float32.
  /// - Throws: `KernelError` when no solution of the library's policy computes it.
  public init(
    _ library: KernelLibrary, weight: Tensor, format: WeightFormat, features N: Int, inputs K: Int, bias: Tensor? = nil,
    device: Device = .cpu
  ) throws(KernelError) {
    var constants = ["B": weight]
    constants["bias"] = bias
    kernel = try library.bind(
      Self.definition(format: format, features: N, inputs: K, hasBias: bias != nil), on: device, constants: constants)
  }

  /// - a: [M, K] float32, rows may be apart; output: [M, N] float32, rows may be apart (a part of a wider tensor).
  public func callAsFunction(_ a: Tensor, output: Tensor, on stream: any ExecutionStream) throws(KernelError) {
    try kernel.apply([.tensor(a), .tensor(output)], on: stream)
  }

  /// - dtype: of A and C: float32, bfloat16 or float16.
  public static func definition(
    format: WeightFormat, features N: Int, inputs K: Int, hasBias: Bool, dtype: DType = .float32
  ) -> Definition {
    .literal { () throws(SchemaError) in
      var axes: OrderedMap<Axis> = ["M": .var, "N": .const(N), "K": .const(K)]
      var inputs: OrderedMap<TensorSpec> = ["A": .tensor("M", "K", dtype: dtype)]
      if let dtype = format.denseType {
        inputs["B"] = .tensor("N", "K", dtype: dtype)
      } else {
        axes["row_bytes"] = .const(K / format.blockElements * format.blockBytes)
        inputs["B"] = .tensor("N", "row_bytes", dtype: .int8)
      }
      if hasBias { inputs["bias"] = .tensor("N", dtype: .float32) }
      return try Definition(
        name: "gemm_\(format.rawValue.lowercased())_n\(N)_k\(K)\(hasBias ? "_bias" : "")\(dtype.nameSuffix)",
        opType: "gemm", axes: axes, inputs: inputs, outputs: ["C": .tensor("M", "N", dtype: dtype)],
        reference: GemmReference.python(format: format, hasBias: hasBias, dtype: dtype),
        description: "A times B transposed\(hasBias ? ", plus bias" : ""); B in \(format.rawValue).",
        tags: ["weight_format:\(format.rawValue)", "strided:A", "strided:C"])
    }
  }

  static func format(of definition: Definition) -> WeightFormat? {
    definition.tags.first { $0.hasPrefix("weight_format:") }
      .flatMap { WeightFormat(rawValue: String($0.dropFirst("weight_format:".count))) }
  }

  static let solutions: [KernelSolution] =
    KernelSolution.fastSwift(operation: "gemm", room: "gemm", supports: needsConstantWeight) {
      set, definition, context throws(KernelError) in
      let weight = context.constants["B"]!, bias = context.constants["bias"]
      guard let format = format(of: definition) else { throw unknownFormat(definition) }
      let N = definition.constant("N"), K = definition.constant("K")
      if let kind = FloatPanels.kind(of: format) {
        return FloatPanelGemm(set, try FloatPanels(packing: weight, kind: kind, N: N, K: K), bias: bias)
      }
      return IntegerPanelGemm(set, try IntegerPanels(packing: weight, format: format, N: N, K: K), bias: bias)
    } + [
      .cpu(operation: "gemm", flavor: .swift, source: "Kernels/gemm/swift", supports: needsConstantWeight) {
        definition, context throws(KernelError) in
        guard let format = format(of: definition) else { throw unknownFormat(definition) }
        let weight = context.constants["B"]!, bias = context.constants["bias"]
        let N = definition.constant("N"), K = definition.constant("K")
        return SwiftKernel { arguments, stream throws(KernelError) in
          gemmOracle(arguments[0].tensor, weight, format, bias, arguments[1].tensor, N: N, K: K, pool: stream.pool)
        }
      }
    ] + [double.solution]

  private static let needsConstantWeight: @Sendable (Definition, BindContext) -> String? = { definition, context in
    guard let format = format(of: definition) else { return "the definition has no tag weight_format:<format>" }
    if let refusal = forms[format].flatMap({ DefinitionForm.refusal(of: definition, among: $0) }) { return refusal }
    if let bytes = definition.axes["row_bytes"]?.value {
      let expected = definition.constant("K") / format.blockElements * format.blockBytes
      if bytes != expected { return "row_bytes is \(bytes), expected \(expected) for K in \(format.rawValue)" }
    }
    guard let weight = context.constants["B"] else { return "the weight B must be handed over at bind" }
    if !weight.isContiguous { return "the weight B must be contiguous" }
    if definition.inputs["bias"] != nil && context.constants["bias"] == nil {
      return "bias must be handed over at bind"
    }
    return nil
  }

  static let forms: [WeightFormat: [DefinitionForm]] = Dictionary(
    uniqueKeysWithValues: WeightFormat.allCases.map { format in
      (
        format,
        [false, true].map {
          DefinitionForm(of: definition(format: format, features: 1, inputs: format.blockElements, hasBias: $0))
        }
      )
    })

  private static func unknownFormat(_ definition: Definition) -> KernelError {
    KernelError(.buildFailed, definition: definition.name, "the definition has no tag weight_format:<format>")
  }
}

extension WeightFormat {
  /// The element type of the dense formats; nil for blocks.
  public var denseType: DType? {
    switch self {
    case .f32: .float32
    case .f16: .float16
    case .bf16: .bfloat16
    default: nil
    }
  }
}
