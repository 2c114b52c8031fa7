import Tensors
import Traces

extension CostFormulas {
  /// Scores and weighted sums over the keys that each query sees, and the cache's positions that any query sees once.
  var attention: WorkCost {
    let heads = axis("num_qo_heads") ?? 0
    let scored: Double, summed: Double, position: Double
    if let latent = axis("head_dim_ckv") {
      scored = latent + (axis("head_dim_kpe") ?? 0)
      summed = latent
      position = slotBytes("ckv_cache") + slotBytes("kpe_cache")
    } else {
      scored = axis("head_dim") ?? axis("qk_dim") ?? 0
      summed = axis("head_dim") ?? axis("vo_dim") ?? 0
      position = pagedBytes + rowOf("k") + rowOf("v")
    }
    let seen = visible
    var bytes = bytes(of: definition.outputs) + position * seen.positions
    for name in ["q", "q_nope", "q_pe", "qo_indptr", "kv_indptr", "kv_indices", "kv_last_page_len"] {
      bytes += size(name)
    }
    return WorkCost(bytes: bytes, operations: 2 * heads * (scored + summed) * seen.pairs)
  }

  /// Bytes of one cached position of a ragged key or value [total_kv, …].
  private func rowOf(_ name: String) -> Double {
    guard let positions = axis("total_kv"), positions > 0 else { return 0 }
    return size(name) / positions
  }

  /// Pairs of a query and a key that it sees, and positions that some query sees. Pages that sequences share count once.
  private var visible: (pairs: Double, positions: Double) {
    let pageSize = min(max(1, definition.axes["page_size"]?.value ?? 1), 1 << 24)
    guard let offsets = integers("kv_indptr"), offsets.count > 1 else {
      // Nothing is known but that each query sees a key, and that all pages but the last of a sequence are full.
      let queries = axis("total_q") ?? axis("batch_size") ?? 0
      return (min(queries, axis("num_kv_indices") ?? axis("total_kv") ?? 0), 0)
    }
    let queries = integers("qo_indptr"), last = integers("kv_last_page_len"), pages = integers("kv_indices")
    let isCausal = queries != nil
    let window =
      definition.tags.first { $0.hasPrefix("window:") }.flatMap { Int($0.dropFirst("window:".count)) } ?? .max
    var (pairs, positions) = (0.0, 0.0), counted = Set<Int>()
    for i in 0..<offsets.count - 1 {
      let table = offsets[i + 1] - offsets[i]
      let rows = queries.map { i + 1 < $0.count ? $0[i + 1] - $0[i] : 0 } ?? 1
      if table <= 0 || rows <= 0 { continue }
      let onLast = pageSize == 1 ? 1 : last.map { i < $0.count ? $0[i] : 1 } ?? pageSize
      let length = (table - 1) * pageSize + onLast
      // The first query sees up to its own position.
      let first = isCausal ? length - rows + 1 : length
      pairs += Self.pairs(from: max(0, first), through: length, window: window)
      let start = max(0, window == .max ? 0 : max(1, first) - window)
      guard let pages else {
        positions += Double(max(0, length - start))
        continue
      }
      for slot in start / pageSize..<max(start / pageSize, min(table, pages.count - offsets[i])) {
        let used = min(length, (slot + 1) * pageSize) - max(start, slot * pageSize)
        if counted.insert(pages[offsets[i] + slot]).inserted { positions += Double(max(0, used)) }
      }
    }
    return (pairs, positions)
  }

  /// Σ min(n, window) for n in first ... last.
  private static func pairs(from first: Int, through last: Int, window: Int) -> Double {
    func triangle(_ n: Int) -> Double { Double(n) * (Double(n) + 1) / 2 }
    guard first <= last else { return 0 }
    let bent = min(last, window)
    let rising = bent >= first ? triangle(bent) - (first > 0 ? triangle(first - 1) : 0) : 0
    let flat = last > window ? Double(last - max(first, window + 1) + 1) * Double(window) : 0
    return rising + flat
  }

  private func integers(_ name: String) -> [Int]? {
    guard let tensor = inputs?.tensor(name), !tensor.dtype.isFloatingPoint, tensor.shape.rank == 1 else { return nil }
    // Given by a file they may be anything; products of what is left fit.
    return tensor.integers.map { min(max(0, $0), 1 << 32) }
  }
}
