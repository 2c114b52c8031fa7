import JSONText
import Testing

@testable import Traces

@Suite struct TraceTests {
  typealias Case = SchemaRuleTests.Case
  static let trace = """
    {"definition": "gemm_n4", "workload": {"axes": {"M": 4}, "inputs": {"A": {"type": "random"},
     "s": {"type": "scalar", "value": 0.5}, "t": {"type": "safetensors", "path": "p", "tensor_key": "k"}}, "uuid": "u"},
     "solution": "fast", "evaluation": {"status": "PASSED", "environment": {"hardware": "cpu", "libs": {"torch": "2"}},
     "timestamp": "now", "log": "", "correctness": {"max_relative_error": 0.1, "max_absolute_error": 0.2, "extra": null},
     "performance": {"latency_ms": 1.0, "reference_latency_ms": 2.0, "speedup_factor": 2.0}}}
    """

  static let cases: [Case] = [
    Case("definition", nil, "definition missing"), Case("definition", "\"a/b\"", "definition value_error"),
    Case("workload", nil, "workload missing"), Case("workload", "[]", "workload model_type"),
    Case("workload.uuid", nil, "workload.uuid missing"),
    Case("workload.uuid", "\"\"", "workload.uuid string_too_short"),
    Case("workload.axes", nil, "workload.axes missing"),
    Case("workload.axes.M", "-1", "workload.axes.M greater_than_equal"),
    Case("workload.axes.M", "null", "workload.axes.M int_type"),
    Case("workload.inputs", nil, "workload.inputs missing"),
    Case("workload.inputs.A", "4", "workload.inputs.A model_type"),
    Case("workload.inputs.A.type", "\"custom\"", "workload.inputs.A.type literal_error"),
    Case("workload.inputs.A.type", "null", "workload.inputs.A.type literal_error"),
    Case("workload.inputs.s.value", nil, "workload.inputs.s.value missing"),
    Case("workload.inputs.s.value", "\"x\"", "workload.inputs.s.value float_parsing"),
    Case("workload.inputs.s.value", "[]", "workload.inputs.s.value float_type"),
    Case("workload.inputs.t.path", nil, "workload.inputs.t.path missing"),
    Case("workload.inputs.t.tensor_key", "\"\"", "workload.inputs.t.tensor_key string_too_short"),
    Case("solution", "4", "solution string_type"), Case("evaluation", "4", "evaluation model_type"),
    Case("evaluation.status", "\"passed\"", "evaluation.status enum"),
    Case("evaluation.status", nil, "evaluation.status missing"),
    Case("evaluation.environment", nil, "evaluation.environment missing"),
    Case("evaluation.environment.hardware", "\"\"", "evaluation.environment.hardware string_too_short"),
    Case("evaluation.environment.libs", "{\"torch\": 2}", "evaluation.environment.libs.torch string_type"),
    Case("evaluation.timestamp", "\"\"", "evaluation.timestamp string_too_short"),
    Case("evaluation.log", "null", "evaluation.log string_type"),
    Case("evaluation.correctness", "null", "evaluation value_error"),
    Case("evaluation.performance", nil, "evaluation value_error"),
    Case("evaluation.status", "\"TIMEOUT\"", "evaluation value_error"),
    Case("evaluation.status", "\"INCORRECT_NUMERICAL\"", "evaluation value_error"),
    Case(
      "evaluation.correctness.max_relative_error", "-1", "evaluation.correctness.max_relative_error greater_than_equal"),
    Case(
      "evaluation.correctness.max_absolute_error", "-Infinity",
      "evaluation.correctness.max_absolute_error greater_than_equal"),
    Case(
      "evaluation.correctness.max_absolute_error", "\"x\"", "evaluation.correctness.max_absolute_error float_parsing"),
    Case("evaluation.correctness.extra", "[]", "evaluation.correctness.extra dict_type"),
    Case("evaluation.performance.latency_ms", "NaN", "evaluation.performance.latency_ms greater_than_equal"),
    Case("evaluation.performance.speedup_factor", "-1", "evaluation.performance.speedup_factor greater_than_equal"),
  ]

  @Test(arguments: cases) func aBrokenTraceIsRefusedAtTheRightPlace(_ rule: Case) throws {
    let text = try SchemaRuleTests.changed(Self.trace, rule)
    let error = #expect(throws: SchemaError.self) { try Trace(json: text) }
    #expect(error?.diagnostics.map { "\($0.pathText) \($0.kind)" } == rule.expected)
  }

  @Test func everyStatusTakesExactlyItsParts() throws {
    for status in Evaluation.Status.allCases {
      for correctness in [nil, Correctness()] {
        for performance in [nil, Performance()] {
          let fits =
            switch status {
            case .passed: correctness != nil && performance != nil
            case .incorrectNumerical: correctness != nil && performance == nil
            default: correctness == nil && performance == nil
            }
          let evaluation = try? Evaluation(
            status: status, environment: Environment(hardware: "cpu"), timestamp: "t", correctness: correctness,
            performance: performance)
          #expect((evaluation != nil) == fits, "\(status) \(correctness != nil) \(performance != nil)")
        }
      }
    }
  }

