import Kernels
import Tensors
import Traces

extension Problem {
  /// The number of rows whose results must not depend on each other.
  var rowCount: Int { axes[Self.batchAxis(of: definition)] ?? 0 }

  /// The same inputs for one row only: what the row would be computed from if it came alone. For attention that is one
  /// query over the positions up to its own.
  func alone(row: Int) throws -> Problem {
    var problem = self
    let axis = Self.batchAxis(of: definition)
    problem.axes[axis] = 1
    for (name, spec) in definition.inputs where spec.shape?.first == axis {
      problem.tensors[name] = tensors[name]?.narrow(0, from: row, count: 1)
    }
    if definition.opType == "gqa_paged" { problem.narrowSequence(to: row, of: self) }
    return problem
  }

  private mutating func narrowSequence(to row: Int, of whole: Problem) {
    guard let queries = whole.tensors["qo_indptr"]?.int32s, let table = whole.tensors["kv_indptr"]?.int32s,
      let pages = whole.tensors["kv_indices"]?.int32s, let last = whole.tensors["kv_last_page_len"]?.int32s,
      let size = definition.axes["page_size"]?.value,
      let sequence = queries.indices.dropLast().first(where: { queries[$0]..<queries[$0 + 1] ~= Int32(row) })
    else { return }
    let own = Array(pages[Int(table[sequence])..<Int(table[sequence + 1])])
    let length = (own.count - 1) * size + Int(last[sequence]) - (Int(queries[sequence + 1]) - 1 - row)
    let needed = (length + size - 1) / size
    tensors["qo_indptr"] = Tensor([0, 1] as [Int32], [2])
    tensors["kv_indptr"] = Tensor([0, Int32(needed)], [2])
    tensors["kv_indices"] = Tensor(Array(own.prefix(needed)), [needed])
    tensors["kv_last_page_len"] = Tensor([Int32(length - (needed - 1) * size)], [1])
    axes["len_indptr"] = 2
    axes["batch_size"] = 1
    axes["num_kv_indices"] = needed
  }

  /// What row `row` of this problem wrote into an output: its row, or the slot of the cache that it was stored in.
  func part(of output: Tensor, row: Int) -> Tensor {
    guard definition.opType == "kv_store", let slots = tensors["slots"]?.int32s else {
      return output.narrow(0, from: row, count: 1)
    }
    let extents = output.shape.array
    return output.reshaped(Shape([extents[0] * extents[1]] + extents.dropFirst(2)))
      .narrow(0, from: Int(slots[row]), count: 1)
  }
}

extension Problem {
  /// Attention over the same memory, seen as pages of one position.
  func withPagesOfOne() -> Problem {
    var problem = self
    guard let size = definition.axes["page_size"]?.value, let queryHeads = definition.axes["num_qo_heads"]?.value,
      let keyValueHeads = definition.axes["num_kv_heads"]?.value, let dimension = definition.axes["head_dim"]?.value,
      let cache = tensors["k_cache"], let table = tensors["kv_indptr"]?.int32s,
      let pages = tensors["kv_indices"]?.int32s, let last = tensors["kv_last_page_len"]?.int32s
    else { return problem }
    let window = definition.tags.first { $0.hasPrefix("window:") }.flatMap { Int($0.dropFirst("window:".count)) }
    problem.definition = PagedAttention.definition(
      queryHeads: queryHeads, keyValueHeads: keyValueHeads, headDimension: dimension, pageSize: 1,
      cacheType: cache.dtype, window: window)
    var offsets: [Int32] = [0], slots: [Int32] = []
    for sequence in last.indices {
      let own = pages[Int(table[sequence])..<Int(table[sequence + 1])]
      for (i, page) in own.enumerated() {
        let filled = i == own.count - 1 ? last[sequence] : Int32(size)
        slots += (0..<filled).map { page * Int32(size) + $0 }
      }
      offsets.append(Int32(slots.count))
    }
    for name in ["k_cache", "v_cache"] {
      problem.tensors[name] = tensors[name]?.reshaped([cache.shape[0] * size, 1, keyValueHeads, dimension])
    }
    for name in ["k_scale", "v_scale"] {
      problem.tensors[name] = tensors[name]?.reshaped([cache.shape[0] * size, 1, keyValueHeads])
    }
    problem.tensors["kv_indptr"] = Tensor(offsets, [offsets.count])
    problem.tensors["kv_indices"] = Tensor(slots, [slots.count])
    problem.tensors["kv_last_page_len"] = Tensor([Int32](repeating: 1, count: last.count), [last.count])
    problem.axes["num_pages"] = cache.shape[0] * size
    problem.axes["num_kv_indices"] = slots.count
    return problem
  }
}
