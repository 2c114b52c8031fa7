/// What was wrong with a JSON text, and where.
public struct JSONError: Error, Sendable, Hashable, CustomStringConvertible {
  /// Byte offset into the text where the problem was noticed.
  public let offset: Int
  /// Line and column (bytes), both counted from 1.
  public let line: Int, column: Int
  /// What was found and what would have been right.
  public let reason: String

  public init(offset: Int, line: Int, column: Int, reason: String) {
    (self.offset, self.line, self.column, self.reason) = (offset, line, column, reason)
  }

  public var description: String { "line \(line), column \(column): \(reason)" }
}
