import KernelRuntime
import Tensors
import Traces

/// Causal grouped-query attention of ragged queries over paged keys and values in FlashInfer's CSR form: prefill, extend
/// after a cached prefix and decode are the same operation.
/// The definitions are in `PagedAttention+Definition.swift`.
///
///     sequence i: queries qo_indptr[i] ..< qo_indptr[i+1], pages kv_indices[kv_indptr[i] ..< kv_indptr[i+1]],
///     the last page filled up to kv_last_page_len[i]; its last query sits at its last position
public struct PagedAttention: Sendable {
  public let kernel: BoundKernel
  private let scale: Double

  /// - cacheType: float32, float16, bfloat16 or int8. window: how many positions a query sees, itself included; nil for all.
  /// - Throws: `KernelError` when no solution of the library's policy computes it.
  public init(
    _ library: KernelLibrary, queryHeads: Int, keyValueHeads: Int, headDimension: Int, pageSize: Int, cacheType: DType,
    window: Int? = nil, device: Device = .cpu
  ) throws(KernelError) {
    kernel = try library.bind(
      Self.definition(
        queryHeads: queryHeads, keyValueHeads: keyValueHeads, headDimension: headDimension, pageSize: pageSize,
        cacheType: cacheType, window: window), on: device)
    scale = 1 / Double(headDimension).squareRoot()
  }

  /// - query, output: [total_q, qo heads, head dim] float32; lse: [total_q, qo heads], base 2.
  /// - keyCache, valueCache: [pages, page size, kv heads, head dim], pages apart or not; the rest int32.
  /// - keyScales, valueScales: [pages, page size, kv heads] float32 with an int8 cache, pages apart or not; else nil.
  /// - Throws: `runFailed` when an index or a length leaves its array.
  public func callAsFunction(
    query: Tensor, keyCache: Tensor, valueCache: Tensor, keyScales: Tensor? = nil, valueScales: Tensor? = nil,
    qoIndptr: Tensor, kvIndptr: Tensor, kvIndices: Tensor, kvLastPageLen: Tensor, output: Tensor, lse: Tensor,
    on stream: any ExecutionStream
  ) throws(KernelError) {
    guard let keyScales, let valueScales else {
      return try kernel.apply(
        [
          .tensor(query), .tensor(keyCache), .tensor(valueCache), .tensor(qoIndptr), .tensor(kvIndptr),
          .tensor(kvIndices), .tensor(kvLastPageLen), .scalar(scale), .tensor(output), .tensor(lse),
        ], on: stream)
    }
    try kernel.apply(
      [
        .tensor(query), .tensor(keyCache), .tensor(valueCache), .tensor(keyScales), .tensor(valueScales),
        .tensor(qoIndptr), .tensor(kvIndptr), .tensor(kvIndices), .tensor(kvLastPageLen), .scalar(scale),
        .tensor(output), .tensor(lse),
      ], on: stream)
  }

  static func window(of definition: Definition) -> Int? {
    definition.tags.first { $0.hasPrefix("window:") }.flatMap { Int($0.dropFirst("window:".count)) }
  }

  static let solutions: [KernelSolution] =
    KernelSolution.fastSwift(operation: "gqa_paged", room: "attention", supports: supports) {
      set, definition, _ throws(KernelError) in FastPagedAttention(set, definition)
    } + unshared + [
      .cpu(operation: "gqa_paged", flavor: .swift, source: "Kernels/attention/swift", supports: supports) {
        definition, _ throws(KernelError) in
        let window = window(of: definition)
        return SwiftKernel { arguments, _ throws(KernelError) in
          let call = try PagedAttentionCall(arguments, definition)
          pagedAttentionOracle(call, window: window ?? .max)
        }
      }
    ] + [GroupedAttentionDouble.paged.solution]

  /// The same kernels without looking for common pages, to measure what that gains: for who names them in a policy.
  private static let unshared = KernelSolution.fastSwift(
    operation: "gqa_paged", room: "attention", flavor: .swiftFastUnshared, supports: supports
  ) { set, definition, _ throws(KernelError) in FastPagedAttention(set, definition, sharing: false) }

  private static let supports: @Sendable (Definition, BindContext) -> String? = { definition, _ in
    DefinitionForm.refusal(of: definition, among: forms)
  }
  static let forms = [DType.float32, .float16, .bfloat16, .int8].map {
    DefinitionForm(
      of: Self.definition(queryHeads: 1, keyValueHeads: 1, headDimension: 1, pageSize: 1, cacheType: $0),
      also: ["window"])
  }
}

extension KernelFlavor {
  /// Fast Swift for which sequences with common pages are like any others. No policy prefers it.
  public static let swiftFastUnshared = KernelFlavor(rawValue: "swift-fast-unshared")
}
