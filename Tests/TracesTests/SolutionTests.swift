import JSONText
import Testing

@testable import Traces

@Suite struct SolutionTests {
  typealias Case = SchemaRuleTests.Case
  static let solution = """
    {"name": "fast", "definition": "gemm_n4", "author": "me", "spec": {"language": "cpp", "target_hardware": ["cpu"],
     "entry_point": "main.cpp::run", "dependencies": ["x"], "destination_passing_style": true, "binding": "torch"},
     "sources": [{"path": "main.cpp", "content": "int x;"}], "description": null}
    """

  static let cases: [Case] = [
    Case("name", nil, "name missing"), Case("name", "\"a/b\"", "name value_error"),
    Case("author", "\"..\"", "author value_error"),
    Case("definition", "\"\"", "definition string_too_short"), Case("spec", nil, "spec missing"),
    Case("spec", "4", "spec model_type"),
    Case("spec.language", "\"rust\"", "spec.language enum"), Case("spec.language", "null", "spec.language string_type"),
    Case("spec.target_hardware", nil, "spec.target_hardware missing"),
    Case("spec.target_hardware", "[]", "spec.target_hardware too_short"),
    Case("spec.target_hardware", "\"cpu\"", "spec.target_hardware list_type"),
    Case("spec.target_hardware", "[1]", "spec.target_hardware[0] string_type"),
    Case("spec.entry_point", "\"\"", "spec.entry_point string_too_short"),
    Case("spec.entry_point", "\"main.cpp\"", "spec value_error"),
    Case("spec.entry_point", "\"main.cpp:run\"", "spec value_error"),
    Case("spec.entry_point", "\"main.cpp:::run\"", "spec value_error"),
    Case("spec.entry_point", "\"main.cpp::\"", "spec value_error"),
    Case("spec.entry_point", "\"::run\"", "spec value_error"),
    Case("spec.entry_point", "\"main.cpp::a::b\"", "spec value_error"),
    Case("spec.entry_point", "\"./main.cpp::run\"", "$ value_error"),
    Case("spec.dependencies", "[\"\"]", "spec.dependencies[0] string_too_short"),
    Case("spec.dependencies", "null", "spec.dependencies list_type"),
    Case("spec.destination_passing_style", "\"maybe\"", "spec.destination_passing_style bool_parsing"),
    Case("spec.destination_passing_style", "2", "spec.destination_passing_style bool_parsing"),
    Case("spec.destination_passing_style", "null", "spec.destination_passing_style bool_type"),
    Case("spec.binding", "\"pybind\"", "spec.binding enum"), Case("sources", "[]", "sources too_short"),
    Case("sources", nil, "sources missing"),
    Case("sources", "[{}]", "sources[0].path missing", "sources[0].content missing"),
    Case(
      "sources", "[{\"path\": \"\", \"content\": \"\"}]", "sources[0].path string_too_short",
      "sources[0].content string_too_short"),
    Case("sources", "[{\"path\": \"/main.cpp\", \"content\": \"x\"}]", "sources[0] value_error"),
    Case("sources", "[{\"path\": \"a/../b\", \"content\": \"x\"}]", "sources[0] value_error"),
    Case("sources", "[{\"path\": \"..\\\\x\", \"content\": \"x\"}]", "sources[0] value_error"),
    Case("sources", "[{\"path\": \"C:\\\\x\", \"content\": \"x\"}]", "sources[0] value_error"),
    Case("sources", "[{\"path\": \"a/\", \"content\": \"x\"}]", "sources[0] value_error"),
    Case("sources", "[{\"path\": \"a\\nb\", \"content\": \"x\"}]", "sources[0] value_error"),
    Case(
      "sources", "[{\"path\": \"main.cpp\", \"content\": \"x\"}, {\"path\": \"main.cpp\", \"content\": \"y\"}]",
      "$ value_error"),
    Case("description", "4", "description string_type"),
  ]

  @Test(arguments: cases) func aBrokenSolutionIsRefusedAtTheRightPlace(_ rule: Case) throws {
    let text = try SchemaRuleTests.changed(Self.solution, rule)
    let error = #expect(throws: SchemaError.self) { try Solution(json: text) }
    #expect(error?.diagnostics.map { "\($0.pathText) \($0.kind)" } == rule.expected)
  }

