import Glibc
import Tensors

/// Inputs that random numbers do not make: indices, offsets, probabilities. One entry an operation.
enum StructuredInputs {
  static let table: [String: @Sendable (inout Problem, WorkloadCase, inout SeededGenerator) -> Void] = [
    "embedding": { problem, _, random in
      problem.setIndices("tokens", below: problem.definition.axes["vocab_size"]?.value ?? 1, &random)
    },
    "rope": { problem, _, random in
      problem.setIndices("positions", below: problem.axes["max_seq_len"] ?? 1, &random)
    },
    "kv_store": { problem, workload, random in
      let slots = (problem.axes["num_pages"] ?? 0) * (problem.definition.axes["page_size"]?.value ?? 1)
      let distinct = (0..<Int32(slots)).shuffled(using: &random).prefix(workload.rows)
      problem.tensors["slots"] = Tensor(Array(distinct), [workload.rows])
      // Ties, the ends of float16's range, subnormals, zeros and infinities at both ends of the keys.
      let special: [Float] = [
        1 + 0x1p-11, 1 + 0x3p-11, 1 + 0x1p-8, 1 + 0x3p-8, 65_504, 65_519.9, 65_520, -65_536, 1e-8, 0x1p-25, 0x3p-25,
        -0x1p-24, 6.1e-5, 0x1.ffcp-15, 0x1.ffep-15, -0.0, .infinity, -.infinity, 3.4e38, 0x1p-140,
      ]
      if let keys = problem.tensors["k"] {
        for i in 0..<min(special.count, keys.count) {
          keys.elements(as: Float.self)[i] = special[i]
          keys.elements(as: Float.self)[keys.count - 1 - i] = -special[i]
        }
      }
      // Scales of zero, subnormal ones, NaN, and elements halfway between two whole numbers of them.
      guard let values = problem.tensors["v"], values.count >= 5 else { return }
      let width = values.shape[2], rows: [Float] = [0, 0x1p-149, 0x1.9p-142, 0x1p-126, 3.4e38, .nan, .infinity]
      for row in 0..<min(rows.count, values.count / width) {
        for i in 0..<width { values.elements(as: Float.self)[row * width + i] = rows[row] * Float(i % 3 - 1) }
      }
      for row in rows.count..<max(rows.count, min(rows.count + 4, values.count / width)) {
        for i in 0..<width {
          values.elements(as: Float.self)[row * width + i] = i == 0 ? 127 : Float(i % 253) - 126.5
        }
      }
    },
    "sampling": { problem, workload, random in
      let rows = workload.rows
      func column(_ choices: [Float]) -> Tensor {
        Tensor((0..<rows).map { _ in choices[random.below(choices.count)] }, [rows])
      }
      problem.tensors["temperature"] = column([0, 0.1, 0.7, 1, 2.5])
      problem.tensors["top_p"] = column([0.05, 0.5, 0.9, 0.999, 1, 1])
      problem.tensors["min_p"] = column([0, 0, 0.05, 0.5, 1])
      let limits: [Int32] = [0, 0, 1, 2, 40, 1_000_000]
      problem.tensors["top_k"] = Tensor((0..<rows).map { _ in limits[random.below(limits.count)] }, [rows])
      problem.tensors["uniform"] = Tensor((0..<rows).map { $0 % 4 == 3 ? 0.999 : random.unit() }, [rows])
      // Some tokens are masked out; in every fifth row all others are equal.
      guard let logits = problem.tensors["logits"] else { return }
      let size = logits.count / max(1, rows)
      for i in 0..<logits.count {
        let (row, token) = (i / size, i % size)
        if row % 5 == 4 { logits.elements(as: Float.self)[i] = -3 }
        if token % 7 == 1 { logits.elements(as: Float.self)[i] = -.infinity }
      }
    },
    "gqa_paged": { problem, workload, random in problem.setPages(workload, &random) },
  ]
}

extension Problem {
  fileprivate mutating func setIndices(_ name: String, below bound: Int, _ random: inout SeededGenerator) {
    guard let count = tensors[name]?.count else { return }
    tensors[name] = Tensor((0..<count).map { _ in Int32(random.below(bound)) }, [count])
  }

  /// Gives each sequence pages of its own in random order; slots that no sequence uses hold NaN.
  fileprivate mutating func setPages(_ workload: WorkloadCase, _ random: inout SeededGenerator) {
    guard let keys = tensors["k_cache"] else { return }
    let size = keys.shape[1], caches = ["k_cache", "v_cache", "k_scale", "v_scale"].compactMap { tensors[$0] }
    // Scales make elements of the size that other types have.
    for scales in caches where scales.shape.rank == 3 {
      for i in 0..<scales.count { scales.elements(as: Float.self)[i] /= 128 }
    }
    var free = (0..<Int32(keys.shape[0])).shuffled(using: &random)
    var queries: [Int32] = [0], table: [Int32] = [0], indices: [Int32] = [], last: [Int32] = []
    var used = Set<Int>()
    for sequence in workload.sequences {
      let count = (sequence.length + size - 1) / size, pages = Array(free.suffix(count))
      free.removeLast(count)
      for position in 0..<sequence.length { used.insert(Int(pages[position / size]) * size + position % size) }
      indices += pages
      queries.append((queries.last ?? 0) + Int32(sequence.queries))
      table.append(Int32(indices.count))
      last.append(Int32(sequence.length - max(0, count - 1) * size))
    }
    for slot in 0..<keys.shape[0] * size where !used.contains(slot) {
      for cache in caches {
        let slotBytes = cache.byteCount / (keys.shape[0] * size)
        memset(cache.pointer + slot * slotBytes, 0xFF, slotBytes)
      }
    }
    tensors["qo_indptr"] = Tensor(queries, [queries.count])
    tensors["kv_indptr"] = Tensor(table, [table.count])
    tensors["kv_indices"] = Tensor(indices, [indices.count])
    tensors["kv_last_page_len"] = Tensor(last, [last.count])
  }
}
