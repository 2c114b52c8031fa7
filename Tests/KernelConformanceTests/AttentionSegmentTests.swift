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
    let floats = 16 * (64 + 2)
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