  @Test func theCallingStyleIsTrueUnlessSetAndTakesTheUsualWords() throws {
    for (json, expected) in [
      (nil, true), ("false", false), ("0", false), ("\"OFF\"", false), ("\"n\"", false), ("1", true), ("\"Yes\"", true),
    ] as [(String?, Bool)] {
      let text = try SchemaRuleTests.changed(Self.solution, Case("spec.destination_passing_style", json))
      #expect(try Solution(json: text).spec.destinationPassingStyle == expected, "\(json ?? "absent")")
    }
  }

  /// The digest is `sha1` of the concatenated fields, computed with Python's hashlib.
  @Test func theContentHashIsThatOfTheConcatenatedFields() throws {
    let solution = try Solution(
      name: "a", definition: "dé", author: "me",
      spec: BuildSpec(
        language: .cpp, targetHardware: ["cpu"], entryPoint: "m.cpp::f", dependencies: ["x >= 1"], binding: .torch),
      sources: [SourceFile(path: "m.cpp", content: "int f;"), SourceFile(path: "b.h", content: "//ü")])
    #expect(solution.contentHash == "b1c9b71123da7a32216e0fcbcff13ca647c50920")
    #expect(try solution.withUniqueName().name == "a_b1c9b711")
    #expect(try solution.with(name: "9 ü.x").packageName(prefix: "fib_") == "fib__9___x_b1c9b7")
    #expect(try solution.with(author: "you", description: "new").contentHash == solution.contentHash)
    #expect(solution.spec.entryFile == "m.cpp" && solution.spec.entrySymbol == "f")
    #expect(solution.entrySource?.content == "int f;")
  }

  @Test func theDigestIsSHA1() {
    // FIPS 180 examples.
    let vectors = [
      ("", "da39a3ee5e6b4b0d3255bfef95601890afd80709"), ("abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
      (
        "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "84983e441c3bd26ebaae4aa1f95129e5e54670f1"
      ), (String(repeating: "a", count: 1_000_000), "34aa973cd4c4daa4f61eeb2bdbad27316534016f"),
    ]
    for (text, digest) in vectors {
      var sha = SHA1()
      sha.update(text)
      #expect(sha.hexDigest() == digest)
    }
  }

  @Test func aChangedSolutionKeepsUnknownMembersAndTheirOrder() throws {
    let text =
      #"{"made_by":"x","author":"me","name":"fast","definition":"d","sources":[{"size":1,"path":"m.py","content":"x"}],"spec":{"entry_point":"m.py::run","opt":3,"language":"python","target_hardware":["cpu"]}}"#
    let changed = try Solution(json: text).with(name: "faster")
    let value = try JSONValue(parsing: changed.json)
    #expect(value.object?.keys == ["made_by", "author", "name", "definition", "sources", "spec"])
    #expect(
      value["spec"]?.object?.keys == ["entry_point", "opt", "language", "target_hardware", "destination_passing_style"])
    #expect(value["sources"]?.array?[0]["size"]?.int == 1)
    #expect(value["name"]?.string == "faster")
  }

  @Test func aProgramMayAddALanguage() throws {
    let text = try SchemaRuleTests.changed(Self.solution, Case("spec.language", "\"mojo\""))
    let mojo = Language(rawValue: "mojo")
    #expect(throws: SchemaError.self) { try Solution(json: text) }
    #expect(try Solution(json: text, languages: Language.accepted + [mojo]).spec.language == mojo)
    let folder = try TemporaryFolder()
    try folder.write(text, to: "solutions/s.json")
    #expect(try TraceSet.load(folder.path).solutionsByName.isEmpty)
    #expect(try TraceSet.load(folder.path, .strict, languages: [mojo]).solutionsByName.count == 1)
  }

  @Test func freeTextOfDependenciesAndHardwareIsToldApart() {
    #expect(Dependency(parsing: "triton >= 2.3") == Dependency(parsing: " triton  >= 2.3 "))
    #expect(Dependency(parsing: "torch==2.1").version == "==2.1")
    #expect(Dependency(parsing: "torch").version == nil)
    for (name, family) in [
      ("NVIDIA_H100", .sm(90)), ("NVIDIA H100 80GB HBM3", .sm(90)), ("NVIDIA_A100", .sm(80)), ("sm100", .sm(100)),
      ("sm_90a", .sm(90)), ("CPU", .cpu), ("cuda", .cuda), ("TPU v5", .other("TPU v5")),
      ("NVIDIA GeForce RTX 4090", .sm(89)),
    ] as [(String, HardwareFamily)] { #expect(HardwareFamily(name) == family, "\(name)") }
  }
}
