import Checkpoints
import Glibc
import JSONText

/// Typed look-ups in a JSON object of a model's folder. `null` counts as absent.
struct JSONFields {
  let file: String
  let object: JSONObject

  func failure(_ key: String, _ reason: String) -> ModelLoadingError {
    ModelLoadingError(.badConfiguration, file: file, subject: key, reason)
  }

  private func value<T>(
    _ key: String, _ expected: String, _ convert: (JSONValue) -> T?
  ) throws(ModelLoadingError) -> T? {
    guard let found = object[key], !found.isNull else { return nil }
    guard let value = convert(found) else { throw failure(key, "is \(Self.summary(found)), expected \(expected)") }
    return value
  }

  /// A short value itself, else its kind.
  private static func summary(_ value: JSONValue) -> String {
    switch value {
    case .number(let number) where number.text.utf8.count <= 40: number.text
    case .string(let text): "the string \"\(printable(text))\""
    default: value.kind
    }
  }

  func optionalInt(_ key: String) throws(ModelLoadingError) -> Int? { try value(key, "an integer") { $0.int } }
  func optionalDouble(_ key: String) throws(ModelLoadingError) -> Double? { try value(key, "a number") { $0.double } }
  func optionalString(_ key: String) throws(ModelLoadingError) -> String? { try value(key, "a string") { $0.string } }
  func optionalBool(_ key: String) throws(ModelLoadingError) -> Bool? { try value(key, "true or false") { $0.bool } }

  func optionalObject(_ key: String) throws(ModelLoadingError) -> JSONObject? {
    try value(key, "an object") { $0.object }
  }
  func optionalStrings(_ key: String) throws(ModelLoadingError) -> [String]? {
    try value(key, "a list of strings") { value in
      guard let found = value.array else { return nil }
      let strings = found.compactMap(\.string)
      return strings.count == found.count ? strings : nil
    }
  }
  /// One integer or a list of them.
  func optionalInts(_ key: String) throws(ModelLoadingError) -> [Int]? {
    try value(key, "an integer or a list of them") { value in
      if let only = value.int { return [only] }
      guard let found = value.array else { return nil }
      let integers = found.compactMap(\.int)
      return integers.count == found.count ? integers : nil
    }
  }

  func int(_ key: String) throws(ModelLoadingError) -> Int {
    guard let value = try optionalInt(key) else { throw failure(key, "is missing") }
    return value
  }
  func double(_ key: String) throws(ModelLoadingError) -> Double {
    guard let value = try optionalDouble(key) else { throw failure(key, "is missing") }
    return value
  }
}

/// JSON files of a model's folder.
enum JSONFile {
  /// Configurations are kilobytes, tokenizers a few megabytes; anything larger than this is something else.
  private static let largest = 256 << 20

  /// The file's bytes; nil when there is no such file.
  static func bytes(_ path: String) throws(ModelLoadingError) -> [UInt8]? {
    let file: MappedFile
    do { file = try MappedFile.open(path) } catch {
      if access(path, F_OK) != 0 { return nil }
      throw ModelLoadingError(error)
    }
    return try file.withBytes { (bytes) throws(ModelLoadingError) in
      guard bytes.count <= largest else {
        throw ModelLoadingError(.unreadable, file: path, "has \(bytes.count) bytes, more than \(largest)")
      }
      return Array(bytes)
    }
  }

  /// The object in the file; nil when there is no such file.
  static func read(_ path: String) throws(ModelLoadingError) -> JSONObject? {
    guard let bytes = try bytes(path) else { return nil }
    let value: JSONValue
    do { value = try JSONValue(parsing: bytes) } catch {
      throw ModelLoadingError(.badConfiguration, file: path, error.description)
    }
    guard let object = value.object else {
      throw ModelLoadingError(.badConfiguration, file: path, "holds \(value.kind), expected an object")
    }
    return object
  }
}
