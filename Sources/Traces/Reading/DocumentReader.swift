import JSONText

/// Reads the members of one document, collecting every problem with its path instead of stopping at the first.
///
/// Each reading function returns nil exactly when it has recorded a problem. A document may be used only if
/// `diagnostics` stayed empty.
struct DocumentReader {
  private(set) var diagnostics: [ValidationDiagnostic] = []
  private(set) var path: [ValidationDiagnostic.Step] = []
  /// What a solution may be written in.
  var languages = Language.accepted

  mutating func report(_ kind: ValidationDiagnostic.Kind, _ reason: String) {
    diagnostics.append(ValidationDiagnostic(kind, reason, path: path))
  }

  /// Records a problem; the nil result lets a caller write `return fail(…)`.
  mutating func fail<T>(_ kind: ValidationDiagnostic.Kind, _ reason: String) -> T? {
    report(kind, reason)
    return nil
  }

  mutating func at<T>(_ step: ValidationDiagnostic.Step, _ body: (inout DocumentReader) -> T) -> T {
    path.append(step)
    defer { path.removeLast() }
    return body(&self)
  }

  // MARK: members

  /// A member that must be there.
  mutating func required<T>(
    _ object: JSONObject, _ key: String, _ read: (inout DocumentReader, JSONValue) -> T?
  ) -> T? {
    at(.member(key)) { reader in
      guard let value = object[key] else { return reader.fail(.missing, "the field is required") }
      return read(&reader, value)
    }
  }

  /// A member with a default; null is refused.
  mutating func defaulted<T>(
    _ object: JSONObject, _ key: String, _ fallback: T, _ read: (inout DocumentReader, JSONValue) -> T?
  ) -> T? {
    guard let value = object[key] else { return fallback }
    return at(.member(key)) { reader in read(&reader, value) }
  }

  /// A member that may be absent or null: the outer nil is a problem, the inner one absence.
  mutating func nullable<T>(
    _ object: JSONObject, _ key: String, _ read: (inout DocumentReader, JSONValue) -> T?
  ) -> T?? {
    guard let value = object[key], !value.isNull else { return .some(nil) }
    return at(.member(key)) { reader in read(&reader, value).map { .some($0) } }
  }

  // MARK: containers

  mutating func record(_ value: JSONValue) -> JSONObject? {
    value.object ?? fail(.modelType, "expected an object, found \(value.kind)")
  }

  mutating func map<T>(_ value: JSONValue, _ read: (inout DocumentReader, JSONValue) -> T?) -> OrderedMap<T>? {
    guard let object = value.object else { return fail(.dictType, "expected an object, found \(value.kind)") }
    var members: [(String, T)] = []
    members.reserveCapacity(object.count)
    for (name, member) in object.members {
      if let read = at(.member(name), { reader in read(&reader, member) }) { members.append((name, read)) }
    }
    return members.count == object.count ? OrderedMap(uniqueMembers: members) : nil
  }

  mutating func list<T>(
    _ value: JSONValue, atLeast minimum: Int = 0, _ read: (inout DocumentReader, JSONValue) -> T?
  ) -> [T]? {
    guard let array = value.array else { return fail(.listType, "expected an array, found \(value.kind)") }
    if array.count < minimum { return fail(.tooShort, "expected at least \(minimum) element, found \(array.count)") }
    var elements: [T] = []
    elements.reserveCapacity(array.count)
    for (i, element) in array.enumerated() {
      if let read = at(.element(i), { reader in read(&reader, element) }) { elements.append(read) }
    }
    return elements.count == array.count ? elements : nil
  }

  // MARK: strings

  mutating func string(_ value: JSONValue) -> String? {
    value.string ?? fail(.stringType, "expected a string, found \(value.kind)")
  }

  mutating func nonEmptyString(_ value: JSONValue) -> String? {
    guard let string = string(value) else { return nil }
    return string.isEmpty ? fail(.stringTooShort, "expected at least one character") : string
  }

  mutating func nonEmptyStrings(_ value: JSONValue) -> [String]? {
    list(value) { reader, element in reader.nonEmptyString(element) }
  }

  /// A name that becomes part of a file path.
  mutating func fileName(_ value: JSONValue) -> String? {
    guard let name = nonEmptyString(value) else { return nil }
    if let reason = FileName.problem(with: name) { return fail(.valueError, reason) }
    return name
  }
}
