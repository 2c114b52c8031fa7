import CPUIntrinsics

extension AttentionPlan {
  /// The rows in their line.
  struct Layout {
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

    /// What the rows of a part see alone.
    func positions(_ part: AttentionPart) -> Range<Int> {
      let end = part.first_position + (part.first_row + part.rows - 1) / group + 1
      let lowest = part.first_position + part.first_row / group
      let start = max(part.alone, max(0, lowest + 1 - window) & ~15)
      return min(start, end)..<end
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
