/// The prefixes that were locked most lately, each as one run of tokens: a long prefix of many nodes is compared at once
/// instead of node by node.
///
/// ```
///   tokens   9 8 7 6 5 4 3 2 1 1 1 1 …        one comparison finds how far a request goes along
///   nodes    │ 12    │ 7     │ 31     │       with the stamp each had: a node that was split, cut or replaced since
///                                             has another, and ends what the path is good for
/// ```
///
/// A table of fixed size, found by the hash of the first page; a prefix gets its place by being locked twice in a row
/// among those that compete for it. Wrong entries cannot be used, only useless ones.
struct HotPaths {
  struct Step {
    let node: Int32
    let stamp: Int
    /// Pages of the node, and the position behind them.
    let pageCount: Int
    let end: Int
  }
  struct Path {
    var hash = 0
    var tokens: [Int32] = []
    var steps: [Step] = []
    /// The hash of the last prefix that was locked and has no path here.
    var candidate = 0
  }
  private var paths = [Path](repeating: Path(), count: 64)
  /// Whether nothing was recorded yet, so that no hash need be computed.
  private(set) var isEmpty = true
  /// Prefixes of fewer nodes are found as quickly without.
  static let leastNodes = 3

  func path(_ hash: Int) -> Path? {
    let path = paths[hash & 63]
    return path.hash == hash && !path.steps.isEmpty ? path : nil
  }

  /// Whether it is worth recording a path: it was asked for before, and the one there is ends earlier.
  mutating func wants(_ hash: Int, nodes: Int) -> Bool {
    guard nodes >= Self.leastNodes else { return false }
    let place = hash & 63
    if paths[place].hash == hash, paths[place].steps.count >= nodes { return false }
    defer { paths[place].candidate = hash }
    return paths[place].hash == hash || paths[place].candidate == hash
  }

  mutating func record(_ hash: Int, _ tokens: [Int32], _ steps: [Step]) {
    isEmpty = false
    paths[hash & 63] = Path(hash: hash, tokens: tokens, steps: steps, candidate: hash)
  }
}

extension RadixTree {
  /// Visits the nodes of a hot path that are wholly part of `tokens`.
  /// - Returns: the last node visited and the position behind it.
  @inline(__always)
  func walkHotPath(
    _ root: Int32, _ tokens: [Int32], end: Int, _ visit: (Int, Int) -> Void
  ) -> (node: Int32, position: Int) {
    guard end >= pageSize, !hotPaths.isEmpty, let path = hotPaths.path(hash(of: root, tokens, from: 0)) else {
      return (root, 0)
    }
    let common = TokenRun.commonPrefix(path.tokens, from: 0, tokens, from: 0, count: min(path.tokens.count, end))
    var last = (node: root, position: 0)
    for step in path.steps {
      guard step.end <= common, nodes[Int(step.node)].stamp == step.stamp,
        nodes[Int(step.node)].pages.count == step.pageCount
      else { break }
      visit(Int(step.node), step.pageCount)
      last = (step.node, step.end)
    }
    return last
  }

  /// Records the path to a node that was just locked by these tokens.
  mutating func noteHotPath(_ root: Int32, _ tokens: [Int32], to node: Int32, position: Int) {
    guard position >= pageSize else { return }
    var depth = 0
    var at = node
    while at != root {
      depth += 1
      at = nodes[Int(at)].parent
    }
    let hash = hash(of: root, tokens, from: 0)
    guard hotPaths.wants(hash, nodes: depth) else { return }
    var steps: [HotPaths.Step] = []
    var end = position
    at = node
    while at != root {
      let count = nodes[Int(at)].pages.count
      steps.append(HotPaths.Step(node: at, stamp: nodes[Int(at)].stamp, pageCount: count, end: end))
      end -= count << shift
      at = nodes[Int(at)].parent
    }
    hotPaths.record(hash, Array(tokens[..<position]), steps.reversed())
  }
}
