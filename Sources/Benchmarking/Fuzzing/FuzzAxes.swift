import Traces

/// Values of variable axes that go together, so that valid inputs exist.
struct FuzzAxes {
  let definition: Definition

  private func isFree(_ axis: String) -> Bool { definition.axes[axis]?.isVariable == true }
  private func constant(_ axis: String) -> Int? { definition.axes[axis]?.value }

  /// Axes that follow from others; the rest may be chosen.
  var chosen: [String] {
    definition.varAxes.filter { axis in
      !(["batch_size", "num_seqs"].contains(axis) && offsetsAxis != nil)
        && !equalities.contains { $0.axis == axis }
    }
  }

  /// The axis of offsets into ragged sequences: one more than there are sequences.
  private var offsetsAxis: String? { ["len_indptr", "len_cu_seqlens"].first(where: isFree) }

  /// Constraints of the form `axis == expression over axes`.
  private var equalities: [(axis: String, text: String)] {
    definition.constraints.compactMap { constraint in
      let sides = constraint.split(separator: "=", omittingEmptySubsequences: true).map { $0.filter { $0 != " " } }
      guard sides.count == 2, constraint.contains("=="), isFree(sides[0]), !sides[1].contains("[") else { return nil }
      // Sequences are counted by their offsets here, not the other way round.
      return sides[0] == offsetsAxis ? nil : (sides[0], sides[1])
    }
  }

  /// The nearest values for which inputs exist: room for what is stored, a page for each query, offsets that fit.
  func repaired(_ axes: OrderedMap<Int>) -> OrderedMap<Int> {
    var axes = OrderedMap(definition.varAxes.map { ($0, min(max(0, axes[$0] ?? 1), 1 << 31)) })
    func raise(_ axis: String, to least: Int) {
      if isFree(axis), let value = axes[axis], value < least { axes[axis] = least }
    }
    let pageSize = max(1, constant("page_size") ?? 1)
    func pages(_ positions: Int) -> Int { positions / pageSize + (positions % pageSize == 0 ? 0 : 1) }
    if let tokens = axes["num_tokens"] {
      raise("num_pages", to: definition.inputs["slots"] == nil ? 0 : pages(tokens) + 1)
      if tokens > 0 { raise("max_seq_len", to: 1) }
    }
    if let queries = axes["total_q"] {
      raise("num_kv_indices", to: pages(queries))
      raise("total_kv", to: queries)
    }
    if let entries = axes["num_kv_indices"], entries > 0 { raise("num_pages", to: entries) }
    if let offsets = offsetsAxis {
      let isEmpty = ["total_q", "num_kv_indices", "total_kv", "total_seq_len"].allSatisfy { (axes[$0] ?? 0) == 0 }
      raise(offsets, to: isEmpty ? 1 : 2)
      for follower in ["batch_size", "num_seqs"] where isFree(follower) { axes[follower] = (axes[offsets] ?? 1) - 1 }
    }
    for pool in ["state_cache_size", "pool_size"] { raise(pool, to: axes["batch_size"] ?? 0) }
    if definition.constraints.contains("seq_len > 1") { raise("seq_len", to: 2) }
    for (axis, text) in equalities {
      if let value = try? AxisExpression.value(text, definition, axes), value >= 0 { axes[axis] = value }
    }
    return axes
  }
}
