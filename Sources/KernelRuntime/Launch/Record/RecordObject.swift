import JSONText

/// One object of a launch record while it is read: each answer is of the right kind or an error with its field.
struct RecordObject {
  private let object: JSONObject
  private let field: String

  init(_ value: JSONValue, at field: String) throws(LaunchRecordError) {
    guard let object = value.object else { throw LaunchRecordError(field, "\(value.kind), expected an object") }
    (self.object, self.field) = (object, field)
  }

  func path(_ name: String) -> String { field.isEmpty ? name : "\(field).\(name)" }

  func has(_ name: String) -> Bool { !(object[name]?.isNull ?? true) }

  /// - Throws: for a member that nobody reads: it would be ignored in silence.
  func refuseOthers(_ known: [String]) throws(LaunchRecordError) {
    if let other = object.keys.first(where: { !known.contains($0) }) {
      throw LaunchRecordError(path(other), "no such field; there are \(known.joined(separator: ", "))")
    }
  }

  private func wanted<T>(_ name: String, _ expected: String, _ read: (JSONValue) -> T?) throws(LaunchRecordError) -> T {
    guard let value = object[name] else { throw LaunchRecordError(path(name), "missing, expected \(expected)") }
    guard let result = read(value) else {
      throw LaunchRecordError(path(name), "\(value.kind), expected \(expected)")
    }
    return result
  }

  func string(_ name: String) throws(LaunchRecordError) -> String {
    let text = try wanted(name, "a string", \.string)
    if text.isEmpty { throw LaunchRecordError(path(name), "empty, expected a name") }
    return text
  }

  func optionalString(_ name: String) throws(LaunchRecordError) -> String? { has(name) ? try string(name) : nil }

  func int(_ name: String) throws(LaunchRecordError) -> Int { try wanted(name, "an integer", \.int) }
  func optionalInt(_ name: String) throws(LaunchRecordError) -> Int? { has(name) ? try int(name) : nil }

  func count(_ name: String) throws(LaunchRecordError) -> Int {
    let value = try int(name)
    if value < 0 { throw LaunchRecordError(path(name), "\(value), expected 0 or more") }
    return value
  }
  func optionalCount(_ name: String) throws(LaunchRecordError) -> Int? { has(name) ? try count(name) : nil }

  func optionalBool(_ name: String) throws(LaunchRecordError) -> Bool? {
    has(name) ? try wanted(name, "true or false", \.bool) : nil
  }

  func expression(_ name: String) throws(LaunchRecordError) -> LaunchExpression {
    try Self.expression(object[name] ?? .null, at: path(name))
  }

  /// A string, or a plain integer.
  static func expression(_ value: JSONValue, at field: String) throws(LaunchRecordError) -> LaunchExpression {
    if let number = value.int { return LaunchExpression(number) }
    guard let text = value.string else { throw LaunchRecordError(field, "\(value.kind), expected an expression") }
    do {
      return try LaunchExpression(parsing: text)
    } catch {
      throw LaunchRecordError(field, error.description)
    }
  }

  func list<T>(
    _ name: String, required: Bool, _ read: (JSONValue, String) throws(LaunchRecordError) -> T
  ) throws(LaunchRecordError) -> [T] {
    if !required && !has(name) { return [] }
    var result: [T] = []
    for (index, element) in try wanted(name, "an array", \.array).enumerated() {
      result.append(try read(element, "\(path(name))[\(index)]"))
    }
    return result
  }

  func expressions(_ name: String) throws(LaunchRecordError) -> [LaunchExpression] {
    try list(name, required: true) { value, field throws(LaunchRecordError) in try Self.expression(value, at: field) }
  }

  func ints(_ name: String) throws(LaunchRecordError) -> [Int] {
    try list(name, required: true) { value, field throws(LaunchRecordError) in
      guard let int = value.int else { throw LaunchRecordError(field, "\(value.kind), expected an integer") }
      return int
    }
  }

  /// `{"name": value}`, in order.
  func members<T: Sendable & Hashable>(
    _ name: String, _ expected: String, _ read: (JSONValue) -> T?
  ) throws(LaunchRecordError) -> [LaunchRecord.Member<T>] {
    if !has(name) { return [] }
    var result: [LaunchRecord.Member<T>] = []
    for (key, value) in try wanted(name, "an object", \.object).members {
      guard let value = read(value) else {
        throw LaunchRecordError("\(path(name)).\(key)", "\(value.kind), expected \(expected)")
      }
      result.append(LaunchRecord.Member(key, value))
    }
    return result
  }

  /// `[["name", "expression"]]`.
  func pairs(_ name: String) throws(LaunchRecordError) -> [LaunchRecord.Member<LaunchExpression>] {
    try list(name, required: false) { value, field throws(LaunchRecordError) in
      guard let pair = value.array, pair.count == 2, let name = pair[0].string else {
        throw LaunchRecordError(field, "\(value.kind), expected [\"name\", \"expression\"]")
      }
      return LaunchRecord.Member(name, try Self.expression(pair[1], at: "\(field)[1]"))
    }
  }
}
