import KernelRuntime
import Tensors
import Testing
import Traces

@testable import Kernels

/// Attention of sequences that begin with the same pages: computed together, with the bits of each alone.
@Suite struct SharedPrefixTests {
  /// Query heads, key-value heads, head dimension, page size, cache type, window.
  struct Form: Sendable, CustomStringConvertible {
    var queryHeads: Int, keyValueHeads: Int, dimension: Int, pageSize: Int, type: DType = .float16, window: Int? = nil
    var description: String { definition.name }
    var definition: Definition {
      PagedAttention.definition(
        queryHeads: queryHeads, keyValueHeads: keyValueHeads, headDimension: dimension, pageSize: pageSize,
        cacheType: type, window: window)
    }

    static let all: [Form] = [
      Form(queryHeads: 9, keyValueHeads: 3, dimension: 64, pageSize: 16),
      Form(queryHeads: 6, keyValueHeads: 2, dimension: 64, pageSize: 1),
      Form(queryHeads: 3, keyValueHeads: 1, dimension: 80, pageSize: 64, type: .float32),
      Form(queryHeads: 8, keyValueHeads: 1, dimension: 128, pageSize: 16, type: .bfloat16),
      Form(queryHeads: 2, keyValueHeads: 2, dimension: 64, pageSize: 16),
      Form(queryHeads: 8, keyValueHeads: 1, dimension: 80, pageSize: 1),
      Form(queryHeads: 3, keyValueHeads: 1, dimension: 40, pageSize: 5, type: .float32),
      Form(queryHeads: 6, keyValueHeads: 2, dimension: 16, pageSize: 16, type: .float32, window: 40),
      Form(queryHeads: 3, keyValueHeads: 1, dimension: 64, pageSize: 16, window: 150),
      Form(queryHeads: 8, keyValueHeads: 1, dimension: 16, pageSize: 1, window: 1000),
      Form(queryHeads: 71, keyValueHeads: 1, dimension: 16, pageSize: 16),
    ]
  }

  /// A form with each instruction set that this processor has.
  struct Case: Sendable, CustomStringConvertible {
    let form: Form, solution: KernelSolution
    var description: String { "\(form) / \(solution.name)" }

    static let all: [Case] = Form.all.flatMap { all(of: $0) }

    static func all(of form: Form) -> [Case] {
      let context = BindContext(device: .cpu)
      return KernelCatalog.solutions.filter {
        $0.operation == "gqa_paged" && $0.flavor == .swiftFast
          && $0.availability(form.definition, context) == .available
      }.map { Case(form: form, solution: $0) }
    }
  }

  @Test("sequences of a random tree of prefixes have the bits of each alone, on any threads", arguments: Case.all)
  func randomTrees(_ pair: Case) throws {
    let definition = pair.form.definition, unshared = try Self.unshared(pair.solution)
    var random = SeededGenerator(seed: 3)
    for trial in 0..<3 {
      let tree = PrefixTree.random(
        pageSize: pair.form.pageSize, count: [2, 9, 21][trial], longest: [900, 400, 90][trial], &random)
      let whole = try tree.problem(definition, seed: UInt64(trial))
      let one = CPUStream(threads: 1)
      let expected = try Execution(unshared, whole, on: one)
      for threads in [1, 2 + trial] {
        let found = try Execution(pair.solution, whole, on: threads == 1 ? one : CPUStream(threads: threads))
        #expect(found.damage.isEmpty, "\(found.damage)")
        for name in definition.outputs.names {
          let a = try #require(expected.outputs[name]), b = try #require(found.outputs[name])
          #expect(sameBits(a, b), "\(name) of \(tree.sequences), \(threads) threads: \(pair)")
        }
      }
      for i in stride(from: trial, to: tree.sequences.count, by: 4) {
        let (problem, first) = tree.alone(i, of: whole)
        let alone = try Execution(pair.solution, problem, on: one)
        for name in definition.outputs.names {
          let a = try #require(expected.outputs[name]), b = try #require(alone.outputs[name])
          let part = a.narrow(0, from: first, count: tree.sequences[i].queries)
          #expect(sameBits(part, b), "\(name) of sequence \(i) of \(tree.sequences): \(pair)")
        }
      }
    }
  }

