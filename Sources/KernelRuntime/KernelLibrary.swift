import Tensors
import Traces

/// All solutions the program has, and the policy that chooses among them. A value: passed in, never global.
///
///     let library = KernelLibrary(solutions: KernelCatalog.solutions, policy: .auto)
///     let rmsNorm = try library.bind(definition, on: .cpu)       // at load
///     try rmsNorm.apply([.tensor(x), …], on: stream)             // per step
public struct KernelLibrary: Sendable {
  public let solutions: [KernelSolution]
  public let policy: KernelPolicy
  /// Told once for each bind what was chosen and why (for the log).
  public let onBind: (@Sendable (BindDecision) -> Void)?

  public init(
    solutions: [KernelSolution], policy: KernelPolicy = .auto, onBind: (@Sendable (BindDecision) -> Void)? = nil
  ) {
    (self.solutions, self.policy, self.onBind) = (solutions, policy, onBind)
  }

  /// What happened to one candidate.
  public struct Candidate: Sendable, Hashable {
    public enum Verdict: Sendable, Hashable {
      case chosen
      /// Usable, but another comes first in the policy.
      case passedOver(because: String)
      case refused(because: String)
    }
    public let solution: String, flavor: KernelFlavor, source: String
    public let verdict: Verdict
  }

  /// Why a definition is computed as it is.
  public struct BindDecision: Sendable, Hashable {
    public let definition: String, operation: String
    public let device: Device
    public let policy: [KernelFlavor]
    public let candidates: [Candidate]
    public var chosen: Candidate? { candidates.first { $0.verdict == .chosen } }
  }

  /// Candidates in policy order, then those that the policy leaves out, each with the reason.
  public func explain(_ definition: Definition, _ context: BindContext) -> BindDecision {
    choose(definition, context).decision
  }

  private func choose(_ definition: Definition, _ context: BindContext) -> (KernelSolution?, decision: BindDecision) {
    let flavors = policy.flavors(definition: definition.name, operation: definition.opType)
    let mine = solutions.filter { $0.computes(definition) }
    let ordered =
      flavors.flatMap { flavor in mine.filter { $0.flavor == flavor } } + mine.filter { !flavors.contains($0.flavor) }
    var chosen: KernelSolution?
    let candidates = ordered.map { solution in
      let verdict: Candidate.Verdict
      if !flavors.contains(solution.flavor) {
        verdict = .refused(because: "the policy allows \(flavors.map(\.rawValue).joined(separator: ", ")) only")
      } else if case .unavailable(let reason) = solution.availability(definition, context) {
        verdict = .refused(because: reason)
      } else if let chosen {
        verdict = .passedOver(because: "\(chosen.name) comes first")
      } else {
        chosen = solution
        verdict = .chosen
      }
      return Candidate(solution: solution.name, flavor: solution.flavor, source: solution.source, verdict: verdict)
    }
    return (
      chosen,
      BindDecision(
        definition: definition.name, operation: definition.opType, device: context.device, policy: flavors,
        candidates: candidates)
    )
  }

  /// Chooses and builds the kernel for a definition.
  /// - constants: inputs that never change; they are not passed to `apply`.
  /// - Throws: `noCandidate`, naming the definition, the device and why each candidate was refused.
  public func bind(
    _ definition: Definition, on device: Device = .cpu, constants: [String: Tensor] = [:]
  ) throws(KernelError) -> BoundKernel {
    let context = BindContext(device: device, constants: constants)
    let (solution, decision) = choose(definition, context)
    guard let solution else { throw KernelError(.noCandidate, definition: definition.name, Self.sentence(decision)) }
    let kernel = try solution.build(definition, context)
    onBind?(decision)
    return BoundKernel(definition: definition, solution: solution.name, kernel: kernel, context: context)
  }

  private static func sentence(_ decision: BindDecision) -> String {
    let reasons = decision.candidates.map { candidate in
      switch candidate.verdict {
      case .refused(let reason), .passedOver(let reason): "\(candidate.solution): \(reason)"
      case .chosen: candidate.solution
      }
    }
    return "no kernel for \(decision.operation) on \(decision.device); "
      + (reasons.isEmpty ? "the program has none for this operation" : reasons.joined(separator: "; "))
  }

  /// Refuses a policy that names operations or flavors nobody has: a typo must not silently change nothing.
  public func validatePolicy() throws(KernelError) {
    let flavors = Set(solutions.map(\.flavor)), operations = Set(solutions.map(\.operation))
    let known = flavors.map(\.rawValue).sorted().joined(separator: ", ")
    for flavor in policy.preferred + policy.overrides.values.flatMap({ $0 }) where !flavors.contains(flavor) {
      throw KernelError(.invalidPolicy, "there is no kernel language \"\(flavor)\"; there are \(known)")
    }
    for name in policy.overrides.keys.sorted() {
      guard !operations.contains(where: { name == $0 || name.hasPrefix($0 + "_") }) else { continue }
      throw KernelError(
        .invalidPolicy,
        "there is no operation \"\(name)\"; there are \(operations.sorted().joined(separator: ", "))")
    }
  }
}
