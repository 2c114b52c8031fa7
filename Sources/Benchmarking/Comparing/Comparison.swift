import Traces

/// What came of comparing a solution's outputs with the reference's.
public struct Comparison: Sendable, Hashable {
  /// `passed`, `incorrectShape`, `incorrectDtype`, `incorrectNumerical` or `runtimeError`.
  public let status: Evaluation.Status
  public let correctness: Correctness
  /// The element that is furthest from the reference's, as a sentence: "output[3, 17] is 1.5, the reference has 1.25".
  public let worst: String?

  public init(status: Evaluation.Status, correctness: Correctness, worst: String? = nil) {
    (self.status, self.correctness, self.worst) = (status, correctness, worst)
  }

  public var isPassed: Bool { status == .passed }
  /// What goes into an `Evaluation`: statuses other than PASSED and INCORRECT_NUMERICAL have no correctness.
  public var recordedCorrectness: Correctness? {
    status == .passed || status == .incorrectNumerical ? correctness : nil
  }
}
