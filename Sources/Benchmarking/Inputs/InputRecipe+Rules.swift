import Checkpoints
import Tensors
import Traces

/// Which recipe an input gets when no tag names one: by its type, its name, its neighbours and the constraints.
extension InputRecipe {
  /// - Throws: `invalidRule` when the definition's tag for the input cannot be read.
  public static func recipe(for name: String, in definition: Definition) throws(WorkloadError) -> InputRecipe {
    let mark = "input:\(name)="
    if let tag = definition.tags.first(where: { $0.hasPrefix(mark) }) {
      do { return try InputRecipe(text: String(tag.dropFirst(mark.count))) } catch {
        throw WorkloadError(.invalidRule, definition: definition.name, subject: name, error.reason)
      }
    }
    guard let spec = definition.inputs[name] else { return .normal(1) }
    if spec.dtype == .int8, ["B", "weight"].contains(name), let format = weightFormat(of: definition) {
      return .blocks(format)
    }
    return spec.dtype.isFloatingPoint
      ? floating(name, spec, definition) : integer(name, spec, definition)
  }

  /// The storage format of a definition's weight, from its tag `weight_format:<format>`.
  static func weightFormat(of definition: Definition) -> WeightFormat? {
    definition.tags.first { $0.hasPrefix("weight_format:") }
      .flatMap { WeightFormat(rawValue: String($0.dropFirst("weight_format:".count))) }
  }

  private static func floating(_ name: String, _ spec: TensorSpec, _ definition: Definition) -> InputRecipe {
    switch name {
    case "probs", "probabilities": return .probabilities
    case "top_p": return .topP
    case "min_p": return .choice([0, 0, 0.05, 0.5])
    case "temperature": return .choice([0, 0.5, 0.7, 1, 1.5])
    case "uniform": return .uniform(low: 0, high: 1)
    case "logits": return .normal(2)
    case "cos_sin_cache": return .rotaryTable
    case "A" where definition.opType == "mamba_ssu": return .uniform(low: -1, high: -0.0625)
    default: break
    }
    let isNorm = definition.opType.contains("norm")
    if isNorm && name.contains("weight") || name.contains("norm") && name.contains("weight") { return .normWeight }
    if name.contains("scale") { return .scales }
    // So that activations keep their size through two layers of experts.
    if name.contains("weights"), let last = spec.shape?.last, let width = definition.axes[last]?.value, width > 0,
      spec.dtype.bitWidth > 8
    {
      return .normal(1 / Float(width).squareRoot())
    }
    return .normal(1)
  }

  private static func integer(_ name: String, _ spec: TensorSpec, _ definition: Definition) -> InputRecipe {
    if spec.dtype == .bool { return .bits }
    let axes = definition.axes
    if let end = offsetsEnd(name, spec, definition) { return .indptr(end) }
    if name.contains("last_page_len") { return .lastPageLength }
    // Slots of the paged cache: page · page size + offset.
    let slots = axes["page_size"] == nil ? "num_pages" : "num_pages * page_size"
    switch name {
    case "kv_indices", "page_table", "block_table", "block_tables":
      if axes["num_pages"] != nil { return .pages("num_pages") }
    case "slots", "slot_mapping", "page_indices", "sparse_indices":
      if axes["num_pages"] != nil { return .distinct(slots) }
    case "top_k":
      if axes["vocab_size"] != nil { return .topK("vocab_size") }
    case "topk_ids", "expert_ids":
      if axes["num_experts"] != nil {
        return definition.name.contains("routed_moe") ? .packedExperts("num_experts") : .distinct("num_experts")
      }
    case "seq_lens":
      if axes["max_num_pages"] != nil, axes["page_size"] != nil { return .lengths("max_num_pages * page_size") }
    case "positions":
      if axes["max_seq_len"] != nil { return .below("max_seq_len") }
    case "tokens", "token_ids", "input_ids", "indices":
      if axes["vocab_size"] != nil { return .below("vocab_size") }
    case "initial_state_indices", "state_batch_indices", "state_indices":
      if let pool = ["pool_size", "state_cache_size"].first(where: { axes[$0] != nil }) { return .distinct(pool) }
    default: break
    }
    if name.contains("cache_fp8"), spec.dtype == .int8, spec.shape?.count == 4 { return .scaledKeyPages }
    // What FlashInfer-Bench makes of integers that it knows nothing about.
    return spec.dtype == .int8 ? .bits : .integers(low: -1024, high: 1023)
  }

  /// Where an array of offsets ends, when the input is one: the constraint `<end> == name[-1].item()` says so, or its name.
  private static func offsetsEnd(_ name: String, _ spec: TensorSpec, _ definition: Definition) -> String? {
    guard spec.shape?.count == 1 else { return nil }
    for constraint in definition.constraints {
      let sides = constraint.filter { $0 != " " }.split(separator: "=", omittingEmptySubsequences: true)
      guard sides.count == 2, constraint.contains("==") else { continue }
      for (side, other) in [(sides[0], sides[1]), (sides[1], sides[0])]
      where side == "\(name)[-1].item()" || side == "\(name)[-1]" {
        return String(other)
      }
    }
    guard name.contains("indptr") || name.hasPrefix("cu_") else { return nil }
    let likely =
      name.hasPrefix("q") ? ["total_q"] : ["num_kv_indices", "total_kv", "total_seq_len", "total_tokens", "total_q"]
    return likely.first { definition.axes[$0] != nil }
  }
}
