import Traces

/// Changing kernels that are in use: everything is checked and built here, on the operator's thread; the engine's thread
/// only puts it in place.
extension KernelLibrary {
  /// Builds a solution for every bound kernel of a definition.
  /// - layer: only there.
  /// - Throws: `noCandidate` when the definition is not bound or there is no such solution; `buildFailed`; what
  ///   `availability` says. Nothing has changed then.
  public func prepareSwitch(
    definition: String, to name: String, layer: Int? = nil
  ) throws(KernelError) -> PreparedSwitch {
    let slots = try slots(definition, layer), solution = try solution(name, for: slots[0])
    var contents: [(slot: KernelSlot, contents: KernelSlot.Contents)] = []
    for slot in slots {
      let plan = DispatchPlan([try entry(solution, slot.definition, slot.context)], overall: (0, .switched))
      contents.append((slot, KernelSlot.Contents(plan: plan, phasePlans: [:])))
    }
    let place = layer.map { " in layer \($0)" } ?? ""
    return PreparedSwitch(
      "\(definition)\(place): switched to \(name)", .contents(contents),
      decisions: slots.map { switched($0, to: solution) })
  }

  /// Builds a solution to run beside the kernels in use.
  /// - every: compares the first of every so many calls. agreements: until the trial ends well.
  /// - promotes: whether it then takes over (a canary), or is only reported.
  public func prepareShadow(
    definition: String, candidate name: String, every: Int, agreements: Int, promotes: Bool
  ) throws(KernelError) -> PreparedSwitch {
    let slots = try slots(definition, nil), solution = try solution(name, for: slots[0])
    var shadows: [(slot: KernelSlot, shadow: ShadowRun)] = []
    for slot in slots {
      let entry = try entry(solution, slot.definition, slot.context)
      shadows.append((slot, ShadowRun(entry, every: every, agreements: agreements, promotes: promotes)))
    }
    return PreparedSwitch("\(definition): \(name) runs in the shadow, one call of \(every)", .shadow(shadows))
  }

  /// Chooses anew for all bound kernels with this library's policy and measurements, and builds what is chosen: the new
  /// table replaces the old one as a whole or not at all.
  /// - Throws: what `bind` throws; nothing has changed then.
  public func prepareReload() throws(KernelError) -> PreparedSwitch {
    var contents: [(slot: KernelSlot, contents: KernelSlot.Contents)] = [], decisions: [BindDecision] = []
    let before = switchboard?.decisions ?? []
    for slot in switchboard?.allSlots ?? [] {
      let (new, reasons) = try self.contents(slot.definition, slot.context, layer: slot.layer)
      contents.append((slot, new))
      decisions += reasons
    }
    let changed = decisions.count { new in
      before.contains {
        $0.definition == new.definition && $0.layer == new.layer && $0.phase == new.phase
          && $0.chosen?.solution != new.chosen?.solution
      }
    }
    return PreparedSwitch(
      "chosen anew: \(changed) of \(decisions.count) decisions changed", .contents(contents), decisions: decisions)
  }

  private func slots(_ definition: String, _ layer: Int?) throws(KernelError) -> [KernelSlot] {
    guard let switchboard else {
      throw KernelError(.noCandidate, definition: definition, "this library was made without a switchboard")
    }
    let slots = switchboard.slots(of: definition, layer: layer)
    if slots.isEmpty {
      let all = switchboard.definitions
      throw KernelError(
        .noCandidate, definition: definition,
        all.contains(definition)
          ? "it is not bound in layer \(layer ?? 0)" : "it is not in use; in use are \(all.joined(separator: ", "))")
    }
    return slots
  }

  private func solution(_ name: String, for slot: KernelSlot) throws(KernelError) -> KernelSolution {
    let candidates = solutions.filter { $0.computes(slot.definition) }
    guard let solution = candidates.first(where: { $0.name == name }) else {
      throw KernelError(
        .noCandidate, definition: slot.definition.name,
        "there is no solution \"\(name)\"; there are \(candidates.map(\.name).joined(separator: ", "))")
    }
    if case .unavailable(let reason) = solution.availability(slot.definition, slot.context) {
      throw KernelError(.noCandidate, definition: slot.definition.name, solution: name, reason)
    }
    if let entry = quarantine?.entry(definition: slot.definition.name, solution: name) {
      throw KernelError(
        .noCandidate, definition: slot.definition.name, solution: name,
        "in quarantine since \(entry.time): \(entry.reason)")
    }
    return solution
  }

  private func switched(_ slot: KernelSlot, to solution: KernelSolution) -> BindDecision {
    BindDecision(
      definition: slot.definition.name, operation: slot.definition.opType, device: slot.context.device,
      hardware: hardware, layer: slot.layer, phase: nil, policy: [KernelFlavor(rawValue: solution.name)],
      selection: .listed, route: .switched, candidates: [Candidate(solution, .firstListed, .chosen)])
  }
}
