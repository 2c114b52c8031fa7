import Traces

/// How large one call is: rows of a batch, or sequences of attention.
struct WorkloadCase: Sendable, CustomStringConvertible {
  /// Rows along the batch axis; for attention the sum of all queries.
  var rows: Int
  /// For attention: new queries and cached positions (the queries' own included) of each sequence.
  var sequences: [(queries: Int, length: Int)] = []

  var description: String {
    sequences.isEmpty
      ? "\(rows) rows" : "sequences " + sequences.map { "\($0.queries)/\($0.length)" }.joined(separator: " ")
  }

  static func rows(_ count: Int) -> WorkloadCase { WorkloadCase(rows: count) }
  static func sequences(_ list: [(queries: Int, length: Int)]) -> WorkloadCase {
    WorkloadCase(rows: list.map(\.queries).reduce(0, +), sequences: list)
  }

  /// Empty, one row, and ragged: around vectors, tiles and chunks.
  static func all(of definition: Definition) -> [WorkloadCase] {
    switch definition.opType {
    case "gqa_paged":
      [
        .sequences([]), .sequences([(1, 1)]), .sequences([(1, 33)]), .sequences([(0, 0)]), .sequences([(17, 17)]),
        .sequences([(3, 40), (0, 7), (1, 1), (20, 50), (1, 16), (2, 2)]),
      ]
    case "sampling": [0, 1, 2, 23].map { .rows($0) }
    default: [0, 1, 2, 5, 17, 33, 100].map { .rows($0) }
    }
  }

  /// A ragged case with several rows.
  static func ragged(of definition: Definition) -> WorkloadCase {
    definition.opType == "gqa_paged" ? .sequences([(3, 40), (0, 7), (1, 1), (20, 50), (2, 2)]) : .rows(35)
  }

  /// Sizes of all variable axes.
  func axes(of definition: Definition) -> OrderedMap<Int> {
    var axes = OrderedMap<Int>()
    for axis in definition.varAxes { axes[axis] = rows }
    switch definition.opType {
    case "rope": axes["max_seq_len"] = 50
    case "kv_store": axes["num_pages"] = rows / (definition.axes["page_size"]?.value ?? 1) + 2
    case "gqa_paged":
      let size = definition.axes["page_size"]?.value ?? 1
      let pages = sequences.map { ($0.length + size - 1) / size }.reduce(0, +)
      axes["len_indptr"] = sequences.count + 1
      axes["batch_size"] = sequences.count
      axes["num_kv_indices"] = pages
      axes["num_pages"] = pages + 3
    default: break
    }
    return axes
  }
}
