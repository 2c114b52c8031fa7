import Tensors
import Traces

/// All solutions the program has, and what chooses among them. A value: passed in, never global.
///
///     let library = KernelLibrary(solutions: KernelCatalog.solutions, policy: .auto)
///     let rmsNorm = try library.bind(definition, on: .cpu)       // at load
///     try rmsNorm.apply([.tensor(x), …], on: stream)             // per step
public struct KernelLibrary: Sendable {
  public var solutions: [KernelSolution]
  public var policy: KernelPolicy
  /// What benchmarks recorded; without it a policy's list is followed.
  public var measurements = KernelMeasurements()
  /// The device that measurements are compared with.
  public var hardware = Hardware("cpu")
  /// Solutions that failed; nil lets errors of kernels pass through, and nothing takes over.
  public var quarantine: Quarantine?
  /// Where bound kernels are looked at and switched while they are in use.
  public var switchboard: KernelSwitchboard?
  /// Told of each call.
  public var observer: (any KernelCallObserver)?
  /// Told once for each bind what was chosen and why (for the log).
  public var onBind: (@Sendable (BindDecision) -> Void)?
  /// Told when a kernel failed and another took its place.
  public var onFailure: (@Sendable (KernelFailure) -> Void)?
  /// The layer that is being built, for policies that tell layers apart.
  public private(set) var layer: Int?
  /// Once true, nothing is compiled any more: a solution that would have to be is refused.
  public private(set) var isSealed = false
  /// Solutions that could not be built for the definition that is being bound, with the compiler's words.
  var unbuildable: [String: String] = [:]

  public init(
    solutions: [KernelSolution], policy: KernelPolicy = .auto, onBind: (@Sendable (BindDecision) -> Void)? = nil
  ) {
    (self.solutions, self.policy, self.onBind) = (solutions, policy, onBind)
  }

  /// The same library, binding for one layer of a model.
  public func inLayer(_ layer: Int) -> KernelLibrary {
    var copy = self
    copy.layer = layer
    return copy
  }

  /// The same library, refusing to compile. What is bound already stays.
  public func sealed() -> KernelLibrary {
    var copy = self
    copy.isSealed = true
    return copy
  }

  /// Candidates in policy order, then those that the policy leaves out, each with the reason.
  /// - axes: sizes of variable axes for which to decide; those that are missing count as 1. Nil decides for all shapes.
  /// - Throws: `invalidPolicy` when a tag of the definition about buckets is wrong.
  public func explain(
    _ definition: Definition, _ context: BindContext, axes: [String: Int]? = nil, phase: KernelPhase? = nil
  ) throws(KernelError) -> BindDecision {
    let sizes = axes.map { axes in definition.varAxes.map { axes[$0] ?? 1 } }
    return try KernelChooser(library: self, definition: definition, context: context, layer: layer, phase: phase)
      .choose(axes: sizes).decision
  }

  /// Chooses and builds the kernels for a definition.
  /// - constants: inputs that never change; they are not passed to `apply`.
  /// - Throws: `noCandidate`, naming the definition, the device and why each candidate was refused.
  public func bind(
    _ definition: Definition, on device: Device = .cpu, constants: [String: Tensor] = [:]
  ) throws(KernelError) -> BoundKernel {
    let context = BindContext(device: device, constants: constants)
    let (contents, decisions) = try contents(definition, context, layer: layer)
    let slot = KernelSlot(
      definition, context, layer: layer, library: self, plan: contents.plan, phasePlans: contents.phasePlans)
    switchboard?.register(slot, decisions)
    if let onBind { for decision in decisions { onBind(decision) } }
    return BoundKernel(slot)
  }

  // MARK: plans

  func choice(
    _ definition: Definition, _ context: BindContext, layer: Int?, phase: KernelPhase? = nil
  ) throws(KernelError) -> KernelChooser.Choice {
    try KernelChooser(library: self, definition: definition, context: context, layer: layer, phase: phase).choose()
  }

  /// Plans for all calls, and for kinds of step that the policy tells apart. A solution that does not build gives way to
  /// the next that the policy allows, and the decision says so.
  func contents(
    _ definition: Definition, _ context: BindContext, layer: Int?
  ) throws(KernelError) -> (KernelSlot.Contents, [BindDecision]) {
    var library = self
    while true {
      do throws(KernelError) {
        return try library.attempt(definition, context, layer: layer)
      } catch {
        guard error.code == .buildFailed, let name = error.solution, library.unbuildable[name] == nil else {
          throw error
        }
        library.unbuildable[name] = error.reason
      }
    }
  }

