/// Why a chat template could not be parsed or rendered, and on which of its lines.
public struct TemplateError: Error, Sendable, Hashable, CustomStringConvertible {
  public enum Kind: String, Sendable, Hashable {
    /// The source is not a template this interpreter understands.
    case syntax
    /// A name, member, filter, test or function that does not exist was used.
    case undefined
    /// An operation was applied to a value of the wrong type, or to a value out of its range.
    case type
    /// The template itself refused the conversation, with `raise_exception(message)`.
    case raised
    /// One of `TemplateLimits` was reached.
    case limit
  }
  public let kind: Kind
  /// Line and column (characters) in the template, counted from 1; the column is known for syntax errors only.
  public let line: Int, column: Int?
  /// What was found and what would have been right; for `raised`, the template's own message and nothing else.
  public let message: String

  public init(kind: Kind, line: Int, column: Int? = nil, message: String) {
    (self.kind, self.line, self.column, self.message) = (kind, line, column, message)
  }

  public var description: String {
    let place = column.map { "line \(line), column \($0)" } ?? "line \(line)"
    return "chat template, \(place): \(message)"
  }
}
