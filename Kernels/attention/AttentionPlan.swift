import CPUIntrinsics

/// One call cut into units that threads can take in any order.
///
/// The rows of all query tokens of one key-value head stand in a line, sharers of a prefix next to each other, and are cut
/// into tiles of up to three vectors of 16 rows. Where the cuts are changes no bit of the result.
struct AttentionPlan {
  /// Costly ones first, so that threads finish together.
  private(set) var units: [Unit] = []
  private(set) var parts: [AttentionPart] = []
  private(set) var steps: [AttentionStep] = []
  /// The most rows that a unit has.
  private(set) var rows = 0

  struct Unit {
    var parts: Range<Int>, steps: Range<Int>
    var head: Int
    /// In cycles, about.
    var cost: Int
  }

  /// - window: how many positions a query sees.
  /// - sharing: whether sequences that begin with the same pages are computed together.
  init(_ call: PagedAttentionCall, window: Int, threads: Int, sharing: Bool) {
    let layout = Layout(call, window: window, sharing: sharing)
    let heads = call.keyValueHeads
    self.init(layout, tiles: [(48, 0..<heads)])
    // Smaller units where threads would wait for one with a large unit, and finish earlier together then: of the heads
    // that are left when each thread has as many, or of all.
    guard threads > 1 else { return }
    var best = time(threads: threads)
    guard best * threads > units.reduce(0, { $0 + $1.cost }) * 21 / 20 else { return }
    let even = heads - heads % threads
    for tile in [32, 24, 16] {
      for rest in Set([0, even]).sorted() where rest < heads {
        let next = AttentionPlan(layout, tiles: [(48, 0..<rest), (tile, rest..<heads)])
        let time = next.time(threads: threads)
        if time < best { (self, best) = (next, time) }
      }
    }
  }

  /// - tiles: into how many rows the units of which heads are cut.
  private init(_ layout: Layout, tiles: [(rows: Int, heads: Range<Int>)]) {
    for tree in layout.trees {
      let rows = layout.rowStarts[tree.members.lowerBound]..<layout.rowStarts[tree.members.upperBound]
      for tile in tiles where !tile.heads.isEmpty {
        var sequence = tree.members.lowerBound
        for start in stride(from: rows.lowerBound, to: rows.upperBound, by: tile.rows) {
          add(layout, tree, start..<min(rows.upperBound, start + tile.rows), tile.heads, &sequence)
        }
      }
    }
    units.sort { $0.cost > $1.cost }
  }

  /// Adds the units of some rows of a tree, one for each of the key-value heads.
  /// - sequence: place in the order of the sequence that the first row is in; moved on.
  private mutating func add(
    _ layout: Layout, _ tree: Layout.Tree, _ rows: Range<Int>, _ heads: Range<Int>, _ sequence: inout Int
  ) {
    let (firstPart, firstStep) = (parts.count, steps.count)
    while layout.rowStarts[sequence + 1] <= rows.lowerBound { sequence += 1 }
    var cost = 0
    var i = sequence
    while i < tree.members.upperBound, layout.rowStarts[i] < rows.upperBound {
      let own = rows.clamped(to: layout.rowStarts[i]..<layout.rowStarts[i + 1])
      let sequence = layout.call.sequences[layout.order[i]]
      let firstPosition = sequence.length - sequence.tokens.count, firstRow = own.lowerBound - layout.rowStarts[i]
      parts.append(
        AttentionPart(
          rows: own.count, first_row: firstRow, first_token: sequence.tokens.lowerBound,
          first_position: firstPosition, first_page: sequence.firstPage, alone: layout.shared[i]))
      let end = firstPosition + (firstRow + own.count - 1) / layout.group + 1
      cost += Self.cost(rows: own.count, positions: end - max(layout.shared[i], end - layout.window))
      i += 1
    }
    for run in layout.runs[tree.runs] {
      let own = rows.clamped(
        to: layout.rowStarts[run.members.lowerBound]..<layout.rowStarts[run.members.upperBound])
      if own.isEmpty { continue }
      let table = layout.call.sequences[layout.order[run.members.lowerBound]].firstPage
      steps.append(
        AttentionStep(
          first_row: own.lowerBound - rows.lowerBound, rows: own.count, first_page: table,
          from: run.positions.lowerBound, to: run.positions.upperBound))
      cost += Self.cost(rows: own.count, positions: run.positions.count)
    }
    self.rows = max(self.rows, rows.count)
    for head in heads {
      units.append(
        Unit(parts: firstPart..<parts.count, steps: firstStep..<steps.count, head: head, cost: cost))
    }
  }

