import JSONText
import Testing

@testable import Traces

@Suite struct FixtureRoundTripTests {
  @Test func everyPublishedWorkloadIsWrittenBackByteForByte() throws {
    #expect(FixtureFiles.workloads.count == 16)
    for path in FixtureFiles.workloads {
      let bytes = try FixtureFiles.bytes(path)
      let lines = TraceLines.read(bytes)
      #expect(lines.count > 0, "\(path)")
      let traces = try lines.map { try $0.trace.get() }
      #expect(traces.allSatisfy { $0.isWorkload })
      #expect(TraceLines.text(traces) == bytes, "\(path)")
    }
  }

  @Test func theWholeSetIsWrittenBackByteForByte() throws {
    let set = try TraceSet.load(FixtureFiles.root, .strict)
    #expect(set.definitions.count == 97)
    #expect(set.diagnostics.isEmpty)
    let folder = try TemporaryFolder()
    try set.write(to: folder.path)
    for kind in ["definitions", "workloads"] {
      let suffix = kind == "definitions" ? ".json" : ".jsonl"
      let before = FixtureFiles.paths(under: "\(FixtureFiles.root)/\(kind)", suffix: suffix)
      let after = FixtureFiles.paths(under: "\(folder.path)/\(kind)", suffix: suffix)
      #expect(before.map { $0.dropFirst(FixtureFiles.root.count) } == after.map { $0.dropFirst(folder.path.count) })
      for (a, b) in zip(before, after) { #expect(try FixtureFiles.bytes(a) == FixtureFiles.bytes(b), "\(a)") }
    }
  }

  @Test func aChangedWorkloadKeepsOrderUnknownMembersAndNumberSpelling() throws {
    let line =
      #"{"note":[1e0],"definition":"d","solution":null,"workload":{"seed":7,"axes":{"M":4.0},"#
      + #""inputs":{"s":{"value":1e-01,"type":"scalar","unit":"ms"}},"uuid":"u"}}"#
    let trace = try Trace(json: line)
    #expect(trace.workload.axes["M"] == 4)
    let changed = try trace.with(solution: "mine")
    let expected =
      #"{"note":[1e0],"definition":"d","solution":"mine","workload":{"seed":7,"axes":{"M":4.0},"#
      + #""inputs":{"s":{"value":1e-01,"type":"scalar","unit":"ms"}},"uuid":"u"},"evaluation":null}"#
    #expect(String(decoding: changed.jsonLine, as: UTF8.self) == expected)
  }

  @Test func publishedConstraintsAreDecidedFromShapesAndIndexArrays() throws {
    let set = try TraceSet.load(FixtureFiles.root)
    var decided = 0
    for definition in set.definitions.values where !definition.constraints.isEmpty {
      for result in definition.evaluateConstraints(axes: OrderedMap(definition.varAxes.map { ($0, 3) })) {
        switch result.outcome {
        case .undecided(let error): #expect(error.code == .unreadableTensor, "\(definition.name): \(result)")
        case .holds, .violated: decided += 1
        }
      }
      let indptr = IntegerTensor([0, 1, 5])
      for value in [5, 6] {
        let axes = OrderedMap(definition.varAxes.map { ($0, $0 == "len_indptr" ? 3 : $0 == "batch_size" ? 2 : value) })
        let tensors = ["qo_indptr": indptr, "kv_indptr": indptr]
        for result in definition.evaluateConstraints(axes: axes, tensors: tensors)
        where result.constraint.contains(".item()") {
          #expect(result.outcome == (value == 5 ? .holds : .violated), "\(definition.name): \(result)")
          decided += 1
        }
      }
    }
    #expect(decided > 100)
  }
}
