import KernelRuntime
import Tensors

/// The sequences of a call in CSR form, every index checked against what it points into.
struct ReferenceSequences {
  struct Sequence {
    /// Its rows in the query.
    var tokens: Range<Int>
    /// Its entries in the keys (ragged) or in kv_indices (paged).
    var entries: Range<Int>
    /// Cached positions; the last query sits at the last of them.
    var length: Int
  }

  let sequences: [Sequence]

  /// Keys in rows: sequence i has rows kv_indptr[i] ..< kv_indptr[i + 1].
  /// - Throws: `runFailed` naming the entry that is wrong.
  init(ragged call: ReferenceCall) throws(KernelError) {
    let tokens = try Self.ranges(call, "qo_indptr", end: call.tensor("q").shape[0], "total_q")
    let entries = try Self.ranges(call, "kv_indptr", end: call.tensor("k").shape[0], "total_kv")
    sequences = zip(tokens, entries).map { Sequence(tokens: $0, entries: $1, length: $1.count) }
  }

  /// Keys in pages: sequence i has the pages kv_indices[kv_indptr[i] ..< kv_indptr[i + 1]], all full but the last.
  /// - query, cache: names of arguments, [tokens, …] and [num_pages, page_size, …].
  /// - Throws: `runFailed` naming the entry that is wrong.
  init(paged call: ReferenceCall, query: String, cache: String) throws(KernelError) {
    let count = call.tensor(query).shape[0], pages = call.int32s("kv_indices")
    let (pageCount, pageSize) = (call.tensor(cache).shape[0], call.tensor(cache).shape[1])
    let entries = try Self.ranges(call, "kv_indptr", end: pages.count, "num_kv_indices")
    let tokens: [Range<Int>]
    if call.definition.inputs["qo_indptr"] != nil {
      tokens = try Self.ranges(call, "qo_indptr", end: count, "total_q")
    } else {
      guard entries.count == count else {
        throw call.failure("kv_indptr has \(entries.count + 1) entries, expected batch_size + 1 = \(count + 1)")
      }
      tokens = (0..<count).map { $0..<$0 + 1 }
    }
    for i in 0..<pages.count where pages[i] < 0 || Int(pages[i]) >= pageCount {
      throw call.failure("kv_indices[\(i)] is \(pages[i]), \(cache) has \(pageCount) pages")
    }
    let hasLast = call.definition.inputs["kv_last_page_len"] != nil
    let last = hasLast ? call.int32s("kv_last_page_len") : nil
    if let last, last.count < entries.count {
      throw call.failure("kv_last_page_len has \(last.count) entries for \(entries.count) sequences")
    }
    var sequences: [Sequence] = []
    for i in entries.indices {
      var length = entries[i].count * pageSize
      if let last, !entries[i].isEmpty {
        guard 0...pageSize ~= Int(last[i]) else {
          throw call.failure("kv_last_page_len[\(i)] is \(last[i]), expected 0...\(pageSize)")
        }
        length += Int(last[i]) - pageSize
      }
      sequences.append(Sequence(tokens: tokens[i], entries: entries[i], length: length))
    }
    self.sequences = sequences
  }

  /// The ranges between neighbours of an index pointer that begins at 0, never falls and ends at `end`.
  private static func ranges(
    _ call: ReferenceCall, _ name: String, end: Int, _ axis: String
  ) throws(KernelError) -> [Range<Int>] {
    let pointer = call.int32s(name)
    guard let first = pointer.first, let last = pointer.last else {
      throw call.failure("\(name) is empty, expected the number of sequences + 1 entries")
    }
    guard first == 0 else { throw call.failure("\(name)[0] is \(first), expected 0") }
    for i in 1..<max(1, pointer.count) where pointer[i] < pointer[i - 1] {
      throw call.failure("\(name) falls from \(pointer[i - 1]) to \(pointer[i]) at entry \(i)")
    }
    guard Int(last) == end else { throw call.failure("\(name) ends at \(last), expected \(axis) = \(end)") }
    return (1..<max(1, pointer.count)).map { Int(pointer[$0 - 1])..<Int(pointer[$0]) }
  }
}