  private static func unshared(_ solution: KernelSolution) throws -> KernelSolution {
    let name = solution.name.replacing("swift-fast", with: "swift-fast-unshared")
    return try #require(KernelCatalog.solutions.first { $0.name == name })
  }

  // MARK: what is found

  private func prefixes(_ tables: [[Int32]], visible: [Int], pageSize: Int) -> SharedPrefixes {
    // One array behind all tables, as kv_indices is.
    tables.flatMap { $0 }.withUnsafeBufferPointer { pages in
      var start = 0
      var found: [SharedPrefixes.Table] = []
      for (table, visible) in zip(tables, visible) {
        found.append(SharedPrefixes.Table(pages: pages.baseAddress! + start, visible: visible))
        start += table.count
      }
      return SharedPrefixes(found, pageSize: pageSize)
    }
  }

  @Test("a tree of prefixes is found whatever the order of the batch")
  func nestedPrefixes() {
    // 0, 2 and 3 begin with page 7; 0 and 2 also share page 1.
    let found = prefixes([[7, 1, 2], [5, 6], [7, 1, 3], [7, 4]], visible: [33, 20, 40, 20], pageSize: 16)
    #expect(found.runs.count == 2)
    #expect(found.runs.map(\.positions) == [0..<16, 16..<32])
    #expect(found.runs.map { Set(found.order[$0.members]) } == [[0, 2, 3], [0, 2]])
    #expect(found.order.sorted() == [0, 1, 2, 3])
  }

  @Test("positions are shared as far as every sharer's first query sees them, in whole blocks")
  func limits() {
    let table: [Int32] = [3, 4, 5, 6]
    // One query begins inside the second page: it sees one whole block, the others all four pages.
    let found = prefixes([table, table, table], visible: [64, 30, 63], pageSize: 16)
    #expect(found.runs.map(\.positions) == [0..<16, 16..<48])
    #expect(found.runs.map { Set(found.order[$0.members]) } == [[0, 1, 2], [0, 2]])
    // Nothing is shared that a first query does not see, or that a window hides.
    #expect(prefixes([table, table], visible: [64, 15], pageSize: 16).runs.isEmpty)
    #expect(prefixes([table, table], visible: [64, 0], pageSize: 16).runs.isEmpty)
    // Pages that do not fill whole blocks.
    #expect(prefixes([table, table], visible: [20, 20], pageSize: 5).runs.map(\.positions) == [0..<16])
    #expect(prefixes([table, [3, 4, 5, 9]], visible: [20, 20], pageSize: 5).runs.isEmpty)
  }

  @Test("an equal page behind unequal ones is not a common prefix")
  func unequalBefore() {
    let found = prefixes([[1, 9], [2, 9], [1, 9], [9, 2]], visible: [16, 16, 16, 16], pageSize: 8)
    #expect(found.runs.map { Set(found.order[$0.members]) } == [[0, 2]])
  }

  @Test("random trees: each run is common to its members, and none can be longer")
  func invariants() {
    var random = SeededGenerator(seed: 5)
    for trial in 0..<60 {
      let pageSize = [1, 5, 16, 64][trial % 4]
      let tree = PrefixTree.random(pageSize: pageSize, count: 2 + trial / 2, longest: 300, &random)
      let visible = tree.sequences.map { $0.length - $0.queries + 1 }
      let found = prefixes(tree.sequences.map(\.pages), visible: visible, pageSize: pageSize)
      #expect(found.order.sorted() == Array(tree.sequences.indices))
      // How far two sequences go together, by looking at each position.
      func common(_ a: Int, _ b: Int) -> Int {
        let end = min(visible[a], visible[b])
        let same = (0..<end).prefix {
          tree.sequences[a].pages[$0 / pageSize] == tree.sequences[b].pages[$0 / pageSize]
        }
        return same.count & ~15
      }
      for a in found.order.indices {
        var reached = 0
        for run in found.runs where run.members.contains(a) {
          #expect(run.positions.lowerBound == reached, "no gap")
          reached = run.positions.upperBound
        }
        for b in found.order.indices where b != a {
          let together = found.runs.filter { $0.members.contains(a) && $0.members.contains(b) }
          let reached = together.map(\.positions.upperBound).max() ?? 0
          #expect(reached == common(found.order[a], found.order[b]))
        }
      }
    }
  }

