import Glibc
import JSONText
import Testing

@testable import Traces

@Suite struct SetUnionTests {
  typealias Sample = SampleSet

  @Test func equalSetsAreOneAndTheirBlobsAreCopied() throws {
    let a = try Sample(), b = try Sample(), output = try TemporaryFolder()
    // The same document, set out otherwise.
    try b.write(Sample.definition.replacing(", ", with: ",\n  "), to: Sample.definitionFile)
    let union = try SetUnion([try a.load(), try b.load()])
    #expect(union.conflicts.isEmpty && union.duplicates == 2 && union.missingBlobs.isEmpty)
    try union.write(to: output.path + "/new")
    #expect(try FileStore.read("\(output.path)/new/\(Sample.blobFile)") == Sample.blob())
    #expect(SetCheck(output.path + "/new").findings.isEmpty)
    let written = try TraceSet.load(output.path + "/new", .strict)
    #expect(SetDifference(from: try a.load(), to: written).isEmpty)
  }

  @Test func whatOnlyOneSetHasIsInTheUnion() throws {
    let a = try Sample(), b = try Sample()
    try b.write(Sample.solution("mine", by: "me"), to: "solutions/me/elementwise/scale_n4/mine.json")
    try b.write(Sample.workload("v"), to: Sample.workloadFile)
    try b.write(Sample.trace(solution: "mine"), to: "traces/me/elementwise/scale_n4.jsonl")
    let set = try SetUnion([try a.load(), try b.load()]).set
    #expect(set.solutions["scale_n4"]?.map(\.name) == ["plain", "mine"])
    #expect(set.workloads["scale_n4"]?.map(\.workload.uuid) == ["w", "v"])
    #expect(set.traces["scale_n4"]?.compactMap(\.solution) == ["plain", "mine"])
  }

  @Test func differentDocumentsOfOneNameAreConflictsUnlessAPreferenceDecides() throws {
    let a = try Sample(), b = try Sample(), output = try TemporaryFolder()
    try b.write(Sample.definition.replacing("x times factor", with: "other"), to: Sample.definitionFile)
    try b.write(Sample.solution(content: "y"), to: Sample.solutionFile)
    try b.write(Sample.workload(factor: #"{"type": "scalar", "value": 2.0}"#) + "\n", to: Sample.workloadFile)
    try b.write(Sample.blob(value: 1), to: Sample.blobFile)
    let sets = [try a.load(), try b.load()]
    let undecided = try SetUnion(sets)
    #expect(
      undecided.conflicts == [
        "definition scale_n4 differs", "solution plain differs", "workload w of scale_n4 differs",
        "the file \(Sample.blobFile) differs",
      ])
    #expect(throws: SchemaError.self) { try undecided.write(to: output.path + "/none") }
    #expect(!FileStore.exists(output.path + "/none"))
    for (preference, right) in [(SetUnion.Preference.first, a), (.last, b)] {
      let union = try SetUnion(sets, prefer: preference), folder = "\(output.path)/\(preference)"
      #expect(union.conflicts.isEmpty && union.decided.count == 4)
      try union.write(to: folder)
      for file in [Sample.definitionFile, Sample.solutionFile, Sample.workloadFile, Sample.blobFile] {
        #expect(try FileStore.read("\(folder)/\(file)") == FileStore.read("\(right.path)/\(file)"), "\(file)")
      }
    }
  }

  @Test func aFolderThatHoldsSomethingIsRefused() throws {
    let sample = try Sample(), union = try SetUnion([try sample.load()])
    let error = #expect(throws: SchemaError.self) { try union.write(to: sample.path) }
    #expect(error?.description.contains("is not empty") == true)
    #expect(throws: SchemaError.self) { try union.write(to: sample.path + "/" + Sample.definitionFile) }
    #expect(SetCheck(sample.path).findings.isEmpty)
  }

  @Test func blobsThatNoSetHasAreNamed() throws {
    let sample = try Sample()
    unlink(sample.path + "/" + Sample.blobFile)
    #expect(try SetUnion([try sample.load()]).missingBlobs == [Sample.blobFile])
    let whole = try Sample()
    let union = try SetUnion([try sample.load(), try whole.load()])
    #expect(union.missingBlobs.isEmpty && union.blobs.names == [Sample.blobFile])
  }
}

@Suite struct SetDifferenceTests {
  typealias Sample = SampleSet