  private func attempt(
    _ definition: Definition, _ context: BindContext, layer: Int?
  ) throws(KernelError) -> (KernelSlot.Contents, [BindDecision]) {
    let all = try choice(definition, context, layer: layer)
    var built: [String: DispatchPlan.Entry] = [:], decisions = [all.decision]
    let plan = try plan(all, definition, context, &built)
    var phasePlans: [KernelPhase: DispatchPlan] = [:]
    for phase in policy.phases(definition: definition.name, operation: definition.opType) {
      let choice = try choice(definition, context, layer: layer, phase: phase)
      phasePlans[phase] = try self.plan(choice, definition, context, &built)
      decisions.append(choice.decision)
    }
    return (KernelSlot.Contents(plan: plan, phasePlans: phasePlans), decisions)
  }

  /// Builds all that a call may need.
  private func plan(
    _ choice: KernelChooser.Choice, _ definition: Definition, _ context: BindContext,
    _ built: inout [String: DispatchPlan.Entry]
  ) throws(KernelError) -> DispatchPlan {
    guard let overall = choice.overall else {
      throw KernelError(.noCandidate, definition: definition.name, choice.decision.sentence)
    }
    var entries: [DispatchPlan.Entry] = [], numbers: [Int: Int] = [:]
    for index in choice.reachable {
      let solution = choice.solutions[index]
      if built[solution.name] == nil { built[solution.name] = try entry(solution, definition, context) }
      if let entry = built[solution.name] {
        numbers[index] = entries.count
        entries.append(entry)
      }
    }
    return DispatchPlan(
      entries, overall: (numbers[overall] ?? 0, choice.decision.route), table: choice.table,
      entryOfRow: choice.table?.rows.map { numbers[$0.winner] ?? 0 } ?? [])
  }

  func entry(
    _ solution: KernelSolution, _ definition: Definition, _ context: BindContext
  ) throws(KernelError) -> DispatchPlan.Entry {
    let kernel: any Kernel
    do throws(KernelError) { kernel = try solution.build(definition, context) } catch {
      throw KernelError(.buildFailed, definition: definition.name, solution: solution.name, error.reason)
    }
    let counters = CallCounters(definition: definition.name, solution: solution.name)
    switchboard?.register(counters)
    return DispatchPlan.Entry(solution: solution, kernel: kernel, counters: counters)
  }

  /// Refuses a policy that names operations, flavors or solutions nobody has: a typo must not silently change nothing.
  public func validatePolicy() throws(KernelError) {
    let flavors = Set(solutions.map(\.flavor)), names = Set(solutions.map(\.name))
    let operations = Set(solutions.map(\.operation)).subtracting([""])
    let definitions = Set(solutions.compactMap(\.definition))
    let known = flavors.map(\.rawValue).sorted().joined(separator: ", ")
    let listed = policy == .auto ? [] : policy.preferred
    for flavor in listed + policy.overrides.values.flatMap({ $0 })
    where !flavors.contains(flavor) && !names.contains(flavor.rawValue) && !KernelPolicy.auto.preferred.contains(flavor)
      && flavor != .measured
    {
      throw KernelError(
        .invalidPolicy, "there is no kernel language or solution \"\(flavor)\"; there are the languages \(known)")
    }
    for key in policy.overrides.keys.sorted() {
      let name = try KernelPolicy.split(key).name
      guard !definitions.contains(name), !operations.contains(where: { name == $0 || name.hasPrefix($0 + "_") })
      else { continue }
      throw KernelError(
        .invalidPolicy,
        "there is no operation \"\(name)\"; there are \(operations.sorted().joined(separator: ", "))")
    }
  }
}

extension KernelLibrary.BindDecision {
  /// Why nothing could be chosen.
  var sentence: String {
    let reasons = candidates.map { candidate in
      switch candidate.verdict {
      case .refused(let reason), .passedOver(let reason): "\(candidate.solution): \(reason)"
      case .chosen: candidate.solution
      }
    }
    return "no kernel for \(operation) on \(device); "
      + (reasons.isEmpty ? "the program has none for this operation" : reasons.joined(separator: "; "))
  }
}
