/// Why a workload cannot be made into inputs, or why rules for comparing cannot be read.
public struct WorkloadError: Error, Sendable, Hashable, CustomStringConvertible {
  public enum Code: String, Sendable, Hashable, CaseIterable {
    /// The workload's axes or inputs do not fit the definition.
    case signature
    /// The tensors would take more memory than allowed.
    case limit
    /// A file of inputs cannot be used: its path, its content, or a tensor's shape or type.
    case file
    /// A constraint of the definition does not hold.
    case constraint
    /// A recipe for an input, a rule for comparing, or a cost cannot be understood.
    case invalidRule
  }
  public let code: Code
  /// The definition's name; empty when the error is about rules on their own.
  public let definition: String
  /// The input or output; nil when the whole call is meant.
  public let subject: String?
  /// What was found, and what would be right.
  public let reason: String

  public init(_ code: Code, definition: String = "", subject: String? = nil, _ reason: String) {
    (self.code, self.definition, self.subject, self.reason) = (code, definition, subject, reason)
  }

  public var description: String {
    [definition, subject ?? "", reason].filter { !$0.isEmpty }.joined(separator: ": ")
  }
}
