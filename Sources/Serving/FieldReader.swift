import JSONText

/// Reads the fields of one JSON object, each checked for type and range; an error names the field by its path.
///
/// An absent field and one that is null are the same: nil.
struct FieldReader {
  let object: JSONObject
  /// Where the object is in the body: empty for the body itself, else for example `messages[0]`.
  let path: String

  init(_ object: JSONObject, path: String = "") { (self.object, self.path) = (object, path) }

  /// Parses a request body, which must be one JSON object.
  init(body: UnsafeBufferPointer<UInt8>) throws(APIError) {
    let value: JSONValue
    do {
      var reader = JSONReader(body)
      reader.acceptsNonFinite = false
      value = try reader.readValue()
      try reader.expectEnd()
    } catch {
      throw .invalid(nil, "the body is not valid JSON: \(error)", code: "invalid_json")
    }
    guard case .object(let object) = value else {
      throw .invalid(nil, "the body must be a JSON object, found \(value.kind)")
    }
    self.init(object)
  }

  /// The path of a field, as errors name it.
  func param(_ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }

  /// The field as it was written; nil when absent or null.
  func value(_ name: String) -> JSONValue? {
    guard let value = object[name], !value.isNull else { return nil }
    return value
  }

  func wrongType(_ name: String, _ found: JSONValue, expected: String) -> APIError {
    .invalid(param(name), "'\(param(name))' must be \(expected), found \(Self.describe(found))", code: "invalid_type")
  }

  /// A value as an error message shows it: numbers and short strings themselves, others by kind.
  static func describe(_ value: JSONValue) -> String {
    switch value {
    case .number(let number) where number.text.utf8.count <= 40: number.text
    case .string(let string) where string.utf8.count <= 40: "the string \"\(string)\""
    case .bool(let bool): bool ? "true" : "false"
    default: value.kind
    }
  }

  func string(_ name: String) throws(APIError) -> String? {
    guard let value = value(name) else { return nil }
    guard let string = value.string else { throw wrongType(name, value, expected: "a string") }
    return string
  }

  func bool(_ name: String) throws(APIError) -> Bool? {
    guard let value = value(name) else { return nil }
    guard let bool = value.bool else { throw wrongType(name, value, expected: "true or false") }
    return bool
  }

  func int(_ name: String, in range: ClosedRange<Int>) throws(APIError) -> Int? {
    guard let value = value(name) else { return nil }
    return try Self.int(value, in: range, param: param(name))
  }

  static func int(_ value: JSONValue, in range: ClosedRange<Int>, param: String) throws(APIError) -> Int {
    let allowed =
      range.upperBound == .max
      ? "an integer of at least \(range.lowerBound)" : "an integer from \(range.lowerBound) to \(range.upperBound)"
    guard case .number(let number) = value else {
      throw .invalid(param, "'\(param)' must be \(allowed), found \(describe(value))", code: "invalid_type")
    }
    guard let int = number.int else {
      let whole = number.double.rounded() == number.double
      throw .invalid(
        param, "'\(param)' must be \(allowed), found \(describe(value))",
        code: whole ? "integer_out_of_range" : "invalid_type")
    }
    guard range.contains(int) else {
      throw .invalid(param, "'\(param)' must be \(allowed), found \(int)", code: "integer_out_of_range")
    }
    return int
  }

  func float(_ name: String, in range: ClosedRange<Double>) throws(APIError) -> Float? {
    guard let value = value(name) else { return nil }
    return try Self.float(value, in: range, param: param(name))
  }

  static func float(_ value: JSONValue, in range: ClosedRange<Double>, param: String) throws(APIError) -> Float {
    let allowed = "a number from \(range.lowerBound) to \(range.upperBound)"
    guard let double = value.double else {
      throw .invalid(param, "'\(param)' must be \(allowed), found \(describe(value))", code: "invalid_type")
    }
    guard range.contains(double) else {
      throw .invalid(param, "'\(param)' must be \(allowed), found \(describe(value))", code: "decimal_out_of_range")
    }
    return Float(double)
  }

  func array(_ name: String, limit: Int) throws(APIError) -> [JSONValue]? {
    guard let value = value(name) else { return nil }
    guard let array = value.array else { throw wrongType(name, value, expected: "an array") }
    guard array.count <= limit else {
      throw .invalid(
        param(name), "'\(param(name))' must have at most \(limit) elements, found \(array.count)",
        code: "array_too_long")
    }
    return array
  }

  func object(_ name: String) throws(APIError) -> FieldReader? {
    guard let value = value(name) else { return nil }
    guard let object = value.object else { throw wrongType(name, value, expected: "an object") }
    return FieldReader(object, path: param(name))
  }

  /// Refuses a field that this server does not act on, unless its value asks for nothing.
  func refuse(_ name: String, unless neutral: JSONValue...) throws(APIError) {
    guard let value = value(name), !neutral.contains(value) else { return }
    throw .unsupported(param(name))
  }
}
