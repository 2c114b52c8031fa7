import JSONText

/// A converted value, and what did not survive or was assumed.
public struct Conversion<Value: Sendable>: Sendable {
  public let value: Value
  /// Of the kind `loss`, with paths in the document that was converted.
  public let losses: [ValidationDiagnostic]
}

/// A document under conversion: edited by member, with a list of losses.
struct DocumentEditor {
  var object: JSONObject
  private(set) var losses: [ValidationDiagnostic] = []

  init(_ value: JSONValue) throws(SchemaError) {
    guard let object = value.object else { throw SchemaError(.modelType, "expected an object, found \(value.kind)") }
    self.object = object
  }

  mutating func lose(_ reason: String, _ path: String...) {
    losses.append(ValidationDiagnostic(.loss, reason, path: path.map { .member($0) }))
  }

  /// Applies `body` to every member of the object at `key`, and takes out those for which it returns nil.
  mutating func edit(
    _ key: String, _ body: (inout DocumentEditor, String, JSONObject) throws(SchemaError) -> JSONObject?
  ) throws(SchemaError) {
    guard let members = object[key]?.object?.members else { return }
    var result = JSONObject()
    for (name, member) in members {
      guard let record = member.object else {
        result[name] = member
        continue
      }
      if let edited = try body(&self, name, record) { result[name] = .object(edited) }
    }
    object[key] = .object(result)
  }

  /// The bytes that the schema's reader takes, so that unknown members come along.
  var text: [UInt8] { Array(JSONValue.object(object).pretty.utf8) }
}

extension DialectDocument {
  /// As a definition of FlashInfer-Bench.
  public func definition() throws(SchemaError) -> Conversion<Definition> {
    try require(.definition)
    var editor = try DocumentEditor(value)
    switch dialect {
    case .flashInferBench: return Conversion(value: try Definition(json: json), losses: [])
    case .flashInfer: try FlashInferDialect.convertDefinition(&editor)
    case .solExecBench: try SOLDialect.convertDefinition(&editor)
    }
    return Conversion(value: try Definition(json: editor.text), losses: editor.losses)
  }

  /// As a solution of FlashInfer-Bench.
  public func solution() throws(SchemaError) -> Conversion<Solution> {
    try require(.solution)
    var editor = try DocumentEditor(value)
    switch dialect {
    case .flashInferBench: return Conversion(value: try Solution(json: json), losses: [])
    case .flashInfer: FlashInferDialect.convertSolution(&editor)
    case .solExecBench: try SOLDialect.convertSolution(&editor)
    }
    return Conversion(value: try Solution(json: editor.text), losses: editor.losses)
  }

  /// As a trace of FlashInfer-Bench.
  /// - Parameter definition: the name, for a bare workload, which has none.
  public func trace(definition: String? = nil) throws(SchemaError) -> Conversion<Trace> {
    var editor = try DocumentEditor(value)
    if kind == .workload {
      guard let definition else { throw SchemaError(.missing, "a bare workload does not name its definition") }
      if dialect == .solExecBench { try SOLDialect.convertWorkload(&editor) }
      let workload = editor.object
      editor.object = JSONObject([
        ("definition", .string(definition)), ("solution", .null), ("workload", .object(workload)),
        ("evaluation", .null),
      ])
    } else {
      try require(.trace)
      if dialect == .flashInferBench { return Conversion(value: try Trace(json: json[...]), losses: []) }
      if dialect == .solExecBench { try SOLDialect.convertTrace(&editor) }
    }
    let line = JSONValue.object(editor.object).compact
    return Conversion(value: try Trace(json: line), losses: editor.losses)
  }

  private func require(_ expected: DocumentKind) throws(SchemaError) {
    if kind != expected { throw SchemaError(.modelType, "this is a \(kind.rawValue), not a \(expected.rawValue)") }
  }
}

extension Definition {
  /// As a document of another dialect.
  public func converted(to dialect: Dialect) throws(SchemaError) -> Conversion<[UInt8]> {
    var editor = try DocumentEditor(try Document.parse(json[...]))
    if dialect == .solExecBench { try SOLDialect.exportDefinition(self, &editor) }
    return Conversion(value: dialect == .solExecBench ? editor.text : json, losses: editor.losses)
  }
}

extension Solution {
  /// As a document of another dialect.
  public func converted(to dialect: Dialect) throws(SchemaError) -> Conversion<[UInt8]> {
    var editor = try DocumentEditor(try Document.parse(json[...]))
    switch dialect {
    case .flashInferBench:
      if spec.language == .swift {
        editor.lose("FlashInfer-Bench does not know the language swift", "spec", "language")
      }
      return Conversion(value: json, losses: editor.losses)
    case .flashInfer: FlashInferDialect.exportSolution(self, &editor)
    case .solExecBench: try SOLDialect.exportSolution(self, &editor)
    }
    return Conversion(value: editor.text, losses: editor.losses)
  }
}

extension Trace {
  /// As a line of another dialect; a workload becomes a bare workload in SOL-ExecBench's.
  public func converted(to dialect: Dialect) throws(SchemaError) -> Conversion<[UInt8]> {
    guard dialect == .solExecBench, isWorkload else { return Conversion(value: jsonLine, losses: []) }
    let value = try Document.parse(jsonLine[...])
    var editor = try DocumentEditor(value["workload"] ?? workload.encoded)
    editor.lose("a bare workload does not name its definition (\(definition)): its folder does", "definition")
    return Conversion(value: Array(JSONValue.object(editor.object).compact.utf8), losses: editor.losses)
  }
}
