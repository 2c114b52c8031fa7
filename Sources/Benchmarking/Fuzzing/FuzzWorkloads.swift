import Traces

/// Workloads that look for mistakes: shapes at the edges of tiles, nothing at all, single rows, values that are hard.
public enum FuzzWorkloads {
  /// Around powers of two up to 256, where vectors and tiles end.
  static let edges: [Int] = Array(
    Set([1, 2, 4, 8, 16, 32, 64, 128, 256].flatMap { [$0 - 1, $0, $0 + 1] })
  ).sorted()

  /// The first ones are the corners (no rows, one row, empty requests), each with normal values; then random edges with
  /// every pattern in turn. The same seed gives the same workloads. Fewer than `count` when the definition has no more.
  /// - byteLimit: the most that one workload's tensors should take, as far as constant axes allow.
  public static func workloads(
    for definition: Definition, seed: UInt64, count: Int, byteLimit: Int = 64 << 20
  ) -> [(workload: Workload, values: ValuePattern)] {
    let fuzz = FuzzAxes(definition: definition), random = CounterRandom(seed: seed, name: definition.name)
    var result: [(workload: Workload, values: ValuePattern)] = []
    var seen = Set<String>()
    func add(_ axes: OrderedMap<Int>, _ pattern: ValuePattern) {
      let axes = fitted(fuzz.repaired(axes), fuzz, byteLimit)
      guard result.count < count, seen.insert("\(axes) \(pattern.rawValue)").inserted else { return }
      let uuid = "fuzz-\(definition.name)-\(seed)-\(result.count)"
      result.append((Workload(uuid: uuid, axes: axes), pattern))
    }
    for corner in corners(fuzz) { add(corner, .normal) }
    let patterns = ValuePattern.allCases
    var draw = 0
    // Repeats are left out; a definition without variable axes has one workload a pattern.
    for attempt in 0..<max(0, min(count, 1_000_000)) * 4 where result.count < count {
      var axes = OrderedMap<Int>()
      for axis in definition.varAxes {
        axes[axis] = value(of: axis, random, draw)
        draw += 1
      }
      add(axes, patterns[attempt % patterns.count])
    }
    return result
  }

  private static func value(of axis: String, _ random: CounterRandom, _ draw: Int) -> Int {
    let edge = edges[random.below(edges.count, 2 * draw)]
    switch axis {
    // Some sequences are short, some have no query at all: there are few, or more than queries.
    case "len_indptr", "len_cu_seqlens": return 1 + edge % 20
    case "num_pages", "pool_size", "state_cache_size": return edge + random.below(4, 2 * draw + 1)
    default: return edge
    }
  }

  private static func corners(_ fuzz: FuzzAxes) -> [OrderedMap<Int>] {
    func all(_ value: Int, _ others: [String: Int] = [:]) -> OrderedMap<Int> {
      OrderedMap(fuzz.definition.varAxes.map { ($0, others[$0] ?? value) })
    }
    // Several requests of which all, or all but one, are empty.
    return [
      all(0), all(1), all(0, ["len_indptr": 4, "len_cu_seqlens": 4]),
      all(1, ["len_indptr": 6, "len_cu_seqlens": 6]), all(2), all(17),
    ]
  }

  /// Halves the axes until the tensors are small enough.
  private static func fitted(_ axes: OrderedMap<Int>, _ fuzz: FuzzAxes, _ byteLimit: Int) -> OrderedMap<Int> {
    var axes = axes
    for _ in 0..<12 {
      if (try? CallShapes(fuzz.definition, axes, byteLimit: byteLimit)) != nil { return axes }
      axes = fuzz.repaired(axes.mapValues { ($0 + 1) / 2 })
    }
    return axes
  }

  /// The smallest workload found that still fails: each axis in turn is set to 0, 1, half of it and one less, together with
  /// the axes that depend on it, as long as that goes on failing.
  /// - stillFails: runs the check; called at most some two hundred times.
  public static func minimised(
    _ failing: Workload, definition: Definition, stillFails: (Workload) -> Bool
  ) -> Workload {
    let fuzz = FuzzAxes(definition: definition)
    var best = failing, attempts = 0, hasShrunk = true
    while hasShrunk {
      hasShrunk = false
      for axis in fuzz.chosen {
        guard let value = best.axes[axis] else { continue }
        for smaller in [0, 1, value / 2, value - 1] where smaller >= 0 && smaller < value && attempts < 200 {
          var candidate = best
          candidate.axes[axis] = smaller
          candidate.axes = fuzz.repaired(candidate.axes)
          if !isSmaller(candidate.axes, best.axes) { continue }
          attempts += 1
          if stillFails(candidate) {
            best = candidate
            hasShrunk = true
            break
          }
        }
      }
    }
    return best
  }

  /// No axis larger, one smaller: shrinking ends.
  private static func isSmaller(_ a: OrderedMap<Int>, _ b: OrderedMap<Int>) -> Bool {
    let pairs = a.map { ($0.value, b[$0.name] ?? $0.value) }
    return pairs.allSatisfy { $0.0 <= $0.1 } && pairs.contains { $0.0 < $0.1 }
  }
}
