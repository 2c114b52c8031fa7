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
  let tables: Tables
  var pages: UnsafePointer<Int32> { UnsafePointer(tables.kvIndices.elements(as: Int32.self)) }

  /// The tensors that say which queries and pages each sequence has; int32, contiguous.
  struct Tables {
    let qoIndptr: Tensor, kvIndptr: Tensor, kvIndices: Tensor, kvLastPageLen: Tensor
    var all: [Tensor] { [qoIndptr, kvIndptr, kvIndices, kvLastPageLen] }

    init(_ arguments: [KernelArgument]) {
      let next = arguments[1].tensor.dtype == .int8 ? 5 : 3
      (qoIndptr, kvIndptr) = (arguments[next].tensor, arguments[next + 1].tensor)
      (kvIndices, kvLastPageLen) = (arguments[next + 2].tensor, arguments[next + 3].tensor)
    }
  }

  /// One sequence of the batch.
  struct Sequence {
    /// Its rows in the query.
    var tokens: Range<Int>
    /// Positions in the cache, the queries' own included.
    var length: Int
    /// Where its block table begins in kv_indices.
    var firstPage: Int
  }

  /// - tables: those of the arguments, if somebody has them already. sequences: what was found in the same tables before, for the same queries and as
  ///   many pages; they are not checked again then.
  /// - Throws: `KernelError` for a table that leaves what it points into.
  init(
    _ arguments: [KernelArgument], _ definition: Definition, _ tables: Tables? = nil, sequences: [Sequence]? = nil
  ) throws(KernelError) {
    (query, keys, values) = (arguments[0].tensor, arguments[1].tensor, arguments[2].tensor)
    let isScaled = keys.dtype == .int8, next = isScaled ? 5 : 3
    (keyScales, valueScales) = isScaled ? (arguments[3].tensor, arguments[4].tensor) : (nil, nil)
    let tables = tables ?? Tables(arguments)
    self.tables = tables
    scale = Float(arguments[next + 4].scalar)
    (output, lse) = (arguments[next + 5].tensor, arguments[next + 6].tensor)
    (queryHeads, headDimension) = (query.shape[1], query.shape[2])
    (pageSize, keyValueHeads) = (keys.shape[1], keys.shape[2])
    if let sequences {
      self.sequences = sequences
    } else {
      self.sequences = try tables.sequences(
        definition, queries: query.shape[0], pageSize: pageSize, pageCount: keys.shape[0])
    }
  }
}

extension PagedAttentionCall.Tables {
  /// Reads the tables, each number checked against what it points into.
  fileprivate func sequences(
    _ definition: Definition, queries: Int, pageSize: Int, pageCount: Int
  ) throws(KernelError) -> [PagedAttentionCall.Sequence] {
    func failure(_ reason: String) -> KernelError { KernelError(.runFailed, definition: definition.name, reason) }
    let count = kvLastPageLen.shape[0], indexCount = kvIndices.shape[0]
    guard qoIndptr.shape[0] == count + 1 else {
      throw failure("qo_indptr has \(qoIndptr.shape[0]) entries for \(count) sequences, expected \(count + 1)")
    }
    let q = qoIndptr.elements(as: Int32.self), k = kvIndptr.elements(as: Int32.self)
    let l = kvLastPageLen.elements(as: Int32.self), pages = kvIndices.elements(as: Int32.self)
    guard q[0] == 0, Int(q[count]) == queries else {
      throw failure("qo_indptr runs from \(q[0]) to \(q[count]), expected 0 to \(queries), all the queries")
    }
    var sequences: [PagedAttentionCall.Sequence] = []
    sequences.reserveCapacity(count)
    for i in 0..<count {
      let tokens = (Int(q[i]), Int(q[i + 1])), table = (Int(k[i]), Int(k[i + 1]))
      guard 0 <= tokens.0, tokens.0 <= tokens.1, tokens.1 <= queries else {
        throw failure("qo_indptr[\(i)...] = \(tokens) leaves the \(queries) queries")
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
      sequences.append(.init(tokens: tokens.0..<tokens.1, length: length, firstPage: table.0))
    }
    return sequences
  }
}
