import JSONText
import Testing

@testable import Traces

/// Every rule of the schema with an input that breaks it: where the problem is reported, and as what.
@Suite struct SchemaRuleTests {
  struct Case: CustomTestStringConvertible, Sendable {
    /// JSON path of the member that is replaced, and the JSON it becomes; nil takes it out.
    var path: [String]
    var json: String?
    var expected: [String]
    var testDescription: String { path.joined(separator: ".") + " = " + (json ?? "absent") }
    init(_ path: String, _ json: String?, _ expected: String...) {
      (self.path, self.json, self.expected) = (path.split(separator: ".").map(String.init), json, expected)
    }
  }

  static let definition = """
    {"name": "gemm_n4", "op_type": "gemm", "axes": {"M": {"type": "var"}, "N": {"type": "const", "value": 4}},
     "inputs": {"A": {"shape": ["M", "N"], "dtype": "float16"}, "s": {"shape": null, "dtype": "float32"}},
     "outputs": {"C": {"shape": ["M"], "dtype": "float16"}}, "reference": "def run(A, s):\\n  return A\\n",
     "tags": ["stage:decode"], "description": "d", "constraints": ["M > 0"]}
    """

  static let definitionCases: [Case] = [
    Case("name", nil, "name missing"), Case("name", "4", "name string_type"),
    Case("name", "\"\"", "name string_too_short"),
    Case("name", "null", "name string_type"), Case("name", "\"../x\"", "name value_error"),
    Case("name", "\"a/b\"", "name value_error"), Case("name", "\"..\"", "name value_error"),
    Case("name", "\"a\\u0000b\"", "name value_error"),
    Case("op_type", nil, "op_type missing"), Case("op_type", "\"a/../b\"", "op_type value_error"),
    Case("axes", nil, "axes missing"), Case("axes", "[]", "axes dict_type"), Case("axes.M", "4", "axes.M model_type"),
    Case("axes.M", "null", "axes.M model_type"), Case("axes.M.type", "\"free\"", "axes.M.type literal_error"),
    Case("axes.M.type", "1", "axes.M.type literal_error"), Case("axes.N.value", nil, "axes.N.value missing"),
    Case("axes.N.value", "-1", "axes.N.value greater_than_equal"),
    Case("axes.N.value", "1.5", "axes.N.value int_from_float"),
    Case("axes.N.value", "\"x\"", "axes.N.value int_parsing"), Case("axes.N.value", "[]", "axes.N.value int_type"),
    Case("axes.N.value", "1e999", "axes.N.value finite_number"),
    Case("axes.N.value", "NaN", "axes.N.value finite_number"),
    Case("axes.N.value", "99999999999999999999", "axes.N.value int_parsing_size"),
    Case("axes.M.description", "4", "axes.M.description string_type"), Case("axes.", "{}", "axes string_too_short"),
    Case("inputs", nil, "inputs missing"), Case("inputs", "null", "inputs dict_type"),
    Case("inputs.A.shape", nil, "inputs.A.shape missing"), Case("inputs.A.shape", "4", "inputs.A.shape list_type"),
    Case("inputs.A.shape", "[4]", "inputs.A.shape[0] string_type"),
    Case("inputs.A.shape", "[\"\"]", "inputs.A.shape[0] string_too_short"),
    Case("inputs.A.dtype", nil, "inputs.A.dtype missing"), Case("inputs.A.dtype", "\"FLOAT16\"", "inputs.A.dtype enum"),
    Case("inputs.A.dtype", "\"float64\"", "inputs.A.dtype enum"),
    Case("inputs.A.dtype", "16", "inputs.A.dtype string_type"),
    Case("inputs.A.description", "[]", "inputs.A.description string_type"), Case("outputs", nil, "outputs missing"),
    Case("outputs.C", "[]", "outputs.C model_type"), Case("reference", nil, "reference missing"),
    Case("reference", "\"\"", "reference string_too_short"),
    Case("reference", "\"def run(:\\n  pass\"", "$ value_error"),
    Case("reference", "\"x = 1\"", "$ value_error"), Case("tags", "null", "tags list_type"),
    Case("tags", "[\"a\", \"\"]", "tags[1] string_too_short"), Case("tags", "[1]", "tags[0] string_type"),
    Case("description", "1", "description string_type"), Case("constraints", "null", "constraints list_type"),
    Case("constraints", "[\"\"]", "constraints[0] string_too_short"), Case("constraints", "[\"M >\"]", "$ value_error"),
    Case("outputs.A", "{\"shape\": null, \"dtype\": \"int8\"}", "$ value_error"),
    Case("outputs.C.shape", "[\"K\"]", "$ value_error"), Case("inputs.A.shape", "[\"K\"]", "$ value_error"),
  ]

  @Test(arguments: definitionCases) func aBrokenDefinitionIsRefusedAtTheRightPlace(_ rule: Case) throws {
    let text = try Self.changed(Self.definition, rule)
    let error = #expect(throws: SchemaError.self) { try Definition(json: text) }
    #expect(error?.diagnostics.map { "\($0.pathText) \($0.kind)" } == rule.expected)
  }

