/// Where a text stops being Python, and why.
public struct PythonSyntaxError: Error, Sendable, Hashable, CustomStringConvertible {
  /// From 1.
  public let line: Int
  public let reason: String
  public init(line: Int, reason: String) { (self.line, self.reason) = (line, reason) }
  public var description: String { "line \(line): \(reason)" }
}
