/// Why a model's files cannot be used: which file, what in it, what was found and what was expected.
public struct ModelLoadingError: Error, Sendable, Hashable, CustomStringConvertible {
  public enum Code: String, Sendable, Hashable {
    /// A file is missing or cannot be read, or the path is of no known kind.
    case unreadable
    /// A weight file breaks its format's rules.
    case badCheckpoint
    /// The architecture is none of those that can be loaded.
    case unknownArchitecture
    /// A key of the configuration is missing or has an impossible value.
    case badConfiguration
    /// Something the model asks for is not supported.
    case unsupported
    /// A weight is missing, unexpected, or has the wrong shape or format.
    case badWeight
  }
  public let code: Code
  public let file: String
  /// The key or tensor; nil when the whole file is meant.
  public let subject: String?
  public let reason: String

  public init(_ code: Code, file: String, subject: String? = nil, _ reason: String) {
    (self.code, self.file, self.subject, self.reason) = (code, file, subject, reason)
  }

  public var description: String { subject.map { "\(file): \($0): \(reason)" } ?? "\(file): \(reason)" }
}
