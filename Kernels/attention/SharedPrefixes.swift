/// Which sequences of a batch begin with the same pages, as a forest of common prefixes.
///
///     tables   [7 1 2]  [5 6]  [7 1 3]  [7 4]        pages of 16 positions, queries behind them
///     order    [7 4]  [7 1 2]  [7 1 3]  [5 6]
///     runs     first three: positions 0 ..< 16; second and third: 16 ..< 32
///
/// Positions are shared in whole blocks of 16 that every query of every sharer sees. Runs come before those within them,
/// their members lie next to each other in `order`, and for each sequence the runs that it is in cover its first
/// positions without a gap. Time grows with the number of table entries, and with n log n of the sequences.
struct SharedPrefixes {
  /// Sequences, sharers next to each other.
  private(set) var order: [Int]
  private(set) var runs: [Run] = []

  struct Run: Equatable {
    /// Places in `order`, at least two.
    var members: Range<Int>
    /// Absolute, multiples of 16.
    var positions: Range<Int>
  }

  /// What is compared of one sequence.
  struct Table {
    /// Its pages.
    var pages: UnsafePointer<Int32>
    /// Positions, from 0 on, that its first query sees and that are in pages; 0 when a window hides the first of them.
    var visible: Int
  }

  init(_ tables: [Table], pageSize: Int) {
    order = Array(tables.indices)
    if tables.count < 2 { return }
    // A list of open work rather than recursion: prefixes may be nested as deeply as there are sequences.
    var open = [Run(members: order.indices, positions: 0..<0)]
    var keyed: [(key: Int32, sequence: Int)] = []
    while let group = open.popLast() {
      let from = group.positions.upperBound
      // Sorted by the page of the next block's last position, those that cannot go on first.
      keyed.removeAll(keepingCapacity: true)
      for i in group.members {
        let table = tables[order[i]]
        keyed.append((table.visible >= from + 16 ? table.pages[(from + 15) / pageSize] : -1, order[i]))
      }
      if keyed.contains(where: { $0.key != keyed[0].key }) {
        keyed.sort { $0.key < $1.key }
        for (i, entry) in zip(group.members, keyed) { order[i] = entry.sequence }
      }
      var start = 0
      while start < keyed.count {
        var end = start + 1
        while end < keyed.count && keyed[end].key == keyed[start].key { end += 1 }
        if keyed[start].key >= 0 {
          let first = group.members.lowerBound
          split(tables, pageSize, first + start..<first + end, from, &open)
        }
        start = end
      }
    }
  }

  /// Finds the runs from position `from` on among members that have one page in common there.
  private mutating func split(
    _ tables: [Table], _ pageSize: Int, _ members: Range<Int>, _ from: Int, _ open: inout [Run]
  ) {
    var first = members.lowerBound
    while first + 1 < members.upperBound {
      let table = tables[order[first]]
      var end = first + 1, common = Int.max
      for i in first + 1..<members.upperBound {
        let positions = Self.common(table, tables[order[i]], from: from, pageSize)
        if positions > from {
          order.swapAt(end, i)
          end += 1
          common = min(common, positions)
        }
      }
      if end > first + 1 {
        let run = Run(members: first..<end, positions: from..<common)
        runs.append(run)
        open.append(run)
      }
      first = end
    }
  }

  /// Up to which position, in whole blocks, two sequences with a common prefix of `from` positions are the same.
  private static func common(_ a: Table, _ b: Table, from: Int, _ pageSize: Int) -> Int {
    let visible = min(a.visible, b.visible) & ~15, pages = (visible + pageSize - 1) / pageSize
    var page = from / pageSize
    while page < pages && a.pages[page] == b.pages[page] { page += 1 }
    return min(visible, page * pageSize) & ~15
  }
}
