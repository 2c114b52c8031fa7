import KernelRuntime
import Tensors
import Testing
import Traces

@testable import Kernels

/// Long sequences are cut along their positions when there are threads to spare: the results stay what they are.
@Suite struct AttentionSegmentTests {
  private typealias Form = SharedPrefixTests.Form

  private static let cases: [SharedPrefixTests.Case] = [
    Form(queryHeads: 9, keyValueHeads: 3, dimension: 64, pageSize: 16),
    Form(queryHeads: 2, keyValueHeads: 1, dimension: 40, pageSize: 5, type: .float32, window: 300),
    Form(queryHeads: 8, keyValueHeads: 2, dimension: 16, pageSize: 1, type: .bfloat16, window: 700),
  ].flatMap { form in SharedPrefixTests.Case.all(of: form) }

  /// Decoding, extends that begin and end on either side of a segment's beginning, and two that share a prefix.
  private static func batch(pageSize: Int) -> PrefixTree {
    var tree = PrefixTree(pageSize: pageSize)
    tree.add(length: 1500)
    tree.add(length: 1030, queries: 40)
    tree.add(length: 769)
    tree.add(after: 0, common: 1280 / pageSize, length: 1290, queries: 3)
    tree.add(length: 256, queries: 2)
    tree.add(length: 257, queries: 2)
    tree.add(length: 40)
    return tree
  }

  @Test("threads that share a sequence find the bits of one thread, and what the oracle says", arguments: cases)
  func threads(_ pair: SharedPrefixTests.Case) throws {
    let definition = pair.form.definition, tree = Self.batch(pageSize: pair.form.pageSize)
    let whole = try tree.problem(definition, seed: 4), one = CPUStream(threads: 1)
    let expected = try Execution(pair.solution, whole, on: one)
    let oracle = try Execution(ConformanceCase.oracle(of: definition), whole, on: one)
    let bounds = try AttentionBounds(of: pair.solution, whole)
    for name in definition.outputs.names {
      let found = try #require(expected.outputs[name]), right = try #require(oracle.outputs[name])
      #expect(Tolerance.disagreement(whole, name, found, oracle: right, bounds: bounds) == nil, "\(pair)")
    }
    for threads in [2, 3, 16] {
      let found = try Execution(pair.solution, whole, on: CPUStream(threads: threads))
      #expect(found.damage.isEmpty, "\(found.damage)")
      for name in definition.outputs.names {
        let a = try #require(expected.outputs[name]), b = try #require(found.outputs[name])
        #expect(sameBits(a, b), "\(name) with \(threads) threads: \(pair)")
      }
    }
    for i in tree.sequences.indices {
      let (problem, first) = tree.alone(i, of: whole)
      let alone = try Execution(pair.solution, problem, on: CPUStream(threads: 16))
      for name in definition.outputs.names {
        let a = try #require(expected.outputs[name]), b = try #require(alone.outputs[name])
        let part = a.narrow(0, from: first, count: tree.sequences[i].queries)
        #expect(sameBits(part, b), "\(name) of sequence \(i): \(pair)")
      }
    }
  }

  /// Twelve that go on behind a common prefix: for some tokens, for more than a segment, with several queries.
  private static func sharers(of common: Int, pageSize: Int) -> PrefixTree {
    var tree = PrefixTree(pageSize: pageSize)
    tree.add(length: common + 40)
    for i in 1..<12 {
      tree.add(
        after: 0, common: common / pageSize, length: common + [1, 32, 300, 17][i % 4], queries: [1, 3, 1, 1][i % 4])
    }
    return tree
  }

  @Test(
    "behind a common prefix threads take some sequences each, with the bits of one thread", arguments: cases,
    [512, 700, 1040])
  func tails(_ pair: SharedPrefixTests.Case, _ common: Int) throws {
    let definition = pair.form.definition, common = common / pair.form.pageSize * pair.form.pageSize
    let whole = try Self.sharers(of: common, pageSize: pair.form.pageSize).problem(definition, seed: 6)
    let expected = try Execution(pair.solution, whole, on: CPUStream(threads: 1))
    for threads in [2, 3, 4, 16] {
      let found = try Execution(pair.solution, whole, on: CPUStream(threads: threads))
      #expect(found.damage.isEmpty, "\(found.damage)")
      for name in definition.outputs.names {
        let a = try #require(expected.outputs[name]), b = try #require(found.outputs[name])
        #expect(sameBits(a, b), "\(name) with \(threads) threads: \(pair)")
      }
    }
  }

