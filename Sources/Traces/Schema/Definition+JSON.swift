import JSONText
import Tensors

extension Definition {
  /// Reads one document, with every check.
  public init(json bytes: [UInt8]) throws(SchemaError) {
    self = try Document.read(bytes[...]) { reader, value, origin throws(SchemaError) in
      try Definition.read(value, origin: origin, with: &reader)
    }
  }

  public init(json text: String) throws(SchemaError) { try self.init(json: Array(text.utf8)) }

  static func read(
    _ value: JSONValue, origin: Origin, with reader: inout DocumentReader
  ) throws(SchemaError) -> Definition {
    guard let object = reader.record(value) else { throw SchemaError(reader.diagnostics) }
    let name = reader.required(object, "name") { $0.fileName($1) }
    let opType = Self.readOpType(object, with: &reader)
    let axes = reader.required(object, "axes") { $0.map($1) { Axis.read($1, with: &$0) } }
    let inputs = reader.required(object, "inputs") { $0.map($1) { TensorSpec.read($1, with: &$0) } }
    let outputs = reader.required(object, "outputs") { $0.map($1) { TensorSpec.read($1, with: &$0) } }
    let reference = reader.required(object, "reference") { $0.nonEmptyString($1) }
    let tags = reader.defaulted(object, "tags", []) { $0.nonEmptyStrings($1) }
    let description = reader.nullable(object, "description") { $0.string($1) }
    let constraints = reader.defaulted(object, "constraints", []) { $0.nonEmptyStrings($1) }
    for (field, names) in [("axes", axes?.names), ("inputs", inputs?.names), ("outputs", outputs?.names)]
    where names?.contains("") == true {
      reader.at(.member(field)) { $0.report(.stringTooShort, "a name needs at least one character") }
    }
    guard reader.diagnostics.isEmpty, let name, let opType, let axes, let inputs, let outputs, let reference,
      let tags, let description, let constraints
    else { throw SchemaError(reader.diagnostics) }
    let definition = Definition(
      name: name, opType: opType, axes: axes, inputs: inputs, outputs: outputs, reference: reference,
      description: description, tags: tags, constraints: constraints, origin: origin)
    try DefinitionChecks.checkWhole(definition)
    return definition
  }

  private static func readOpType(_ object: JSONObject, with reader: inout DocumentReader) -> String? {
    if object["op_type"] == nil, object["type"]?.string != nil {
      return reader.at(.member("op_type")) {
        $0.fail(.missing, "the field is required; did you mean \"op_type\" where \"type\" is written?")
      }
    }
    return reader.required(object, "op_type") { $0.fileName($1) }
  }

  /// Every field in schema order.
  var encoded: JSONValue {
    .object(
      JSONObject([
        ("name", .string(name)), ("op_type", .string(opType)), ("axes", .map(axes, \.encoded)),
        ("inputs", .map(inputs, \.encoded)), ("outputs", .map(outputs, \.encoded)), ("reference", .string(reference)),
        ("tags", .strings(tags)), ("description", .optional(description)), ("constraints", .strings(constraints)),
      ]))
  }

  static let shape: DocumentShape = .record(
    [
      "name": .leaf, "op_type": .leaf, "axes": .map(Axis.documentShape), "inputs": .map(TensorSpec.documentShape),
      "outputs": .map(TensorSpec.documentShape), "reference": .leaf, "tags": .list(.leaf), "description": .leaf,
      "constraints": .list(.leaf),
    ], defaults: ["tags": .array([]), "description": .null, "constraints": .array([])])

  /// The document as it is written to a file: as it was read if nothing changed.
  public var json: [UInt8] { Document.text(encoded, Self.shape, origin) }
}

extension Axis {
  static func read(_ value: JSONValue, with reader: inout DocumentReader) -> Axis? {
    guard let object = reader.record(value) else { return nil }
    let description = reader.nullable(object, "description") { $0.string($1) }
    let isConst: Bool
    switch object["type"] {
    case .string("const"): isConst = true
    case .string("var"): isConst = false
    case nil:
      // Without a tag the axis is constant if it has a usable value.
      var probe = DocumentReader()
      isConst = object["value"].flatMap { probe.integer($0, atLeast: 0) } != nil
    case let other?:
      let found = other.string.map { "\"\($0)\"" } ?? other.kind
      return reader.at(.member("type")) { $0.fail(.literalError, "expected \"const\" or \"var\", found \(found)") }
    }
    guard isConst else { return description.map { Axis(.var, description: $0) } }
    let size = reader.required(object, "value") { $0.integer($1, atLeast: 0) }
    guard let size, let description else { return nil }
    return Axis(.const(size), description: description)
  }

  var encoded: JSONValue {
    var object = JSONObject([("type", .string(value == nil ? "var" : "const"))])
    if let value { object["value"] = .int(value) }
    object["description"] = .optional(description)
    return .object(object)
  }

  static let documentShape: DocumentShape = .record(
    ["type": .leaf, "value": .leaf, "description": .leaf], defaults: ["description": .null])
}

extension TensorSpec {
  static func read(_ value: JSONValue, with reader: inout DocumentReader) -> TensorSpec? {
    guard let object = reader.record(value) else { return nil }
    let shape: [String]?? = reader.at(.member("shape")) { reader in
      guard let value = object["shape"] else {
        return reader.fail(.missing, "the field is required (null is a scalar)")
      }
      return value.isNull ? .some(nil) : reader.nonEmptyStrings(value).map { .some($0) }
    }
    let dtype: DType? = reader.required(object, "dtype") { reader, value in
      guard let name = reader.string(value) else { return nil }
      let known = DType.allCases.map(\.rawValue).joined(separator: ", ")
      return DType(rawValue: name) ?? reader.fail(.enumeration, "expected one of \(known), found \"\(name)\"")
    }
    let description = reader.nullable(object, "description") { $0.string($1) }
    guard let shape, let dtype, let description else { return nil }
    // Fields of another dialect: FlashInfer-Bench ignores them, so a wrong type there is no error.
    return TensorSpec(
      shape: shape, dtype: dtype, description: description, param: object["param"]?.string,
      isOptional: object["optional"]?.bool ?? false)
  }

  var encoded: JSONValue {
    var object = JSONObject([
      ("shape", shape.map { .strings($0) } ?? .null), ("dtype", .string(dtype.rawValue)),
      ("description", .optional(description)),
    ])
    if let param { object["param"] = .string(param) }
    if isOptional { object["optional"] = .bool(true) }
    return .object(object)
  }

  static let documentShape: DocumentShape = .record(
    ["shape": .list(.leaf), "dtype": .leaf, "description": .leaf, "param": .leaf, "optional": .leaf],
    defaults: ["description": .null])
}