  /// The line is what FlashInfer-Bench 0.1.2 writes for the same trace, but for the infinity, which it writes as null.
  @Test func aLineHasEveryFieldInSchemaOrder() throws {
    let trace = try Trace(
      definition: "d",
      workload: Workload(
        uuid: "u", axes: ["M": 4],
        inputs: ["A": .random, "s": .scalar(.float(1.5)), "t": .safetensors(path: "p", tensorKey: "k")]), solution: "s",
      evaluation: Evaluation(
        status: .passed, environment: Environment(hardware: "cpu"), timestamp: "now",
        correctness: Correctness(maxRelativeError: .nan, maxAbsoluteError: 1e-6),
        performance: Performance(latencyMs: 1, speedupFactor: .infinity)))
    let line =
      #"{"definition":"d","workload":{"axes":{"M":4},"inputs":{"A":{"type":"random"},"s":{"type":"scalar","value":1.5},"t":{"type":"safetensors","path":"p","tensor_key":"k"}},"uuid":"u"},"solution":"s","evaluation":{"status":"PASSED","environment":{"hardware":"cpu","libs":{}},"timestamp":"now","log":"","correctness":{"max_relative_error":"NaN","max_absolute_error":1e-6,"extra":null},"performance":{"latency_ms":1.0,"reference_latency_ms":0.0,"speedup_factor":"Infinity"}}}"#
    #expect(String(decoding: trace.jsonLine, as: UTF8.self) == line)
    #expect(try Trace(json: line) == trace)
  }

  @Test func floatsAreWrittenAsFlashInferBenchDoes() {
    for (value, text) in [
      (1.0, "1.0"), (1e15, "1000000000000000.0"), (1e16, "1e+16"), (123456789012345680, "1.2345678901234568e+17"),
      (1e-4, "0.0001"), (1e-5, "0.00001"), (1e-6, "1e-6"), (1.5e-7, "1.5e-7"), (Double.leastNonzeroMagnitude, "5e-324"),
      (1e22, "1e+22"),
      (0.1352337747812271, "0.1352337747812271"), (1e100, "1e+100"), (-0.0, "-0.0"), (1.2345e-5, "0.000012345"),
      (9007199254740992, "9007199254740992.0"), (12345678901234567168, "1.2345678901234567e+19"), (-2.5, "-2.5"),
    ] { #expect(JSONValue.trace(value).compact == text) }
  }

  @Test func everyFloatReadsBackToItself() {
    var random = SeededGenerator(seed: 7)
    for _ in 0..<20_000 {
      let value = Double(bitPattern: random.next())
      if value.isNaN { continue }
      var reader = DocumentReader()
      #expect(reader.double(.trace(value)) == value)
    }
  }

  @Test func notANumberAndInfinitySurviveInAllTheirForms() throws {
    for (json, expected) in [
      ("NaN", Double.nan), ("\"NaN\"", .nan), ("\"nan\"", .nan), ("Infinity", .infinity), ("\"Infinity\"", .infinity),
      ("\"inf\"", .infinity), ("1e999", .infinity), ("\"4_0.5\"", 40.5), ("true", 1), ("\" .5e1\"", 5),
    ] {
      let text = try SchemaRuleTests.changed(Self.trace, Case("evaluation.correctness.max_relative_error", json))
      let trace = try Trace(json: text)
      let again = try Trace(json: String(decoding: try trace.with(solution: "x").jsonLine, as: UTF8.self))
      for error in [trace, again].map({ $0.evaluation?.correctness?.maxRelativeError }) {
        #expect(error == expected || error?.isNaN == true && expected.isNaN, "\(json)")
      }
    }
    let infinite = try SchemaRuleTests.changed(Self.trace, Case("evaluation.performance.latency_ms", "null"))
    #expect(try Trace(json: infinite).evaluation?.performance?.latencyMs == .infinity)
    let scalar = try SchemaRuleTests.changed(Self.trace, Case("workload.inputs.s.value", "null"))
    #expect(try Trace(json: scalar).workload.inputs["s"] == .scalar(.float(.nan)))
  }

  @Test func aScalarKeepsItsKind() throws {
    for (json, expected) in [
      ("1", ScalarValue.int(1)), ("1.0", .float(1)), ("true", .bool(true)), ("\"4\"", .int(4)),
      ("\"4.5\"", .float(4.5)),
      ("\"true\"", .bool(true)), ("-0.0", .float(-0.0)),
    ] {
      let text = try SchemaRuleTests.changed(Self.trace, Case("workload.inputs.s.value", json))
      #expect(try Trace(json: text).workload.inputs["s"] == .scalar(expected), "\(json)")
    }
  }

  @Test func theKindOfAnInputIsGuessedFromItsFields() throws {
    for (json, expected) in [
      ("{}", WorkloadInput.random), ("{\"value\": 2}", .scalar(.int(2))),
      ("{\"path\": \"p\", \"tensor_key\": \"k\"}", .safetensors(path: "p", tensorKey: "k")),
      ("{\"path\": \"p\"}", .random),
    ] {
      let text = try SchemaRuleTests.changed(Self.trace, Case("workload.inputs.A", json))
      #expect(try Trace(json: text).workload.inputs["A"] == expected, "\(json)")
    }
  }
}
