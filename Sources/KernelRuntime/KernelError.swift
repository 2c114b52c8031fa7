/// Why a kernel could not be bound or run.
public struct KernelError: Error, Sendable, Hashable, CustomStringConvertible {
  public enum Code: String, Sendable, Hashable {
    /// No candidate of the policy can compute the definition on the device.
    case noCandidate
    /// The kernels configuration names something that does not exist.
    case invalidPolicy
    /// Building the kernel failed.
    case buildFailed
    /// An argument disagrees with the definition.
    case signatureMismatch
    /// The kernel failed while running.
    case runFailed
  }
  public let code: Code
  /// The definition's name, or empty when the error is about the configuration.
  public let definition: String
  /// The solution's name, when there is one.
  public let solution: String?
  /// What was found, and what would be right.
  public let reason: String

  public init(_ code: Code, definition: String = "", solution: String? = nil, _ reason: String) {
    (self.code, self.definition, self.solution, self.reason) = (code, definition, solution, reason)
  }

  public var description: String {
    let subject = [definition, solution ?? ""].filter { !$0.isEmpty }.joined(separator: " / ")
    return subject.isEmpty ? reason : "\(subject): \(reason)"
  }
}
