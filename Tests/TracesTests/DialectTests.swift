import JSONText
import Testing

@testable import Traces

@Suite struct DialectTests {
  static let flashInferDefinition = """
    {"name": "rms_h8", "op_type": "rmsnorm", "tags": ["fi_api:flashinfer.norm.rmsnorm"], "axes": {"n": {"type": "var"},
     "h": {"type": "const"}}, "inputs": {"x": {"shape": ["n", "h"], "dtype": "bfloat16"}, "i": {"shape": ["n"], "dtype": "unknown",
     "optional": true}}, "outputs": {"x": {"shape": ["n", "h"], "dtype": "bfloat16"}, "out": {"shape": ["n", "h"],
     "dtype": "bfloat16", "param": "out"}}, "init": "x", "reference": "import torch\\ndef _rms_reference(x, i):\\n  return x\\n"}
    """
  static let solDefinition = """
    {"name": "p1", "hf_id": "a/b", "axes": {"T": {"type": "var"}, "E": {"type": "const", "value": 8},
     "E2": {"type": "expr", "expression": "E * 2"}, "T2": {"type": "expr", "expression": "T * E2"}},
     "inputs": {"x": {"shape": ["T2", "16"], "dtype": "float4_e2m1fn_x2"}}, "outputs": {"y": {"shape": ["E2"], "dtype": "float32"}},
     "reference": "def run(x):\\n  return x"}
    """

  static func document(_ text: String) throws -> DialectDocument { try DialectDocument(json: Array(text.utf8)) }

  @Test func everyPublishedFileIsRecognisedAsFlashInferBench() throws {
    for path in FixtureFiles.definitions {
      let document = try DialectDocument(json: FixtureFiles.bytes(path))
      #expect(document.dialect == .flashInferBench && document.kind == .definition, "\(path) \(document.evidence)")
      #expect(try document.definition().losses.isEmpty)
    }
  }

  @Test func aDocumentIsWrittenBackInItsOwnDialect() throws {
    for text in [Self.flashInferDefinition, Self.solDefinition, SolutionTests.solution, TraceTests.trace] {
      #expect(try Self.document(text).json == Array(text.utf8))
    }
  }

  @Test func aDefinitionOfFlashInferIsConvertedWithItsLosses() throws {
    let document = try Self.document(Self.flashInferDefinition)
    #expect(document.dialect == .flashInfer)
    #expect(document.evidence == ["outputs.out.param", "inputs.i.optional", "a tag fi_api: and no function run"])
    let conversion = try document.definition()
    let definition = conversion.value
    #expect(definition.reference == "import torch\ndef run(x, i):\n  return x\n")
    #expect(definition.inputs["i"]?.dtype == .int32 && definition.inputs["i"]?.isOptional == true)
    #expect(definition.outputs.names == ["out"] && definition.outputs["out"]?.param == "out")
    #expect(definition.varAxes == ["n", "h"])
    #expect(conversion.losses.map(\.pathText) == ["axes.h", "inputs.i.dtype", "outputs.x", "init", "reference"])
    #expect(conversion.losses.allSatisfy { $0.kind == .loss })
    #expect(String(decoding: definition.json, as: UTF8.self).contains("\"init\": \"x\""))
  }

