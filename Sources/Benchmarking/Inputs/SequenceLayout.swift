import Tensors
import Traces

/// How the queries and pages of a call are split into ragged sequences: the arrays of offsets and last-page lengths of one
/// call go together, so they are made together. Arrays that the workload gives are taken as they are.
///
/// Where there are pages enough, every sequence has room for its own queries (causal attention needs it).
struct SequenceLayout {
  /// [sequences + 1], from 0 to all queries.
  let queryOffsets: [Int]
  /// [sequences + 1], from 0 to all pages.
  let pageOffsets: [Int]
  /// Positions in use on the last page of each sequence; 0 where there is no page.
  let lastPageLengths: [Int]

  /// - queries: how many queries there are; nil when each sequence has one.
  /// - pages: how many page entries (or cached positions, with pages of one) there are.
  /// - knownQueries, knownPages: offsets that are given.
  init(
    sequences: Int, queries: Int?, pages: Int, pageSize: Int, knownQueries: [Int]?, knownPages: [Int]?,
    random: CounterRandom
  ) {
    let size = max(1, pageSize)
    func needed(_ queries: Int) -> Int { queries / size + (queries % size == 0 ? 0 : 1) }
    var counts = knownQueries.map(Self.differences) ?? []
    if knownQueries == nil {
      if let queries {
        counts = Self.split(queries, sequences, random, salt: 0)
        if knownPages == nil, counts.reduce(0, { $0 + needed($1) }) > pages {
          // Whole pages of queries for as many as need be, so that they fit if anything fits.
          counts = Self.packed(queries, sequences, size)
        }
      } else {
        counts = [Int](repeating: 1, count: sequences)
      }
    }
    counts = Self.fitted(counts, sequences)
    let needs = counts.map(needed), need = needs.reduce(0, +)
    let pageCounts: [Int]
    if let knownPages {
      pageCounts = Self.fitted(Self.differences(knownPages), sequences)
    } else if need <= pages {
      pageCounts = zip(needs, Self.split(pages - need, sequences, random, salt: 1 << 40)).map { $0 + $1 }
    } else {
      pageCounts = Self.split(pages, sequences, random, salt: 1 << 40)
    }
    queryOffsets = Self.sums(counts)
    pageOffsets = Self.sums(pageCounts)
    lastPageLengths = (0..<sequences).map { i in
      if pageCounts[i] <= 0 { return 0 }
      let rest = counts[i] - (pageCounts[i] - 1) * size
      let least = min(max(1, rest), size)
      return least + random.below(size - least + 1, i + 1 << 41)
    }
  }

  /// Non-negative numbers with the given sum, cut at random.
  private static func split(_ total: Int, _ parts: Int, _ random: CounterRandom, salt: Int) -> [Int] {
    guard parts > 0 else { return [] }
    var cuts: [Int] = []
    cuts.reserveCapacity(parts + 1)
    for i in 0..<parts - 1 { cuts.append(random.below(total + 1, i + salt)) }
    cuts.sort()
    cuts.append(total)
    var last = 0
    return cuts.map { cut in
      defer { last = cut }
      return cut - last
    }
  }

  /// Multiples of a page for all sequences but the last that has any.
  private static func packed(_ total: Int, _ parts: Int, _ size: Int) -> [Int] {
    guard parts > 0 else { return [] }
    let pages = total / size, each = pages / parts, more = pages % parts
    var counts = (0..<parts).map { (each + ($0 < more ? 1 : 0)) * size }
    counts[min(more, parts - 1)] += total % size
    return counts
  }

  /// Offsets from a file may be anything: what is no length counts as none.
  private static func differences(_ offsets: [Int]) -> [Int] {
    zip(offsets.dropFirst(), offsets).map { min(max(0, $0 &- $1), 1 << 32) }
  }

  private static func fitted(_ counts: [Int], _ sequences: Int) -> [Int] {
    Array(counts.prefix(sequences)) + [Int](repeating: 0, count: max(0, sequences - counts.count))
  }

  private static func sums(_ counts: [Int]) -> [Int] {
    var sum = 0
    return [0]
      + counts.map { count in
        sum &+= count
        return sum
      }
  }
}
