import JSONText

extension Workload {
  static func read(_ value: JSONValue, with reader: inout DocumentReader) -> Workload? {
    guard let object = reader.record(value) else { return nil }
    let axes = reader.required(object, "axes") { $0.map($1) { $0.integer($1, atLeast: 0) } }
    let inputs = reader.required(object, "inputs") { $0.map($1) { WorkloadInput.read($1, with: &$0) } }
    let uuid = reader.required(object, "uuid") { $0.nonEmptyString($1) }
    guard let axes, let inputs, let uuid else { return nil }
    return Workload(uuid: uuid, axes: axes, inputs: inputs)
  }

  var encoded: JSONValue {
    .object(
      JSONObject([
        ("axes", .map(axes) { .int($0) }), ("inputs", .map(inputs, \.encoded)), ("uuid", .string(uuid)),
      ]))
  }

  static let documentShape: DocumentShape = .record([
    "axes": .map(.leaf),
    "inputs": .map(.record(["type": .leaf, "value": .leaf, "path": .leaf, "tensor_key": .leaf])), "uuid": .leaf,
  ])
}

extension WorkloadInput {
  static func read(_ value: JSONValue, with reader: inout DocumentReader) -> WorkloadInput? {
    guard let object = reader.record(value) else { return nil }
    let tag: String
    switch object["type"] {
    case .string(let text): tag = text
    case nil:
      // Without a tag the fields decide.
      let hasFile = object["path"] != nil && object["tensor_key"] != nil
      tag = object["value"] != nil ? "scalar" : hasFile ? "safetensors" : "random"
    case let other?:
      return reader.at(.member("type")) { $0.fail(.literalError, "\(expectedTypes), found \(other.kind)") }
    }
    switch tag {
    case "random": return .random
    case "scalar": return reader.required(object, "value") { ScalarValue.read($1, with: &$0).map { .scalar($0) } }
    case "safetensors":
      let path = reader.required(object, "path") { $0.nonEmptyString($1) }
      let key = reader.required(object, "tensor_key") { $0.nonEmptyString($1) }
      guard let path, let key else { return nil }
      return .safetensors(path: path, tensorKey: key)
    default: return reader.at(.member("type")) { $0.fail(.literalError, "\(expectedTypes), found \"\(tag)\"") }
    }
  }

  private static let expectedTypes = "expected \"random\", \"scalar\" or \"safetensors\""

  var encoded: JSONValue {
    switch self {
    case .random: .object(JSONObject([("type", .string("random"))]))
    case .scalar(let value): .object(JSONObject([("type", .string("scalar")), ("value", value.encoded)]))
    case .safetensors(let path, let key):
      .object(JSONObject([("type", .string("safetensors")), ("path", .string(path)), ("tensor_key", .string(key))]))
    }
  }
}

extension ScalarValue {
  /// FlashInfer-Bench writes a NaN scalar as null and cannot read it back; here null is NaN.
  static func read(_ value: JSONValue, with reader: inout DocumentReader) -> ScalarValue? {
    switch value {
    case .null: return .float(.nan)
    case .bool(let bool): return .bool(bool)
    case .number(let number):
      if !number.isIntegerLiteral { return .float(number.double) }
      return reader.integer(value).map { .int($0) }
    case .string(let text):
      if let int = LaxText.integer(text), !text.utf8.contains(0x2E) { return .int(int) }
      if let double = LaxText.double(text) { return .float(double) }
      return LaxText.boolean(text).map { .bool($0) }
        ?? reader.fail(.floatParsing, "expected a number or a boolean, found the string \"\(text)\"")
    default: return reader.fail(.floatType, "expected a number or a boolean, found \(value.kind)")
    }
  }

  var encoded: JSONValue {
    switch self {
    case .int(let value): .int(value)
    case .float(let value): .trace(value)
    case .bool(let value): .bool(value)
    }
  }
}
