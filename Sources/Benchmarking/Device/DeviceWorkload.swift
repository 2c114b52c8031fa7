import Traces

/// One size that a kernel for GPUs is measured at, and what it has to move and compute at least.
public struct DeviceWorkload: Sendable {
  public let definition: Definition
  /// `decode` (a token each of 64 sequences), `prefill` (long prompts), `small` (one token): what engines call with.
  public let kind: String
  public let axes: OrderedMap<Int>
  /// Positions of each sequence, for attention.
  public let context: Int

  /// Tokens of one step that decodes, and of a large prefill.
  static let decoding = 64, prefilling = 8192
  private static let cached = 4096, prompt = 4096

  /// The sizes for a definition; none for one with axes that are not an engine's.
  public static func all(of definition: Definition) -> [DeviceWorkload] {
    switch definition.opType {
    case "gqa_paged" where definition.inputs["qo_indptr"] == nil:
      return [
        DeviceWorkload(attention: definition, "small", sequences: 1, queries: 1, context: cached),
        DeviceWorkload(attention: definition, "decode", sequences: decoding, queries: 1, context: cached),
      ]
    case "gqa_paged", "gqa_ragged":
      return [DeviceWorkload(attention: definition, "prefill", sequences: 2, queries: prompt, context: prompt)]
    case "sampling":
      return [DeviceWorkload(rows: definition, "decode", decoding)]
    case "gemm":
      return [DeviceWorkload(rows: definition, "decode", decoding), DeviceWorkload(rows: definition, "prefill", 4096)]
    default:
      return [
        DeviceWorkload(rows: definition, "decode", decoding), DeviceWorkload(rows: definition, "prefill", prefilling),
      ]
    }
  }

  /// From 1 row, or 1 sequence, to many, by factors of four.
  public static func sweep(of definition: Definition) -> [DeviceWorkload] {
    let isDecode = definition.opType == "gqa_paged" && definition.inputs["qo_indptr"] == nil
    let isAttention = isDecode || definition.opType == "gqa_paged" || definition.opType == "gqa_ragged"
    let sizes =
      isAttention
      ? [1, 4, 16, 64]
      : definition.opType == "sampling" ? [1, 4, 16, 64, 256] : [1, 4, 16, 64, 256, 1024, 4096, 16_384]
    return sizes.map { size in
      if isDecode {
        return DeviceWorkload(attention: definition, "sweep", sequences: size, queries: 1, context: cached)
      }
      if isAttention {
        return DeviceWorkload(attention: definition, "sweep", sequences: 1, queries: 128 * size, context: 128 * size)
      }
      return DeviceWorkload(rows: definition, "sweep", size)
    }
  }

  /// - rows: the number of tokens, sequences or rows of a batch.
  init(rows definition: Definition, _ kind: String, _ rows: Int) {
    let page = max(1, definition.axes["page_size"]?.value ?? 1)
    (self.definition, self.kind, context) = (definition, kind, 0)
    axes = OrderedMap(
      definition.varAxes.map { axis in
        switch axis {
        case "num_pages": (axis, max(4096, 2 * rows) / page + 1)
        case "max_seq_len": (axis, 8192)
        default: (axis, rows)
        }
      })
  }

  init(attention definition: Definition, _ kind: String, sequences: Int, queries: Int, context: Int) {
    let page = max(1, definition.axes["page_size"]?.value ?? 1), pages = (context + page - 1) / page
    (self.definition, self.kind, self.context) = (definition, kind, context)
    axes = OrderedMap(
      definition.varAxes.map { axis in
        switch axis {
        case "total_q": (axis, sequences * queries)
        case "total_kv": (axis, sequences * context)
        case "len_indptr": (axis, sequences + 1)
        case "num_pages", "num_kv_indices": (axis, sequences * pages)
        default: (axis, sequences)
        }
      })
  }

  /// Sequences of attention, or rows of other operations.
  var rows: Int {
    if let length = axes["len_indptr"] { return length - 1 }
    return axes["num_tokens"] ?? axes["batch_size"] ?? axes["num_rows"] ?? axes["M"] ?? 0
  }

  /// Least bytes and operations: each row of a table or a cache that is reached counts once.
  public var cost: WorkCost {
    func bytes(_ name: String) -> Double { elements(name) * width(name) }
    let outputs = definition.outputs.names.reduce(0) { $0 + bytes($1) }
    switch definition.opType {
    case "embedding":
      return WorkCost(
        bytes: bytes("tokens") + outputs + elements("output") * width("weight"), operations: 0)
    case "kv_store":
      let stored = elements("k") * width("k_cache") + elements("v") * width("v_cache")
      return WorkCost(bytes: bytes("k") + bytes("v") + bytes("slots") + stored, operations: 0)
    case "rope":
      let table = Double(rows * (definition.axes["rotary_dim"]?.value ?? 0)) * width("cos_sin_cache")
      return WorkCost(bytes: bytes("q") + bytes("k") + bytes("positions") + table + outputs, operations: 0)
    case "gqa_paged", "gqa_ragged": return attention(outputs)
    case "gemm":
      let n = Double(definition.axes["N"]?.value ?? 0), k = Double(definition.axes["K"]?.value ?? 0)
      return WorkCost(bytes: bytes("A") + bytes("B") + outputs, operations: 2 * Double(rows) * n * k)
    default:
      return WorkCost(bytes: definition.inputs.names.reduce(outputs) { $0 + bytes($1) }, operations: 0)
    }
  }

  private func attention(_ outputs: Double) -> WorkCost {
    let heads = Double(definition.axes["num_qo_heads"]?.value ?? 0), width = self.width
    let keyHeads = Double(definition.axes["num_kv_heads"]?.value ?? 0)
    let dimension = Double(definition.axes["head_dim"]?.value ?? 0)
    let key = definition.inputs["k_cache"] == nil ? "k" : "k_cache"
    let positions = Double(rows * context), queries = elements("q") / max(1, heads * dimension)
    // A query sees itself and all before it; queries are the last positions of their sequences.
    let own = queries / Double(max(1, rows)), pairs = queries * (Double(context) - (own - 1) / 2)
    return WorkCost(
      bytes: 2 * positions * keyHeads * dimension * width(key) + elements("q") * width("q") + outputs,
      operations: 4 * pairs * heads * dimension)
  }

  private func spec(_ name: String) -> TensorSpec? { definition.inputs[name] ?? definition.outputs[name] }

  private func elements(_ name: String) -> Double {
    (spec(name)?.shape ?? []).reduce(1) { $0 * Double(definition.axes[$1]?.value ?? axes[$1] ?? 0) }
  }

  /// Bytes of an element; 0 for host scalars.
  private func width(_ name: String) -> Double {
    spec(name).map { $0.isScalar ? 0 : Double($0.dtype.bitWidth) / 8 } ?? 0
  }
}
