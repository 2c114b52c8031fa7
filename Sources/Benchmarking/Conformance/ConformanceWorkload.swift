import Traces

/// How large one call of a conformance check is, and how its memory is laid out.
public struct ConformanceWorkload: Sendable, Hashable, CustomStringConvertible {
  /// New queries of a sequence, and its cached positions, the queries' own included.
  public struct SequenceSize: Sendable, Hashable {
    public var queries: Int, length: Int
    public init(queries: Int, length: Int) { (self.queries, self.length) = (queries, length) }
  }

  /// Rows of a batch; for attention the sum of all queries.
  public var rows: Int
  /// Of attention; nil for other operations.
  public var sequences: [SequenceSize]?
  /// Outputs that may be inputs (tags `in_place`) are; else they have memory of their own.
  public var isInPlace = false
  /// Rows or pages that need not be neighbours (tags `strided`, `strided_pages`) lie apart.
  public var isApart = false

  public static func rows(_ count: Int, inPlace: Bool = false, apart: Bool = false) -> ConformanceWorkload {
    ConformanceWorkload(rows: count, isInPlace: inPlace, isApart: apart)
  }

  public static func sequences(
    _ list: [(queries: Int, length: Int)], apart: Bool = false
  ) -> ConformanceWorkload {
    ConformanceWorkload(
      rows: list.map(\.queries).reduce(0, +),
      sequences: list.map { SequenceSize(queries: $0.queries, length: $0.length) }, isApart: apart)
  }

  public var description: String {
    let size =
      sequences.map { list in
        list.isEmpty ? "no sequence" : "sequences " + list.map { "\($0.queries)/\($0.length)" }.joined(separator: " ")
      } ?? (rows == 1 ? "1 row" : "\(rows) rows")
    return size + (isInPlace ? ", in place" : "") + (isApart ? ", apart" : "")
  }

  /// What a definition is checked with: nothing, one token, ragged sizes that no tile divides, one that is long, sequences
  /// without queries or keys, more queries than keys.
  public static func all(of definition: Definition) -> [ConformanceWorkload] {
    switch definition.opType {
    case "gqa_paged" where definition.inputs["qo_indptr"] == nil:
      [
        decoding([1, 0, 7, 33, 16]), decoding([]), decoding([1]), decoding([300]),
        decoding([5, 64, 0, 17, 1, 100, 15], apart: true),
      ]
    case "gqa_paged", "gqa_ragged":
      [
        .sequences([(3, 40), (0, 7), (1, 1), (20, 50), (0, 0), (1, 16), (2, 2)]), .sequences([]), .sequences([(1, 1)]),
        .sequences([(5, 300)]), .sequences([(2, 0), (5, 3), (4, 4)]), .sequences([(70, 70)]),
        .sequences([(1, 33), (17, 17), (2, 35)], apart: true),
      ]
    case "sampling": [.rows(5), .rows(0), .rows(1), .rows(17)]
    case "gemm": [.rows(17), .rows(0), .rows(1), .rows(70), .rows(33, apart: true)]
    default: [.rows(5), .rows(0), .rows(1, inPlace: true), .rows(33, inPlace: true), .rows(16, apart: true)]
    }
  }

  /// One or two of them: what is left of a check when there is little time.
  public static func few(of definition: Definition) -> [ConformanceWorkload] { Array(all(of: definition).prefix(2)) }

  private static func decoding(_ lengths: [Int], apart: Bool = false) -> ConformanceWorkload {
    .sequences(lengths.map { (queries: 1, length: $0) }, apart: apart)
  }

  /// Sizes of all variable axes.
  func axes(of definition: Definition) -> OrderedMap<Int> {
    var axes = OrderedMap<Int>()
    for axis in definition.varAxes { axes[axis] = rows }
    let pageSize = definition.axes["page_size"]?.value ?? 1
    switch definition.opType {
    case "rope": axes["max_seq_len"] = 50
    case "kv_store": axes["num_pages"] = rows / pageSize + 3
    case "gqa_paged", "gqa_ragged":
      let list = sequences ?? [], pages = list.map { ($0.length + pageSize - 1) / pageSize }.reduce(0, +)
      axes["len_indptr"] = list.count + 1
      if axes["batch_size"] != nil { axes["batch_size"] = list.count }
      if axes["num_kv_indices"] != nil { axes["num_kv_indices"] = pages }
      if axes["num_pages"] != nil { axes["num_pages"] = pages + 3 }
      if axes["total_kv"] != nil { axes["total_kv"] = list.map(\.length).reduce(0, +) }
    default: break
    }
    return axes
  }
}