  @Test func aDefinitionOfSOLIsConvertedWithItsLosses() throws {
    let document = try Self.document(Self.solDefinition)
    #expect(document.dialect == .solExecBench)
    #expect(
      document.evidence == [
        "hf_id", "axes.E2 is an expression", "axes.T2 is an expression", "inputs.x.shape has a number",
      ])
    let conversion = try document.definition()
    let definition = conversion.value
    #expect(definition.axes["E2"]?.value == 16 && definition.axes["size_16"]?.value == 16)
    #expect(definition.axes["T2"]?.isVariable == true && definition.constraints == ["T2 == T * E2"])
    #expect(definition.inputs["x"]?.dtype == .float4_e2m1 && definition.opType == "unknown")
    #expect(conversion.losses.count == 6)
    let results = definition.evaluateConstraints(axes: ["T": 3, "T2": 48])
    #expect(results.map(\.outcome) == [.holds])
    let float64 = Self.solDefinition.replacing("float4_e2m1fn_x2", with: "float64")
    #expect(throws: SchemaError.self) { try Self.document(float64).definition() }
    for bad in ["E **", "E / 3", "len(E)", "1 << E"] {
      #expect(throws: SchemaError.self, "\(bad)") {
        try Self.document(Self.solDefinition.replacing("E * 2", with: bad)).definition()
      }
    }
  }

  @Test func theCallingStyleIsNeverGuessedSilently() throws {
    let text =
      #"{"name":"s","definition":"d","author":"a","spec":{"language":"cutile","target_hardware":["sm100"],"entry_point":"m.py::f"},"sources":[{"path":"m.py","content":""}]}"#
    let document = try Self.document(text)
    #expect(document.dialect == .flashInfer && document.ambiguities.count == 1)
    let conversion = try document.solution()
    #expect(!conversion.value.spec.destinationPassingStyle && conversion.value.spec.language == .python)
    #expect(conversion.losses.map(\.pathText) == ["spec.language", "spec.destination_passing_style", "sources"])
    let plain = try DialectDocument(
      json: Array(text.replacing("cutile", with: "python").replacing("sm100", with: "cuda").utf8))
    #expect(plain.dialect == .flashInferBench && plain.ambiguities.count == 1)
  }

  @Test func aSolutionGoesToSOLAndBack() throws {
    let solution = try Solution(json: SolutionTests.solution)
    let sol = try solution.converted(to: .solExecBench)
    #expect(sol.losses.map(\.pathText) == ["spec.target_hardware"])
    let document = try DialectDocument(json: sol.value)
    #expect(document.dialect == .solExecBench && document.value["spec"]?["languages"]?.array == [.string("cuda_cpp")])
    let back = try document.solution()
    #expect(back.value.spec.language == .cuda && back.value.spec.binding == .torch)
    #expect(try solution.converted(to: .flashInferBench).value == Array(SolutionTests.solution.utf8))
    let spec = BuildSpec(language: .swift, targetHardware: ["cpu"], entryPoint: "main.cpp::run")
    #expect(throws: SchemaError.self) { try solution.with(spec: spec).converted(to: .solExecBench) }
    #expect(try solution.with(spec: spec).converted(to: .flashInferBench).losses.count == 1)
    #expect(try solution.with(spec: spec).converted(to: .flashInfer).losses.count == 2)
  }

  @Test func aDefinitionGoesToSOLWithoutTagsAndConstraints() throws {
    let definition = try Definition(json: SchemaRuleTests.definition)
    let conversion = try definition.converted(to: .solExecBench)
    #expect(conversion.losses.map(\.pathText) == ["tags", "constraints"])
    #expect(try JSONValue(parsing: conversion.value).object?.keys.contains("tags") == false)
    let clash = try definition.with(inputs: ["M": .scalar(.int32)], outputs: [:])
    #expect(throws: SchemaError.self) { try clash.converted(to: .solExecBench) }
    #expect(try definition.converted(to: .flashInfer).value == definition.json)
  }

  @Test func workloadsAndTracesOfSOLAreConverted() throws {
    let workload = #"{"uuid":"u","axes":{"T":1},"inputs":{"x":{"type":"custom"}},"tolerance":{"max_atol":0.1}}"#
    let document = try Self.document(workload)
    #expect(document.dialect == .solExecBench && document.kind == .workload)
    let conversion = try document.trace(definition: "p1")
    #expect(conversion.value.isWorkload && conversion.value.workload.inputs["x"] == .random)
    #expect(conversion.losses.map(\.pathText) == ["inputs.x", "tolerance"])
    #expect(throws: SchemaError.self) { try document.trace() }
    let bare = try conversion.value.converted(to: .solExecBench)
    #expect(try JSONValue(parsing: bare.value)["tolerance"]?["max_atol"]?.double == 0.1)

    let evaluated = TraceTests.trace.replacing("PASSED", with: "REWARD_HACK")
    let hacked = try Self.document(evaluated).trace()
    #expect(hacked.value.evaluation?.status == .runtimeError && hacked.value.evaluation?.performance == nil)
    let nan = TraceTests.trace.replacing("\"extra\": null", with: "\"has_nan\": true, \"has_inf\": false")
    #expect(try Self.document(nan).trace().value.evaluation?.correctness?.maxAbsoluteError.isNaN == true)
  }

  @Test func theFoundingSpellingOfATraceIsReadWithNotes() throws {
    let definition = try Definition(json: SchemaRuleTests.definition)
    let text =
      #"{"definition":"gemm_n4","workload":{"axes":{"M":2,"N":4},"inputs":{"A":{"type":"random","dtype":"float16"}}},"solution":"s","evaluation":{"status":"PASSED","max_relative_error":0.1,"max_absolute_error":0.0,"latency_ms":1.0,"reference_latency_ms":2.0,"speedup_factor":2.0}}"#
    #expect(throws: SchemaError.self) { try Trace(json: text) }
    func read(_ text: String) throws -> (trace: Trace, notes: [ValidationDiagnostic]) {
      try Trace.reading(leniently: Array(text.utf8)[...], definition: { _ in definition }, timestamp: "2026")
    }
    let (trace, notes) = try read(text)
    #expect(trace.workload.axes == ["M": 2] && trace.workload.uuid.count == 36)
    #expect(trace.evaluation?.performance == Performance(latencyMs: 1, referenceLatencyMs: 2, speedupFactor: 2))
    #expect(trace.evaluation?.correctness?.maxRelativeError == 0.1)
    #expect(trace.evaluation?.timestamp == "2026" && trace.evaluation?.environment.hardware == "unknown")
    #expect(
      notes.map(\.pathText) == [
        "workload.axes.N", "workload.uuid", "evaluation", "evaluation", "evaluation.environment",
        "evaluation.timestamp",
      ])
    #expect(try read(text).trace.workload.uuid == trace.workload.uuid)
    #expect(try read(text.replacing("\"M\":2", with: "\"M\":3")).trace.workload.uuid != trace.workload.uuid)
    #expect(throws: SchemaError.self) { try read(text.replacing("\"N\":4", with: "\"N\":5")) }
    #expect(throws: SchemaError.self) { try read(text.replacing("float16", with: "float32")) }
    #expect(try read(TraceTests.trace).notes.isEmpty)
  }

  @Test func theFoundingSpellingLoadsInPartialModeOnly() throws {
    let folder = try TraceSetTests.folder()
    try folder.write(
      #"{"definition":"d","workload":{"axes":{"M":1},"inputs":{}}}"# + "\n", to: "workloads/gemm/d.jsonl")
    let set = try TraceSet.load(folder.path)
    #expect(set.workloads["d"]?.count == 1 && set.diagnostics.map(\.kind) == [.leniency])
    #expect(throws: SchemaError.self) { try TraceSet.load(folder.path, .strict) }
    #expect(OpTypeAlias.canonical("norm") == "rmsnorm" && OpTypeAlias.canonical("gemm") == "gemm")
  }

  /// RFC 9562, appendix A.4.
  @Test func aNameBasedUUIDIsOfVersionFive() {
    let dns: [UInt8] = [0x6B, 0xA7, 0xB8, 0x10, 0x9D, 0xAD, 0x11, 0xD1, 0x80, 0xB4, 0x00, 0xC0, 0x4F, 0xD4, 0x30, 0xC8]
    #expect(UUIDv5.text(of: "www.example.com", in: dns) == "2ed6657d-e927-568b-95e1-2665a8aea6a2")
  }
}
