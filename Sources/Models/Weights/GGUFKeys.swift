import Checkpoints

/// Typed look-ups in a GGUF file's metadata; a key of the wrong type is an error that says what it is.
struct GGUFKeys {
  let path: String
  let metadata: [String: GGUFValue]

  private func value<T>(
    _ key: String, _ expected: String, _ convert: (GGUFValue) -> T?
  ) throws(ModelLoadingError) -> T? {
    guard let found = metadata[key] else { return nil }
    guard let value = convert(found) else {
      throw ModelLoadingError(
        .badConfiguration, file: path, subject: key, "is \(found.summary), expected \(expected)")
    }
    return value
  }

  private func required<T>(_ key: String, _ value: T?) throws(ModelLoadingError) -> T {
    guard let value else { throw ModelLoadingError(.badConfiguration, file: path, subject: key, "is missing") }
    return value
  }

  func optionalInt(_ key: String) throws(ModelLoadingError) -> Int? { try value(key, "an integer") { $0.int } }
  func optionalDouble(_ key: String) throws(ModelLoadingError) -> Double? { try value(key, "a number") { $0.double } }
  func optionalString(_ key: String) throws(ModelLoadingError) -> String? { try value(key, "a string") { $0.string } }
  func optionalBool(_ key: String) throws(ModelLoadingError) -> Bool? { try value(key, "a boolean") { $0.bool } }

  func int(_ key: String) throws(ModelLoadingError) -> Int { try required(key, try optionalInt(key)) }
  func double(_ key: String) throws(ModelLoadingError) -> Double { try required(key, try optionalDouble(key)) }
  func string(_ key: String) throws(ModelLoadingError) -> String { try required(key, try optionalString(key)) }

  func strings(_ key: String) throws(ModelLoadingError) -> [String]? {
    guard let array = try value(key, "an array of strings", { $0.array }) else { return nil }
    let found: [String]?
    do { found = try array.strings() } catch { throw ModelLoadingError(error) }
    guard let found else {
      throw ModelLoadingError(
        .badConfiguration, file: path, subject: key, "is an array of \(array.elementType), expected strings")
    }
    return found
  }

  func integers(_ key: String) throws(ModelLoadingError) -> [Int]? {
    guard let array = try value(key, "an array of integers", { $0.array }) else { return nil }
    let found: [Int]?
    do { found = try array.integers() } catch { throw ModelLoadingError(error) }
    guard let found else {
      throw ModelLoadingError(
        .badConfiguration, file: path, subject: key, "is an array of \(array.elementType), expected integers")
    }
    return found
  }
}
