import Testing
import Traces

/// FlashInfer-Bench reads the folder that these tests hold the writer to, and writes the same bytes
/// (`Tests/Interchange/run.sh`).
@Suite struct WrittenSetTests {
  static let folder = Fixture.root + "/interchange/set"

  @Test func theWriterStillMakesTheFolderThatFlashInferBenchWasGiven() throws {
    let written = try TemporaryFolder()
    try InterchangeSet.write(to: written.path)
    let files = try Fixture.files(below: Self.folder)
    #expect(try Fixture.files(below: written.path) == files)
    for file in files {
      let expected = String(decoding: try Fixture.bytes(Self.folder + "/" + file), as: UTF8.self)
      #expect(String(decoding: try Fixture.bytes(written.path + "/" + file), as: UTF8.self) == expected, "\(file)")
    }
  }

  @Test func theFolderReadsBackToWhatWasWritten() throws {
    let set = try TraceSet.load(Self.folder, .strict)
    #expect(set.diagnostics.isEmpty)
    for definition in try InterchangeSet.definitions() { #expect(set.definitions[definition.name] == definition) }
    for solution in try InterchangeSet.solutions() { #expect(set.solution(named: solution.name) == solution) }
    let workloads = try InterchangeSet.workloads(), traces = try InterchangeSet.traces()
    for name in set.definitionNames {
      #expect(set.workloads[name, default: []] == workloads.filter { $0.definition == name })
      // Files lie in folders by author: the order is kept within each author.
      for author in ["ann", "baseline", "bob", "carol"] {
        let isTheirs = { (trace: Trace) in
          trace.definition == name && trace.solution.flatMap(set.solution(named:))?.author == author
        }
        #expect(set.traces[name, default: []].filter(isTheirs) == traces.filter(isTheirs))
      }
    }
  }
}
