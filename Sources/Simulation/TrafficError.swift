/// What was wrong with a file of traffic, and where.
public struct TrafficError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The file, as it was named.
  public let file: String
  /// The line, counted from 1; nil when the whole file is meant.
  public let line: Int?
  /// What was found and what would have been right.
  public let reason: String

  public init(file: String, line: Int?, reason: String) {
    // A reason may quote the file, which may be anything.
    self.file = file
    self.line = line
    self.reason = reason.utf8.count <= 400 ? reason : String(reason.unicodeScalars.prefix(300)) + "…"
  }

  public var description: String { line.map { "\(file):\($0): \(reason)" } ?? "\(file): \(reason)" }
}
