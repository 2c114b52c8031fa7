import JSONText
import Testing

@testable import Traces

/// Mutated documents: whatever they are, they are read or refused, and what is read survives being written.
@Suite struct FuzzTests {
  static func mutated(_ bytes: [UInt8], with random: inout SeededGenerator) -> [UInt8] {
    var bytes = bytes
    let pieces = [
      "null", "-1", "1e999", "NaN", "\"\"", "[]", "{}", "\"::\"", "true", "\"../\"", "9223372036854775808", "\\u0000",
      "\"", "\\",
    ]
    for _ in 0..<Int.random(in: 1...4, using: &random) {
      let at = Int.random(in: 0...bytes.count, using: &random)
      switch Int.random(in: 0..<5, using: &random) {
      case 0 where at < bytes.count: bytes[at] = UInt8.random(in: 0...255, using: &random)
      case 1 where at < bytes.count:
        bytes.removeSubrange(at..<min(bytes.count, at + Int.random(in: 1...9, using: &random)))
      case 2: bytes.insert(contentsOf: Array(pieces.randomElement(using: &random)?.utf8 ?? "".utf8), at: at)
      case 3 where at < bytes.count:
        let end = min(bytes.count, at + 30)
        bytes.insert(contentsOf: bytes[at..<end], at: Int.random(in: 0...bytes.count, using: &random))
      default:
        // Replace a scalar as a whole, so that the document stays JSON more often.
        guard let colon = bytes.indices.filter({ bytes[$0] == 0x3A }).randomElement(using: &random) else { continue }
        let end = bytes[colon...].firstIndex { $0 == 0x2C || $0 == 0x7D } ?? bytes.count
        bytes.replaceSubrange(
          (colon + 1)..<max(end, colon + 1), with: Array(pieces.randomElement(using: &random)?.utf8 ?? "".utf8))
      }
    }
    return bytes
  }

  @Test(arguments: 0..<4) func mutatedDocumentsNeverTrapAndWhatIsReadSurvives(_ seed: Int) throws {
    var random = SeededGenerator(seed: UInt64(seed) + 100)
    let definitions = [SchemaRuleTests.definition, DialectTests.flashInferDefinition, DialectTests.solDefinition].map {
      Array($0.utf8)
    }
    let solution = Array(SolutionTests.solution.utf8), trace = Array(TraceTests.trace.utf8)
    var accepted = 0, refused = 0
    for _ in 0..<1500 {
      let bytes = Self.mutated(definitions.randomElement(using: &random) ?? [], with: &random)
      if let definition = try? Definition(json: bytes) {
        accepted += 1
        #expect(definition.json == bytes)
        #expect(try Definition(json: definition.with().json) == definition)
        _ = definition.evaluateConstraints(axes: OrderedMap(definition.varAxes.map { ($0, 2) }))
        _ = try? definition.converted(to: .solExecBench)
      } else {
        refused += 1
      }
      if let document = try? DialectDocument(json: bytes) { _ = try? document.definition() }

      let second = Self.mutated(solution, with: &random)
      if let solution = try? Solution(json: second) {
        accepted += 1
        #expect(try Solution(json: solution.with().json) == solution)
        #expect(solution.contentHash.count == 40)
        _ = try? solution.converted(to: .solExecBench)
      }

      let third = Self.mutated(trace, with: &random)
      if let trace = try? Trace(json: third[...]) {
        accepted += 1
        #expect(trace.jsonLine == third)
        #expect(try Trace(json: trace.with().jsonLine[...]) == trace)
      }
      _ = try? Trace.reading(leniently: third[...])
      if let document = try? DialectDocument(json: third) { _ = try? document.trace(definition: "d") }
    }
    #expect(accepted > 50 && refused > 50)
  }

  @Test func mutatedPythonNeverTraps() throws {
    var random = SeededGenerator(seed: 5)
    let set = try TraceSet.load(FixtureFiles.root)
    let references = set.definitionNames.compactMap { set.definitions[$0]?.reference }
    let expressions = [
      "total_q == qo_indptr[-1].item()", "f(a, *b, c=[i for i in {1: 2}])[1:2, ::3] if not x else lambda *y, z=1: 0x1F",
    ]
    for i in 0..<600 {
      let reference = Self.mutated(Array(references[i % references.count].utf8), with: &random)
      _ = try? PythonModule(tokenizing: String(decoding: reference, as: UTF8.self))
      for expression in expressions {
        let text = String(decoding: Self.mutated(Array(expression.utf8), with: &random), as: UTF8.self)
        guard let parsed = try? PythonExpression(parsing: text) else { continue }
        var evaluator = ExpressionEvaluator(names: ExpressionEvaluatorTests.names)
        _ = try? evaluator.evaluate(parsed)
        _ = try? parsed.axisValue(axes: ["a": 1])
      }
    }
  }

  @Test func randomTracesSurviveBeingWritten() throws {
    var random = SeededGenerator(seed: 9)
    func number() -> Double {
      [0, .infinity, .nan, Double.random(in: 0...1e-3, using: &random), 1e300].randomElement(using: &random) ?? 0
    }
    func text() -> String { ["a", "ü\n\"", "\u{1F600}", "\\", "x y"].randomElement(using: &random) ?? "a" }
    for _ in 0..<300 {
      let finite = { number() }
      let time = {
        let value = finite(); return value.isNaN ? 1 : value
      }
      let trace = try Trace(
        definition: "d",
        workload: Workload(
          uuid: text(), axes: ["M": Int.random(in: 0...Int.max, using: &random), text(): 0],
          inputs: [
            "A": .scalar(.float(number())), text(): .safetensors(path: text(), tensorKey: text()),
            "i": .scalar(.int(.min)),
          ]),
        solution: text(),
        evaluation: Evaluation(
          status: .passed, environment: Environment(hardware: text(), libs: [text(): text()]), timestamp: text(),
          log: text(),
          correctness: Correctness(maxRelativeError: number(), maxAbsoluteError: number()),
          performance: Performance(latencyMs: time(), referenceLatencyMs: time(), speedupFactor: time())))
      #expect(try Trace(json: trace.jsonLine[...]) == trace)
    }
  }
}