  /// Cycles on a Zen 4 with a head of 64 elements; only ratios matter.
  private static func cost(rows: Int, positions: Int) -> Int {
    let (vectors, rest) = rows.quotientAndRemainder(dividingBy: 16)
    let others = rest == 0 ? 0 : min(2440, 300 + 190 * rest)
    return (positions + 15) / 16 * (690 + 2440 * vectors + others)
  }

  /// Who computes what, such that threads are done at about the same time: unit numbers in `order`, those of a chunk one
  /// after the other, `chunksPerThread` chunks for each thread.
  struct Assignment {
    var order: [Int] = []
    /// Where each chunk begins in `order`, and one entry more.
    var starts: [Int] = [0]
    static let chunksPerThread = 4
  }

  /// Each unit goes to the thread that has least to do, costly ones first. A thread's units are cut into a few chunks, so
  /// that one that is done early can take some of another's.
  func assignment(threads: Int) -> Assignment {
    var lists = [[Int]](repeating: [], count: threads)
    _ = deal(threads: threads) { lists[$0].append($1) }
    var result = Assignment()
    for list in lists {
      for chunk in 1...Assignment.chunksPerThread {
        result.order +=
          list[
            (chunk - 1) * list.count / Assignment.chunksPerThread..<chunk * list.count
              / Assignment.chunksPerThread]
        result.starts.append(result.order.count)
      }
    }
    return result
  }

  /// When the last thread is done.
  private func time(threads: Int) -> Int { deal(threads: threads) { _, _ in } }

  /// Calls `give` with a thread and a unit for all units; returns when the last thread is done.
  private func deal(threads: Int, _ give: (Int, Int) -> Void) -> Int {
    var busy = [Int](repeating: 0, count: threads)
    for (index, unit) in units.enumerated() {
      var least = 0
      for thread in 1..<max(1, threads) where busy[thread] < busy[least] { least = thread }
      busy[least] += unit.cost
      give(least, index)
    }
    return busy.max() ?? 0
  }

  /// The rows in their line.
  private struct Layout {
    let call: PagedAttentionCall
    let group: Int, window: Int
    let order: [Int]
    let runs: [SharedPrefixes.Run]
    /// By place in the order: where its rows begin, and one entry more; up to which position it is in runs.
    var rowStarts: [Int] = [0], shared: [Int]
    /// Sequences that share something, directly or not; those that share nothing are trees of their own.
    var trees: [Tree] = []

    struct Tree {
      var members: Range<Int>, runs: Range<Int>
    }

    init(_ call: PagedAttentionCall, window: Int, sharing: Bool) {
      (self.call, self.window) = (call, window)
      group = call.queryHeads / call.keyValueHeads
      let sequences = call.sequences
      shared = [Int](repeating: 0, count: sequences.count)
      if sharing && sequences.count > 1 {
        let prefixes = SharedPrefixes(
          sequences.map { sequence in
            // Where a window hides the first positions of a sequence, it goes alone.
            let first = sequence.length - sequence.tokens.count
            return SharedPrefixes.Table(
              pages: call.pages + sequence.firstPage, visible: sequence.length > window ? 0 : first + 1)
          }, pageSize: call.pageSize)
        order = prefixes.order
        // By tree, and those around before those within.
        runs = prefixes.runs.sorted {
          ($0.members.lowerBound, $0.positions.lowerBound) < ($1.members.lowerBound, $1.positions.lowerBound)
        }
      } else {
        order = Array(sequences.indices)
        runs = []
      }
      rowStarts.reserveCapacity(order.count + 1)
      for i in order { rowStarts.append(rowStarts[rowStarts.count - 1] + sequences[i].tokens.count * group) }
      var run = 0, member = 0
      while member < order.count {
        let firstRun = run
        var end = member + 1
        while run < runs.count, runs[run].members.lowerBound < end {
          end = max(end, runs[run].members.upperBound)
          for i in runs[run].members { shared[i] = max(shared[i], runs[run].positions.upperBound) }
          run += 1
        }
        trees.append(Tree(members: member..<end, runs: firstRun..<run))
        member = end
      }
    }
  }
}
