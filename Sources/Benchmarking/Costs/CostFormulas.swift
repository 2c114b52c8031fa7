import Tensors
import Traces

/// Bytes and operations of known operations, from axes, tensor sizes and index arrays.
struct CostFormulas {
  let definition: Definition
  let axes: OrderedMap<Int>
  let inputs: WorkloadInputs?

  init(_ definition: Definition, _ axes: OrderedMap<Int>, _ inputs: WorkloadInputs?) {
    (self.definition, self.axes, self.inputs) = (definition, axes, inputs)
  }

  /// Nil for operations without a formula.
  var known: WorkCost? {
    switch definition.opType {
    case "gemm":
      guard let m = axis("M"), let n = axis("N"), let k = axis("K") else { return nil }
      return WorkCost(bytes: m * n * k == 0 ? bytes(of: definition.outputs) : tensorBytes, operations: 2 * m * n * k)
    case "embedding":
      return WorkCost(
        bytes: bytes(of: definition.outputs) + size("tokens") + rows("weight", reachedBy: "tokens"), operations: 0)
    case "kv_store":
      // What is read, and as many slots as there are new keys and values.
      let slots = Double(axes["num_tokens"] ?? 0)
      return WorkCost(
        bytes: size("k") + size("v") + size("slots") + slots * pagedBytes,
        operations: 0)
    case "rope":
      let rotated = elements(["q_out", "k_out"]) * share("rotary_dim", of: "head_size")
      return WorkCost(
        bytes: size("q") + size("k") + size("positions") + bytes(of: definition.outputs)
          + rows("cos_sin_cache", reachedBy: "positions"), operations: 3 * rotated)
    case "rmsnorm", "norm", "fused_add_rmsnorm":
      let n = elements(["output"]), isFused = definition.inputs["residual"] != nil
      return WorkCost(bytes: tensorBytes, operations: (isFused ? 5 : 4) * n)
    case "silu_and_mul": return WorkCost(bytes: tensorBytes, operations: 4 * elements(["output"]))
    case "gqa_paged", "gqa_ragged", "mla_paged", "mla_ragged": return attention
    case "moe": return experts
    default: return nil
    }
  }

  /// All inputs and outputs once. Where index inputs choose rows, tensors along an axis that no output has count nothing.
  var tensorBytes: Double {
    let isIndexed = definition.inputs.contains {
      !$0.value.dtype.isFloatingPoint && $0.value.dtype != .bool && $0.value.dtype != .int8 && !$0.value.isScalar
    }
    let written = Set(definition.outputs.flatMap { $0.value.shape ?? [] })
    var sum = bytes(of: definition.outputs)
    for (name, spec) in definition.inputs {
      let isPool =
        isIndexed && spec.dtype.isFloatingPoint
        && (spec.shape ?? []).contains { definition.axes[$0]?.isVariable == true && !written.contains($0) }
      if !isPool { sum += size(name) }
    }
    return sum
  }

  // MARK: sizes

  func axis(_ name: String) -> Double? { (definition.axes[name]?.value ?? axes[name]).map(Double.init) }

  private func count(_ spec: TensorSpec) -> Double {
    (spec.shape ?? []).reduce(1) { $0 * (axis($1) ?? 0) }
  }

  private func bytes(_ spec: TensorSpec) -> Double {
    spec.isScalar ? 0 : (count(spec) * Double(spec.dtype.bitWidth) / 8).rounded(.up)
  }

  /// Bytes of an input.
  func size(_ name: String) -> Double { definition.inputs[name].map(bytes) ?? 0 }

  func bytes(of specs: OrderedMap<TensorSpec>) -> Double { specs.reduce(0) { $0 + bytes($1.value) } }

  private func elements(_ names: [String]) -> Double {
    names.reduce(0) { $0 + (definition.outputs[$1].map(count) ?? 0) }
  }

  private func share(_ part: String, of whole: String) -> Double {
    guard let part = axis(part), let whole = axis(whole), whole > 0 else { return 1 }
    return min(1, part / whole)
  }

  /// Bytes of one row along the outermost axis of an input.
  private func rowBytes(_ name: String) -> Double {
    guard let spec = definition.inputs[name], let outermost = spec.shape?.first, let rows = axis(outermost), rows > 0
    else { return 0 }
    return bytes(spec) / rows
  }

  /// Bytes of one position of a cache [pages, page size, …].
  func slotBytes(_ name: String) -> Double { rowBytes(name) / max(1, axis("page_size") ?? 1) }

  /// Bytes of one position of keys and values [pages, page size, …], scales included.
  var pagedBytes: Double { ["k_cache", "v_cache", "k_scale", "v_scale"].reduce(0) { $0 + slotBytes($1) } }

  /// Bytes of the rows of `table` that an index input names, each once; of one row when the indices are not known.
  private func rows(_ table: String, reachedBy indices: String) -> Double {
    guard let tensor = inputs?.tensor(indices), !tensor.dtype.isFloatingPoint else {
      return (definition.inputs[indices].map(count) ?? 0) > 0 ? rowBytes(table) : 0
    }
    return rowBytes(table) * Double(Set(tensor.integers).count)
  }

  /// Activations and results; the weights of as many experts as one token uses, where all experts are at hand.
  private var experts: WorkCost {
    let tokens = axis("seq_len") ?? 0, chosen = axis("top_k") ?? 1
    let isWhole =
      (axis("num_local_experts") ?? axis("num_experts")) == (axis("num_experts") ?? axis("num_local_experts"))
    var bytes = size("hidden_states") + size("routing_logits") + size("topk_ids") + bytes(of: definition.outputs)
    var operations = 0.0
    if isWhole, tokens > 0 {
      bytes += chosen * (rowBytes("gemm1_weights") + rowBytes("gemm2_weights"))
      let hidden = axis("hidden_size") ?? 0, inner = axis("intermediate_size") ?? 0
      operations = 2 * tokens * chosen * hidden * inner * 3
    }
    return WorkCost(bytes: bytes, operations: operations)
  }
}
