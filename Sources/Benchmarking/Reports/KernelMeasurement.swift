import Traces

/// One solution on one workload: what was measured.
public struct KernelMeasurement: Sendable {
  /// The definition's name.
  public var definition: String
  /// The definition's `opType`.
  public var operation: String
  public var solution: String
  /// The solution's language as a policy names it: `swift-fast`, `cpp` …
  public var flavor: String
  public var author: String
  public var workload: Workload
  public var evaluation: Evaluation
  public var timing: TimingSummary?
  /// Building the kernel, and its first call, which may compile.
  public var prepareSeconds: Double?, firstCallSeconds: Double?
  public var cost: WorkCost?
  /// Whether rows were found to be computed alike alone and in a batch; nil when it was not tried.
  public var batchInvariant: Bool?

  public init(
    definition: String, operation: String, solution: String, flavor: String, author: String, workload: Workload,
    evaluation: Evaluation, timing: TimingSummary? = nil, prepareSeconds: Double? = nil,
    firstCallSeconds: Double? = nil, cost: WorkCost? = nil, batchInvariant: Bool? = nil
  ) {
    (self.definition, self.operation, self.solution) = (definition, operation, solution)
    (self.flavor, self.author, self.workload) = (flavor, author, workload)
    (self.evaluation, self.timing, self.prepareSeconds) = (evaluation, timing, prepareSeconds)
    (self.firstCallSeconds, self.cost, self.batchInvariant) = (firstCallSeconds, cost, batchInvariant)
  }
}
