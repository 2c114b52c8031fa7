import KernelRuntime
import Tensors
import Traces

/// Causal grouped-query attention of ragged queries over paged keys and values in FlashInfer's CSR form: prefill, extend
/// after a cached prefix and decode are the same operation.
/// Definition `gqa_paged_prefill_causal_h<qo>_kv<kv>_d<dim>_ps<page size>`, with `_kv<type>` and `_w<window>` appended.
/// An int8 cache has the inputs `k_scale` and `v_scale`: an element is worth itself times its slot's and head's scale.
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

  public static func definition(
    queryHeads: Int, keyValueHeads: Int, headDimension: Int, pageSize: Int, cacheType: DType, window: Int? = nil
  ) -> Definition {
    .literal { () throws(SchemaError) in
      let form = "h\(queryHeads)_kv\(keyValueHeads)_d\(headDimension)_ps\(pageSize)"
      let suffix = "_kv\(cacheType.rawValue)" + (window.map { "_w\($0)" } ?? "")
      let isScaled = cacheType == .int8
      let caches: [(String, TensorSpec)] =
        ["k_cache", "v_cache"].map {
          ($0, .tensor("num_pages", "page_size", "num_kv_heads", "head_dim", dtype: cacheType))
        }
        + (isScaled ? ["k_scale", "v_scale"] : []).map {
          ($0, .tensor("num_pages", "page_size", "num_kv_heads", dtype: .float32))
        }
      return try Definition(
        name: "gqa_paged_prefill_causal_" + form + suffix, opType: "gqa_paged",
        axes: [
          "num_qo_heads": .const(queryHeads), "num_kv_heads": .const(keyValueHeads), "head_dim": .const(headDimension),
          "page_size": .const(pageSize), "total_q": .var, "num_pages": .var, "len_indptr": .var, "batch_size": .var,
          "num_kv_indices": .var,
        ],
        inputs: OrderedMap(
          [("q", .tensor("total_q", "num_qo_heads", "head_dim", dtype: .float32))] + caches + [
            ("qo_indptr", .tensor("len_indptr", dtype: .int32)), ("kv_indptr", .tensor("len_indptr", dtype: .int32)),
            ("kv_indices", .tensor("num_kv_indices", dtype: .int32)),
            ("kv_last_page_len", .tensor("batch_size", dtype: .int32)), ("sm_scale", .scalar(.float32)),
          ]),
        outputs: [
          "output": .tensor("total_q", "num_qo_heads", "head_dim", dtype: .float32),
          "lse": .tensor("total_q", "num_qo_heads", dtype: .float32),
        ],
        reference: reference(window: window, isScaled: isScaled),
        description: "Grouped-query attention of ragged queries over a paged cache; causal; lse in base 2.",
        tags: ["bucket:num_pages=any"] + (window.map { ["window:\($0)"] } ?? [])
          + caches.map { "strided_pages:\($0.0)" },
        constraints: ["len_indptr == batch_size + 1", "total_q == qo_indptr[-1].item()"])
    }
  }

  private static func reference(window: Int?, isScaled: Bool) -> String {
    func rows(_ name: String) -> String {
      isScaled ? "(\(name)_cache[pages].float() * \(name)_scale[pages].unsqueeze(-1))" : "\(name)_cache[pages].float()"
    }
    return """
      import math
      import torch

      WINDOW = \(window.map(String.init) ?? "None")

      @torch.no_grad()
      def run(q, k_cache, v_cache, \(isScaled ? "k_scale, v_scale, " : "")qo_indptr, kv_indptr, kv_indices, kv_last_page_len, sm_scale):
          total_q, heads, dim = q.shape
          page_size, kv_heads = k_cache.shape[1], k_cache.shape[2]
          output = torch.zeros((total_q, heads, dim), dtype=torch.float32)
          lse = torch.full((total_q, heads), -math.inf, dtype=torch.float32)
          for i in range(len(qo_indptr) - 1):
              q0, q1 = int(qo_indptr[i]), int(qo_indptr[i + 1])
              pages = kv_indices[int(kv_indptr[i]):int(kv_indptr[i + 1])].long()
              if q0 == q1 or len(pages) == 0:
                  continue
              length = (len(pages) - 1) * page_size + int(kv_last_page_len[i])
              k = \(rows("k")).reshape(-1, kv_heads, dim)[:length].repeat_interleave(heads // kv_heads, dim=1)
              v = \(rows("v")).reshape(-1, kv_heads, dim)[:length].repeat_interleave(heads // kv_heads, dim=1)
              scores = torch.einsum("qhd,khd->hqk", q[q0:q1].float(), k) * sm_scale
              position = torch.arange(length - (q1 - q0), length).unsqueeze(1)
              seen = torch.arange(length).unsqueeze(0)
              hidden = seen > position
              if WINDOW is not None:
                  hidden |= seen <= position - WINDOW
              scores.masked_fill_(hidden, -math.inf)
              lse[q0:q1] = (torch.logsumexp(scores, dim=-1) / math.log(2)).T
              output[q0:q1] = torch.einsum("hqk,khd->qhd", torch.softmax(scores, dim=-1), v)
          return output, lse
      """
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
    ]

  /// The same kernels without looking for common pages, to measure what that gains: for who names them in a policy.
  private static let unshared = KernelSolution.fastSwift(
    operation: "gqa_paged", room: "attention", flavor: .swiftFastUnshared, supports: supports
  ) { set, definition, _ throws(KernelError) in FastPagedAttention(set, definition, sharing: false) }

  private static let supports: @Sendable (Definition, BindContext) -> String? = { definition, _ in
    DefinitionForm.refusal(of: definition, among: forms)
  }
  private static let forms = [DType.float32, .float16, .bfloat16, .int8].map {
    DefinitionForm(
      of: Self.definition(queryHeads: 1, keyValueHeads: 1, headDimension: 1, pageSize: 1, cacheType: $0))
  }
}

extension KernelFlavor {
  /// Fast Swift for which sequences with common pages are like any others. No policy prefers it.
  public static let swiftFastUnshared = KernelFlavor(rawValue: "swift-fast-unshared")
}
