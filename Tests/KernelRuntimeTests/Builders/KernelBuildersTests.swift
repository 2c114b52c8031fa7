import KernelRuntime
import Tensors
import Testing
import Traces

@Suite("The list of builders") struct KernelBuildersTests {
  private let folder = TemporaryFolder()
  private var builders: [any KernelBuilder] { KernelBuilders.all(cache: ArtifactCache(root: folder.path)) }

  @Test("has one builder for each language that a solution may be written in")
  func languages() {
    let languages = builders.flatMap(\.languages)
    #expect(Set(languages) == Set(Language.accepted))
    #expect(languages.count == Set(languages).count)
  }

  @Test("GPU languages say what is missing, and refuse to build", arguments: [Language.cuda, .triton, .tilelang])
  func absent(language: Language) throws {
    let builder = try #require(KernelBuilders.builder(for: language, among: builders))
    guard case .unavailable(let reason) = builder.availability(on: .cuda(ordinal: 0)) else {
      Issue.record("\(language) claims to be available")
      return
    }
    #expect(reason.contains("a Solution document in \(language) launches its kernels by host code of its own"))
    let solution = try Fixtures.solution(language, [("k.py", "x = 1\n")], entry: "k.py::run", hardware: ["cuda"])
    let error = failure { _ = try builder.build(solution, for: Fixtures.scale(), in: BindContext(device: .cpu)) }
    #expect(error?.code == .buildFailed && error?.solution == "mine")
    #expect(failure { _ = try builder.compile(solution) } == error)
  }

  @Test("solutions of a trace set become candidates; an unknown language is one that is refused")
  func traceSet() throws {
    let definition = try Fixtures.scale(), rust = Language(rawValue: "rust")
    try runShell("mkdir -p \"$1\"/definitions \"$1\"/solutions", folder.path)
    folder.write(String(decoding: definition.json, as: UTF8.self), to: "definitions/scale_d3.json")
    for solution in [
      try Fixtures.cpp(name: "a"),
      try Fixtures.solution(rust, [("main.rs", "fn main() {}")], entry: "main.rs::run", name: "b"),
    ] {
      folder.write(String(decoding: solution.json, as: UTF8.self), to: "solutions/\(solution.name).json")
    }
    let set = try TraceSet.load(folder.path, .strict, languages: Language.accepted + [rust])
    let candidates = KernelBuilders.solutions(of: set, builders: builders)
    #expect(candidates.map(\.name) == ["a", "b"])
    #expect(candidates[0].flavor == .cpp && candidates[0].computes(definition))
    let context = BindContext(device: .cpu)
    #expect(
      candidates[1].availability(definition, context)
        == .unavailable(because: "there is no builder for the language \"rust\""))
    if Tools.cpp {
      #expect(candidates[0].availability(definition, context) == .available)
      #expect(try Fixtures.scaled(try candidates[0].build(definition, context)) == [2, 4, 6, 8, 10, 12])
    }
    #expect(failure { _ = try candidates[1].build(definition, context) }?.code == .buildFailed)
  }

  @Test("a report says whether a solution was built, was there, cannot be built here, or failed")
  func reports() throws {
    let builders = builders
    let gpu = try Fixtures.solution(.cuda, [("k.cu", "x")], entry: "k.cu::run", hardware: ["cuda"])
    let unavailable = KernelBuilders.compile(gpu, with: builders)
    #expect(unavailable.language == .cuda && !unavailable.hasFailed)
    guard case .unavailable(let reason) = unavailable.outcome else { Issue.record("\(unavailable)"); return }
    #expect(reason.contains("host code of its own"))
    guard Tools.cpp else { return }
    let solution = try Fixtures.cpp()
    guard case .built(let path) = KernelBuilders.compile(solution, with: builders).outcome else {
      Issue.record("not built")
      return
    }
    #expect(KernelBuilders.compile(solution, with: self.builders).outcome == .cached(path))
    let wrong = KernelBuilders.compile(try Fixtures.cpp("nonsense;"), with: builders)
    #expect(wrong.hasFailed && wrong.solution == "mine" && wrong.definition == "scale_d3")
    guard case .failed(let words) = wrong.outcome else { return }
    #expect(words.contains("nonsense"))
  }
}