  @Test("what lies behind a common prefix fills up what its segments leave uneven", arguments: [2, 4])
  func evenTails(_ threads: Int) throws {
    let form = Form(queryHeads: 9, keyValueHeads: 3, dimension: 64, pageSize: 16)
    var tree = PrefixTree(pageSize: 16)
    tree.add(length: 544)
    for _ in 1..<16 { tree.add(after: 0, common: 32, length: 544) }
    let plan = try tree.plan(form, threads: threads)
    let most = plan.busy(threads: threads).max() ?? 0, total = plan.units.reduce(0) { $0 + $1.cost }
    #expect(Double(most * threads) <= 1.05 * Double(total), "\(plan.units.map(\.cost))")
    // Tails are behind the prefix, and read none of it.
    let tails = plan.units.filter { $0.splits.count == 1 }
    #expect(tails.count == 2 * threads * plan.splits.reduce(into: Set()) { $0.insert($1.head) }.count)
    #expect(tails.allSatisfy { $0.positions.lowerBound == 512 })
  }

  @Test("each state that a split merges is written once for each of its rows, by units that it waits for")
  func states() throws {
    let form = Form(queryHeads: 9, keyValueHeads: 3, dimension: 64, pageSize: 16)
    var splits = 0
    for common in [512, 700, 1040] {
      for threads in [2, 3, 5, 16] {
        let plan = try Self.sharers(of: common / 16 * 16, pageSize: 16).plan(form, threads: threads)
        splits += plan.splits.count
        // By the place of a row's sums in the memory for states: which unit writes it.
        var writers: [Int: Int] = [:]
        for (number, unit) in plan.units.enumerated() {
          guard let states = unit.states else { continue }
          let rows = plan.parts[unit.parts].reduce(0) { $0 + $1.rows }
          for state in 0..<(unit.isFirst ? 1 : unit.positions.count / 256) {
            for row in unit.firstRow..<unit.firstRow + rows {
              let place = states + state * Self.floats(unit.stateRows) + row * 64
              #expect(writers.updateValue(number, forKey: place) == nil)
            }
          }
        }
        for (number, split) in plan.splits.enumerated() {
          let units = plan.units.indices.filter { plan.units[$0].splits.contains(number) }
          #expect(units.count == split.units && units.count > 1)
          let rows = plan.parts[split.parts].reduce(0) { $0 + $1.rows }
          for state in 0..<split.stateCount {
            for row in split.firstRow..<split.firstRow + rows {
              let place = split.states + state * Self.floats(split.stateRows) + row * 64
              #expect(place < plan.stateFloats)
              let writer = writers.removeValue(forKey: place)
              #expect(writer.map(units.contains) == true)
            }
          }
        }
        #expect(writers.isEmpty)
      }
    }
    #expect(splits > 20)
  }

  /// Of a state of so many rows with a head of 64 elements.
  private static func floats(_ rows: Int) -> Int { (rows + 15) / 16 * 16 * (64 + 2) }

  @Test("one long sequence keeps all threads busy", arguments: [2, 4, 8, 24])
  func spread(_ threads: Int) throws {
    var tree = PrefixTree(pageSize: 16)
    tree.add(length: 8192)
    let form = Form(queryHeads: 9, keyValueHeads: 3, dimension: 64, pageSize: 16)
    let plan = try tree.plan(form, threads: threads)
    // The line of units is cut between threads.
    #expect(plan.units.count < 3 + threads)
    let most = plan.busy(threads: threads).max() ?? 0, total = plan.units.reduce(0) { $0 + $1.cost }
    #expect(Double(most * threads) <= 1.15 * Double(total))
    // Each unit of a split has memory of its own for its states.
    let floats = Self.floats(3)
    var next = 0
    for split in plan.splits {
      #expect(split.states == next)
      let units = plan.units.filter { $0.head == split.head }.sorted {
        $0.positions.lowerBound < $1.positions.lowerBound
      }
      #expect(units.count > 1)
      var position = 0
      for unit in units {
        #expect(unit.positions.lowerBound == position && unit.isFirst == (position == 0))
        #expect(unit.states == next)
        position = unit.positions.upperBound
        next += (unit.isFirst ? 1 : unit.positions.count / 256) * floats
      }
      #expect(position == 8192 && next == split.states + split.stateCount * floats)
    }
    #expect(plan.stateFloats == next && next > 0)
  }

  @Test("a window's sequence is cut from the first segment that a query sees")
  func window() throws {
    var tree = PrefixTree(pageSize: 16)
    tree.add(length: 5000)
    let form = Form(queryHeads: 9, keyValueHeads: 3, dimension: 64, pageSize: 16, window: 1000)
    let plan = try tree.plan(form, threads: 6)
    // Positions 4000 ..< 5000: segments 15 to 19.
    #expect(plan.units.map(\.positions.lowerBound).min() == 15 * 256)
    #expect(plan.splits.count == 3 && plan.units.count == 6)
  }

  @Test("one thread, or units enough for all, need no splits")
  func whole() throws {
    let form = Form(queryHeads: 9, keyValueHeads: 3, dimension: 64, pageSize: 16)
    var long = PrefixTree(pageSize: 16)
    long.add(length: 8192)
    #expect(try long.plan(form, threads: 1).splits.isEmpty)
    var many = PrefixTree(pageSize: 16)
    for _ in 0..<32 { many.add(length: 600) }
    let plan = try many.plan(form, threads: 4)
    #expect(plan.splits.isEmpty && plan.units.count == 96)
  }
}
