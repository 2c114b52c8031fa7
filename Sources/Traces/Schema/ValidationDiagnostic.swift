/// One problem found in a document: where it is, what kind it is and what would be right.
///
///     definitions/rmsnorm/rmsnorm_h4096.json: axes.hidden_size.value: greater_than_equal: expected at least 0, found -1
public struct ValidationDiagnostic: Sendable, Hashable, CustomStringConvertible {
  /// The kinds that FlashInfer-Bench's validation errors have, and a few for files. An open set.
  public struct Kind: RawRepresentable, Sendable, Hashable, CustomStringConvertible {
    public let rawValue: String
    public init(rawValue: String) { self.rawValue = rawValue }
    public var description: String { rawValue }

    public static let missing = Kind(rawValue: "missing")
    public static let stringType = Kind(rawValue: "string_type")
    public static let stringTooShort = Kind(rawValue: "string_too_short")
    public static let intType = Kind(rawValue: "int_type")
    public static let intParsing = Kind(rawValue: "int_parsing")
    public static let intParsingSize = Kind(rawValue: "int_parsing_size")
    public static let intFromFloat = Kind(rawValue: "int_from_float")
    public static let floatType = Kind(rawValue: "float_type")
    public static let floatParsing = Kind(rawValue: "float_parsing")
    public static let finiteNumber = Kind(rawValue: "finite_number")
    public static let boolType = Kind(rawValue: "bool_type")
    public static let boolParsing = Kind(rawValue: "bool_parsing")
    public static let greaterThanEqual = Kind(rawValue: "greater_than_equal")
    public static let greaterThan = Kind(rawValue: "greater_than")
    public static let lessThanEqual = Kind(rawValue: "less_than_equal")
    public static let enumeration = Kind(rawValue: "enum")
    public static let literalError = Kind(rawValue: "literal_error")
    public static let listType = Kind(rawValue: "list_type")
    public static let dictType = Kind(rawValue: "dict_type")
    public static let modelType = Kind(rawValue: "model_type")
    public static let tooShort = Kind(rawValue: "too_short")
    public static let jsonInvalid = Kind(rawValue: "json_invalid")
    /// A rule about the object as a whole; the path is the object's.
    public static let valueError = Kind(rawValue: "value_error")
    /// A file or folder could not be read or written.
    public static let fileError = Kind(rawValue: "file_error")
    /// A file is not UTF-8.
    public static let unicodeError = Kind(rawValue: "unicode_error")
    /// A name occurs twice where it must be unique.
    public static let duplicateName = Kind(rawValue: "duplicate_name")
    /// Something was accepted that the schema refuses, or read with an assumption; see `reason`.
    public static let leniency = Kind(rawValue: "leniency")
    /// A conversion between dialects could not carry something over.
    public static let loss = Kind(rawValue: "loss")
  }

  /// One step from the document's root to the place of the problem.
  public enum Step: Sendable, Hashable {
    case member(String)
    case element(Int)
  }

  /// The file, as it was named to the reader; nil for a document that came from memory.
  public var file: String?
  /// The line in that file, from 1, for JSON lines and for text that is not JSON.
  public var line: Int?
  /// From the document's root; empty for the document itself.
  public var path: [Step]
  public var kind: Kind
  /// What was found and what would have been right.
  public var reason: String

  public init(_ kind: Kind, _ reason: String, path: [Step] = [], file: String? = nil, line: Int? = nil) {
    (self.kind, self.reason, self.path, self.file, self.line) = (kind, reason, path, file, line)
  }

  /// The path as text: `axes.M.value`, `sources[0].path`; `$` for the document itself.
  public var pathText: String {
    var text = ""
    for step in path {
      switch step {
      case .member(let name): text += text.isEmpty ? name : "." + name
      case .element(let index): text += "[\(index)]"
      }
    }
    return text.isEmpty ? "$" : text
  }

  public var description: String {
    var place = ""
    if let file { place += file + ":" }
    if let line { place += "\(line):" }
    return (place.isEmpty ? "" : place + " ") + "\(pathText): \(kind): \(reason)"
  }
}

/// A document that does not follow the schema: every problem that was found, in document order.
public struct SchemaError: Error, Sendable, Hashable, CustomStringConvertible {
  public var diagnostics: [ValidationDiagnostic]
  public init(_ diagnostics: [ValidationDiagnostic]) { self.diagnostics = diagnostics }
  public init(_ kind: ValidationDiagnostic.Kind, _ reason: String, path: [ValidationDiagnostic.Step] = []) {
    diagnostics = [ValidationDiagnostic(kind, reason, path: path)]
  }
  public var description: String { diagnostics.map(\.description).joined(separator: "\n") }

  /// The same problems, placed in a file.
  public func located(file: String?, line: Int? = nil) -> SchemaError {
    SchemaError(
      diagnostics.map {
        var diagnostic = $0
        diagnostic.file = diagnostic.file ?? file
        diagnostic.line = diagnostic.line ?? line
        return diagnostic
      })
  }
}