  private func changes(_ change: (Sample) throws -> Void) throws -> [String] {
    let old = try Sample(), new = try Sample()
    try change(new)
    return SetDifference(from: try old.load(), to: try new.load()).changes.map(\.text)
  }

  @Test func equalSetsDoNotDifferHoweverTheyAreSetOut() throws {
    #expect(try changes { try $0.write(Sample.solution().replacing(", ", with: ",\n"), to: Sample.solutionFile) } == [])
  }

  @Test func changesNameTheMembersThatDiffer() throws {
    #expect(
      try changes {
        try $0.write(Sample.definition.replacing("x times factor", with: "other"), to: Sample.definitionFile)
        try $0.write(Sample.solution(by: "me", content: "y"), to: Sample.solutionFile)
        try $0.write(Sample.trace(latency: 2), to: Sample.traceFile)
      } == [
        "~ definition scale_n4: description", "~ solution plain: author, sources",
        "~ trace scale_n4 w plain cpu: evaluation",
      ])
  }

  @Test func whatCameAndWentIsListed() throws {
    #expect(
      try changes {
        try $0.write(Sample.workload("v"), to: Sample.workloadFile)
        try $0.write(Sample.trace() + "\n" + Sample.trace(hardware: "gpu"), to: Sample.traceFile)
      } == ["+ workload scale_n4 v", "- workload scale_n4 w", "+ trace scale_n4 w plain gpu"])
  }
}

@Suite struct CoverageTests {
  typealias Sample = SampleSet

  @Test func eachPairIsMeasuredFailedStaleOrMissing() throws {
    let sample = try Sample()
    for name in ["good", "bad", "old", "new"] {
      try sample.write(Sample.solution(name, by: "me"), to: "solutions/me/elementwise/scale_n4/\(name).json")
    }
    let hash = try #require(try sample.load().solution(named: "good")?.contentHash)
    try sample.write(
      [
        Sample.trace(solution: "good", passed: false), Sample.trace(solution: "good", hash: hash),
        Sample.trace(solution: "bad"), Sample.trace(solution: "bad", passed: false),
        Sample.trace(solution: "old", hash: "0000"),
      ].joined(separator: "\n"), to: "traces/me/elementwise/scale_n4.jsonl")
    try sample.write(Sample.workload() + "\n" + Sample.workload("v"), to: Sample.workloadFile)
    let coverage = Coverage(try sample.load())
    let states = Dictionary(
      uniqueKeysWithValues: coverage.cells.map { ("\($0.solution) \($0.workload)", $0.state) })
    #expect(
      states == [
        "plain w": .measured, "good w": .measured, "bad w": .failed, "old w": .stale, "new w": .missing,
        "plain v": .missing, "good v": .missing, "bad v": .missing, "old v": .missing, "new v": .missing,
      ])
    #expect(coverage.count(.missing) == 6 && coverage.count(.stale, of: "scale_n4") == 1)
    #expect(coverage.count(.measured, of: "other") == 0)
    // Workload w is the nearest to complete.
    let next = coverage.suggestions(3)
    #expect(next.map(\.workload) == ["w", "w", "v"])
    #expect(Set(next.prefix(2).map(\.solution)) == ["old", "new"])
    #expect(coverage.json["cells"]?.array?.count == 10 && coverage.json["missing"]?.int == 6)
  }

  @Test func onlyTracesOfTheNamedDeviceCount() throws {
    let set = try Sample().load()
    #expect(Coverage(set, hardware: "cpu").count(.measured) == 1)
    #expect(Coverage(set, hardware: "other").cells.map(\.state) == [.missing])
  }
}
