import Glibc
import Tensors

/// Inputs that random numbers alone do not make: indices, offsets, probabilities, and numbers at the ends of their types.
extension ConformanceCall {
  mutating func makeIndices() {
    switch definition.opType {
    case "embedding": makeTokens()
    case "rope":
      let length = axes["max_seq_len"] ?? 1, random = random("positions")
      setIndices("positions") { Int32(random.below(length, $0)) }
    case "kv_store": makeSlots()
    case "gqa_paged", "gqa_ragged": makeSequences()
    case "merge_states": makeEmptySums()
    case "sampling": makeSampling()
    case "silu_and_mul": makeGates()
    default: break
    }
  }

  private mutating func setIndices(_ name: String, _ value: (Int) -> Int32) {
    guard let count = tensors[name]?.count else { return }
    tensors[name] = Tensor((0..<count).map(value), [count])
  }

  /// A shard gets tokens of others, too: below it, above it, and none at all.
  private mutating func makeTokens() {
    let size = definition.axes["vocab_size"]?.value ?? 1, random = random("tokens")
    guard definition.inputs["vocab_start"] != nil else {
      return setIndices("tokens") { $0 == 1 ? Int32(size - 1) : Int32(random.below(size, $0)) }
    }
    let start = size / 2
    setIndices("tokens") { [-1, Int32(start), Int32(start + size)][safe: $0] ?? Int32(random.below(2 * size, $0)) }
  }

  /// Each slot once; one row in four for none, where the definition has that. Keys hold ties, the ends of float16's range, and what it has no normal for.
  private mutating func makeSlots() {
    let count = (axes["num_pages"] ?? 0) * (definition.axes["page_size"]?.value ?? 1), random = random("slots")
    let order = random.permutation(count)
    guard let keys = tensors["k"] else { return }
    let isFloat8 = definition.inputs["k_scale"] != nil, scale = Float(scalars["k_scale"] ?? 1)
    let skips = isFloat8 || keys.dtype != .float32
    setIndices("slots") { skips && $0 % 4 == 2 ? -1 - Int32($0) : Int32(order[$0]) }
    let special: [Float] =
      isFloat8
      ? [0, -0.0, 448, -448, 460, 5000, -1e6, 0x1p-9, 0x1p-10, 0x3p-10, 0x1p-11, 17, 18, 19, 1.0625, 1.1875]
      : [
        0, -0.0, 1 + 0x1p-11, 1 + 0x3p-11, 1 + 0x1p-8, 1 + 0x3p-8, 65_504, 65_519.9, 65_520, -65_536, 1e-8, 0x1p-25,
        0x3p-25, -0x1p-24, 6.1e-5, 0x1.ffcp-15, .infinity, -.infinity,
      ]
    for (i, value) in special.enumerated() where i < keys.count {
      keys.setBits(keys.dtype.encode(value * scale), at: i)
    }
  }

  /// What neither half of a merge saw, and what one of them did not.
  private mutating func makeEmptySums() {
    for (name, rows) in [("s_a", [1, 3]), ("s_b", [2, 3])] {
      guard let sums = tensors[name] else { continue }
      for row in rows where row < sums.count {
        for i in stride(from: row, to: sums.count, by: 7) { sums.elements(as: Float.self)[i] = -.infinity }
      }
    }
  }

  /// In the last row the exponential's whole range.
  private mutating func makeGates() {
    guard let input = tensors["input"], input.shape[0] > 1 else { return }
    let width = input.shape[1] / 2, start = (input.shape[0] - 1) * input.shape[1]
    let gates: [Float] = [-1e4, -1000, -104, -88.8, -20, -0.0, 0, 1e-30, 20, 88.8, 104, 1000]
    for i in 0..<min(width, gates.count) {
      input.setBits(input.dtype.encode(gates[i]), at: start + i)
      input.setBits(input.dtype.encode(1), at: start + width + i)
    }
  }

  private mutating func makeSampling() {
    guard let logits = tensors["logits"] else { return }
    let rows = workload.rows, random = random("parameters")
    func column(_ salt: Int, _ choices: [Float]) -> Tensor {
      Tensor((0..<rows).map { choices[random.below(choices.count, $0 * 8 + salt)] }, [rows])
    }
    tensors["temperature"] = column(0, [0, 0.1, 0.7, 1, 2.5])
    tensors["top_p"] = column(1, [0.05, 0.5, 0.9, 0.999, 1, 1])
    tensors["min_p"] = column(2, [0, 0, 0.05, 0.5, 1])
    tensors["uniform"] = Tensor((0..<rows).map { $0 % 4 == 3 ? 0.999 : random.uniform($0 * 8 + 3) }, [rows])
    let limits: [Int32] = [0, 0, 1, 2, 40, 1_000_000]
    setIndices("top_k") { limits[random.below(limits.count, $0 * 8 + 4)] }
    // Some tokens are masked out; in every fifth row all others are equal.
    let size = logits.shape[1], p = logits.elements(as: Float.self)
    for i in 0..<logits.count {
      p[i] = i / size % 5 == 4 ? -3 : 2 * p[i]
      if i % size % 7 == 1 { p[i] = -.infinity }
    }
  }
}

// MARK: attention

extension ConformanceCall {
  /// Gives each sequence pages of its own in random order. Slots that no sequence uses hold NaN.
  private mutating func makeSequences() {
    let sequences = workload.sequences ?? []
    setOffsets("qo_indptr", sequences.map(\.queries))
    guard let cache = tensors["k_cache"] else { return setOffsets("kv_indptr", sequences.map(\.length)) }
    let pageSize = cache.shape[1]
    var free = random("pages").permutation(cache.shape[0]), indices: [Int32] = [], last: [Int32] = []
    var counts: [Int] = [], used = Set<Int>()
    for sequence in sequences {
      let count = (sequence.length + pageSize - 1) / pageSize, pages = Array(free.suffix(count))
      free.removeLast(count)
      for position in 0..<sequence.length { used.insert(pages[position / pageSize] * pageSize + position % pageSize) }
      indices += pages.map(Int32.init)
      counts.append(count)
      last.append(Int32(sequence.length - max(0, count - 1) * pageSize))
    }
    setOffsets("kv_indptr", counts)
    tensors["kv_indices"] = Tensor(indices, [indices.count])
    tensors["kv_last_page_len"] = Tensor(last, [last.count])
    for name in ["k_cache", "v_cache"] {
      guard let cache = tensors[name] else { continue }
      let slotBytes = cache.byteCount / (cache.shape[0] * pageSize)
      for slot in 0..<cache.shape[0] * pageSize where !used.contains(slot) {
        memset(cache.pointer + slot * slotBytes, 0xFF, slotBytes)
      }
    }
  }

  private mutating func setOffsets(_ name: String, _ counts: [Int]) {
    guard tensors[name] != nil else { return }
    var offsets: [Int32] = [0]
    for count in counts { offsets.append((offsets.last ?? 0) + Int32(count)) }
    tensors[name] = Tensor(offsets, [offsets.count])
  }
}

extension Array {
  fileprivate subscript(safe index: Int) -> Element? { indices.contains(index) ? self[index] : nil }
}