  // MARK: what is planned

  private static let decode = Form(queryHeads: 9, keyValueHeads: 3, dimension: 64, pageSize: 16)

  /// Sixteen requests with a system prompt of 20 pages, of which pairs share four more.
  private static var requests: PrefixTree {
    var tree = PrefixTree(pageSize: 16)
    for i in 0..<16 {
      tree.add(after: i == 0 ? nil : i & 1 == 0 ? 0 : i - 1, common: i & 1 == 0 ? 20 : 24, length: 24 * 16 + 32)
    }
    return tree
  }

  @Test("sixteen requests attend to their system prompt together, and pairs to what they share beyond")
  func planned() throws {
    let plan = try Self.requests.plan(Self.decode, threads: 1)
    // One unit for each key-value head; the rows are 16 tokens of 3 heads.
    #expect(plan.units.map(\.head).sorted() == [0, 1, 2])
    #expect(plan.rows == 48)
    #expect(plan.steps.filter { $0.from == 0 && $0.to == 320 && $0.rows == 48 }.count == 1)
    #expect(plan.steps.filter { $0.from == 320 && $0.to == 384 && $0.rows == 6 }.count == 8)
    #expect(plan.parts.map(\.alone) == Array(repeating: 384, count: 16))
  }

  @Test("the rows of sharers are spread over threads", arguments: 1...16)
  func balanced(_ threads: Int) throws {
    let plan = try Self.requests.plan(Self.decode, threads: threads)
    let busy = plan.busy(threads: threads), total = plan.units.reduce(0) { $0 + $1.cost }, most = busy.max() ?? 0
    // Nine vectors of rows: on two threads 5 and 4 of them, and from nine threads on one each.
    let vectors = (9 + threads - 1) / threads
    #expect(Double(most) <= 1.2 * Double(total) * Double(vectors) / 9, "\(busy)")
  }

  @Test("without sharing, behind a window, or with nothing in common each sequence is alone")
  func notPlanned() throws {
    #expect(try Self.requests.plan(Self.decode, threads: 2, sharing: false).steps.isEmpty)
    var form = Self.decode
    form.window = 100
    #expect(try Self.requests.plan(form, threads: 2).steps.isEmpty)
    var strangers = PrefixTree(pageSize: 16)
    for _ in 0..<5 { strangers.add(length: 100) }
    let plan = try strangers.plan(Self.decode, threads: 2)
    #expect(plan.steps.isEmpty)
    #expect(plan.units.count == 15)
    // A window that hides nothing yet.
    form.window = 1000
    #expect(try !Self.requests.plan(form, threads: 2).steps.isEmpty)
  }

  @Test("every segment of a row is in one unit of each head, and steps leave no gap")
  func complete() throws {
    var random = SeededGenerator(seed: 8)
    for threads in [1, 3, 16] {
      let tree = PrefixTree.random(pageSize: 16, count: 14, longest: 600, &random)
      let plan = try tree.plan(Self.decode, threads: threads)
      var seen: [Int: Int] = [:]
      for unit in plan.units {
        var row = 0
        for part in plan.parts[unit.parts] {
          for r in 0..<part.rows {
            var reached = 0
            for step in plan.steps[unit.steps] where step.first_row..<step.first_row + step.rows ~= row {
              #expect(step.from == reached)
              reached = step.to
            }
            #expect(reached == part.alone)
            let end = part.first_position + (part.first_row + r) / 3 + 1
            for segment in 0..<(end + 255) / 256 where unit.positions.contains(segment * 256) {
              seen[((part.first_token * 3 + part.first_row + r) * 3 + unit.head) * 8 + segment, default: 0] += 1
            }
            row += 1
          }
        }
      }
      let segments = tree.sequences.reduce(0) { sum, sequence in
        sum + (0..<sequence.queries).reduce(0) { $0 + (sequence.length - $1 + 255) / 256 }
      }
      #expect(seen.count == segments * 9 && seen.values.allSatisfy { $0 == 1 })
    }
  }
}
