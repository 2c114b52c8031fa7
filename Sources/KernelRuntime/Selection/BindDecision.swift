import Tensors

extension KernelLibrary {
  /// What happened to one candidate.
  public struct Candidate: Sendable, Hashable {
    public enum Verdict: Sendable, Hashable {
      case chosen
      /// Usable, but another comes first in the policy or is faster.
      case passedOver(because: String)
      case refused(because: String)
    }
    public let solution: String, flavor: KernelFlavor, source: String
    public let verdict: Verdict
    public let reason: Reason

    public init(_ solution: KernelSolution, _ reason: Reason, _ verdict: Verdict) {
      (self.solution, flavor, source) = (solution.name, solution.flavor, solution.source)
      (self.reason, self.verdict) = (reason, verdict)
    }
  }

  /// The kind of a verdict, for programs.
  public enum Reason: String, Sendable, Hashable, CaseIterable {
    /// The first usable one of the list.
    case firstListed = "first_listed"
    /// The fastest of those measured.
    case fastest
    /// Usable; another stands before it in the list.
    case comesLater = "comes_later"
    /// Usable and measured; another is faster.
    case slower
    /// No measurement of it counts here.
    case notMeasured = "not_measured"
    /// Measured on devices only whose measurements the policy does not admit.
    case otherHardware = "other_hardware"
    /// The operator's list leaves it out.
    case policy
    /// It cannot compute the definition here.
    case unavailable
    /// It failed while running, or disagreed in a shadow run.
    case quarantined
    /// Its recorded evaluation on this device failed.
    case failed
    /// Its recorded errors are above the policy's bound.
    case tolerance
    /// Its results depend on what else is in the batch, or nobody has checked.
    case notBatchInvariant = "not_batch_invariant"
    /// It would have to be compiled, and the library is sealed.
    case sealed
  }

  /// Why a definition is computed as it is.
  public struct BindDecision: Sendable, Hashable {
    public let definition: String, operation: String
    public let device: Device
    public let hardware: Hardware
    public let layer: Int?
    public let phase: KernelPhase?
    /// The flavors or solutions that the policy allows, best first.
    public let policy: [KernelFlavor]
    public let selection: Selection
    /// For which shape, when the question was about one: the sizes of the variable axes, by name.
    public var axes: [String: Int] = [:]
    /// How the shape was looked up.
    public var route: Route
    public let candidates: [Candidate]
    public var chosen: Candidate? { candidates.first { $0.verdict == .chosen } }
  }
}

/// How a call found its kernel; the label `reason` of the call counters.
public enum Route: String, Sendable, Hashable, CaseIterable {
  /// The one kernel of the policy, for all shapes.
  case listed
  /// The one kernel that was fastest over all measured shapes.
  case overall
  /// This shape was measured.
  case exact
  /// A shape in the same buckets was measured.
  case bucket
  /// The nearest measured shape.
  case nearest
  /// The chosen kernel failed; this one took its place.
  case fallback
  /// Put there by an operator while serving.
  case switched
}