  static let acceptedDefinitions: [Case] = [
    Case("axes", "{\"M\": {}, \"N\": {\"value\": \" 4 \"}}"), Case("axes.M", "{\"type\": \"var\", \"value\": 4}"),
    Case("axes.N.value", "0"), Case("axes.N.value", "4.0"), Case("axes.N.value", "4e0"),
    Case("axes.N.value", "\"4_0\""),
    Case("axes.N.value", "\"+4\""), Case("axes.N.value", "\"04\""), Case("axes.N.value", "\"4.0\""),
    Case("axes.N.value", "true"), Case("tags", nil), Case("description", "null"), Case("constraints", nil),
    Case("inputs", "{}"), Case("outputs", "{}"), Case("inputs.A.shape", "[]"), Case("unknown", "{\"a\": [1, NaN]}"),
    Case("name", "\" \""), Case("inputs.A.param", "4"),
  ]

  @Test(arguments: acceptedDefinitions) func aLaxlyWrittenDefinitionIsReadAndKept(_ rule: Case) throws {
    let text = try Self.changed(Self.definition, rule)
    let definition = try Definition(json: text)
    #expect(String(decoding: definition.json, as: UTF8.self) == text)
    let copy = try definition.with(tags: ["changed:yes"])
    #expect(try Definition(json: copy.json) == copy)
    if rule.path == ["unknown"] { #expect(String(decoding: copy.json, as: UTF8.self).contains("NaN")) }
  }

  @Test func allWrongFieldsAreReportedTogether() {
    let error = #expect(throws: SchemaError.self) {
      try Definition(json: #"{"name": 4, "axes": {"M": {"type": "x"}}, "tags": null}"#)
    }
    #expect(
      error?.diagnostics.map(\.pathText) == [
        "name", "op_type", "axes.M.type", "inputs", "outputs", "reference", "tags",
      ])
  }

  @Test func anOlderNameOfAFieldIsPointedOut() throws {
    let text = Self.definition.replacing("\"op_type\"", with: "\"type\"")
    let error = #expect(throws: SchemaError.self) { try Definition(json: text) }
    #expect(error?.description.contains("did you mean \"op_type\"") == true)
  }

  @Test func whatIsNotJSONIsRefusedWithItsLine() {
    for text in ["", "{", "{\"name\": 'x'}", "{} {}", "[1,]", "// x\n{}", "\u{FEFF}{}", #"{"name": "\ud800"}"#] {
      let error = #expect(throws: SchemaError.self) { try Definition(json: text) }
      #expect(error?.diagnostics.first?.kind == .jsonInvalid, "\(text)")
      #expect(error?.diagnostics.first?.line != nil)
    }
    let deep = String(repeating: "[", count: 300) + String(repeating: "]", count: 300)
    #expect(throws: SchemaError.self) { try Definition(json: deep) }
    let error = #expect(throws: SchemaError.self) { try Definition(json: [0x7B, 0x22, 0xFF, 0x22, 0x3A, 0x31, 0x7D]) }
    #expect(error?.diagnostics.first?.kind == .unicodeError)
  }

  @Test func theSameRulesHoldForADefinitionMadeInCode() {
    func reasons(_ make: () throws -> Definition) -> [String] {
      do {
        _ = try make()
        return []
      } catch let error as SchemaError { return error.diagnostics.map { "\($0.pathText) \($0.kind)" } } catch {
        return ["?"]
      }
    }
    let run = "def run(): pass"
    #expect(
      reasons { try Definition(name: "", opType: "x", axes: [:], inputs: [:], outputs: [:], reference: run) } == [
        "name string_too_short"
      ])
    #expect(
      reasons {
        try Definition(name: "a", opType: "x", axes: ["M": .const(-1)], inputs: [:], outputs: [:], reference: run)
      } == ["axes.M.value greater_than_equal"])
    #expect(
      reasons {
        try Definition(
          name: "a", opType: "x", axes: [:], inputs: ["A": .tensor("M", dtype: .int8)], outputs: [:], reference: run)
      } == ["$ value_error"])
    #expect(
      reasons {
        try Definition(name: "a", opType: "x", axes: [:], inputs: [:], outputs: [:], reference: run, tags: [""])
      } == ["tags[0] string_too_short"])
    #expect(
      reasons { try Definition(name: "a", opType: "x", axes: [:], inputs: [:], outputs: [:], reference: run) } == [])
  }

  /// `text` with one member replaced.
  static func changed(_ text: String, _ rule: Case) throws -> String {
    func change(_ value: JSONValue, _ path: ArraySlice<String>) throws -> JSONValue {
      guard let key = path.first, var object = value.object else {
        return try JSONValue(parsing: rule.json ?? "null")
      }
      if path.count == 1 {
        object[key] = try rule.json.map { try JSONValue(parsing: $0) }
      } else {
        object[key] = try change(object[key] ?? .object(JSONObject()), path.dropFirst())
      }
      return .object(object)
    }
    // A path that ends in a point names the member with the empty name.
    let path = rule.path == ["axes"] && rule.expected == ["axes string_too_short"] ? ["axes", ""] : rule.path
    return try change(JSONValue(parsing: text), path[...]).pretty
  }
}
