import KernelRuntime
import Tensors
import Traces

/// The arguments of one call, with every index checked against what it points into.
///
/// Pages of the caches and of their scales may lie apart: an outermost stride beyond page size · kv heads · head dim.
struct PagedAttentionCall {
  let query: Tensor, keys: Tensor, values: Tensor, output: Tensor, lse: Tensor
  /// Of an int8 cache.
  let keyScales: Tensor?, valueScales: Tensor?
  let scale: Float
  let queryHeads: Int, keyValueHeads: Int, headDimension: Int, pageSize: Int
  let sequences: [Sequence]
  let pages: UnsafePointer<Int32>

  /// One sequence of the batch.
  struct Sequence {
    /// Its rows in the query.
    var tokens: Range<Int>
    /// Positions in the cache, the queries' own included.
    var length: Int
    /// Where its block table begins in kv_indices.
    var firstPage: Int
  }

  init(_ arguments: [KernelArgument], _ definition: Definition) throws(KernelError) {
    (query, keys, values) = (arguments[0].tensor, arguments[1].tensor, arguments[2].tensor)
    let isScaled = keys.dtype == .int8, next = isScaled ? 5 : 3
    (keyScales, valueScales) = isScaled ? (arguments[3].tensor, arguments[4].tensor) : (nil, nil)
    let qo = arguments[next].tensor, kv = arguments[next + 1].tensor, indices = arguments[next + 2].tensor
    let last = arguments[next + 3].tensor
    scale = Float(arguments[next + 4].scalar)
    (output, lse) = (arguments[next + 5].tensor, arguments[next + 6].tensor)
    (queryHeads, headDimension) = (query.shape[1], query.shape[2])
    (pageSize, keyValueHeads) = (keys.shape[1], keys.shape[2])
    pages = UnsafePointer(indices.elements(as: Int32.self))

    func failure(_ reason: String) -> KernelError { KernelError(.runFailed, definition: definition.name, reason) }
    let count = last.shape[0], pageCount = keys.shape[0], indexCount = indices.shape[0]
    guard qo.shape[0] == count + 1 else {
      throw failure("qo_indptr has \(qo.shape[0]) entries for \(count) sequences, expected \(count + 1)")
    }
    let q = qo.elements(as: Int32.self), k = kv.elements(as: Int32.self), l = last.elements(as: Int32.self)
    guard q[0] == 0, Int(q[count]) == query.shape[0] else {
      throw failure("qo_indptr runs from \(q[0]) to \(q[count]), expected 0 to \(query.shape[0]), all the queries")
    }
    var sequences: [Sequence] = []
    sequences.reserveCapacity(count)
    for i in 0..<count {
      let tokens = (Int(q[i]), Int(q[i + 1])), table = (Int(k[i]), Int(k[i + 1]))
      guard 0 <= tokens.0, tokens.0 <= tokens.1, tokens.1 <= query.shape[0] else {
        throw failure("qo_indptr[\(i)...] = \(tokens) leaves the \(query.shape[0]) queries")
      }
      guard 0 <= table.0, table.0 <= table.1, table.1 <= indexCount else {
        throw failure("kv_indptr[\(i)...] = \(table) leaves the \(indexCount) kv_indices")
      }
      if tokens.0 == tokens.1 { continue }
      guard 1...pageSize ~= Int(l[i]) else {
        throw failure("kv_last_page_len[\(i)] is \(l[i]), expected 1...\(pageSize)")
      }
      let length = (table.1 - table.0 - 1) * pageSize + Int(l[i])
      guard length >= tokens.1 - tokens.0 else {
        throw failure("sequence \(i) has \(tokens.1 - tokens.0) queries and \(length) cached positions")
      }
      for j in table.0..<table.1 where !(0..<pageCount ~= Int(pages[j])) {
        throw failure("kv_indices[\(j)] is \(pages[j]), the cache has \(pageCount) pages")
      }
      sequences.append(Sequence(tokens: tokens.0..<tokens.1, length: length, firstPage: table.0))
    }
    self.sequences = sequences
  }
}
