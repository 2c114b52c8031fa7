import Traces

/// Chooses among the solutions of one definition: the whole decision, with a reason for every candidate.
struct KernelChooser {
  let library: KernelLibrary
  let definition: Definition
  let context: BindContext
  let layer: Int?
  let phase: KernelPhase?

  /// What came out.
  struct Choice {
    /// Candidates in the policy's order.
    var solutions: [KernelSolution] = []
    /// The one for all shapes, or for those that the table does not speak for; nil when there is none.
    var overall: Int?
    /// By shape, where the policy lets shapes differ.
    var table: ShapeTable?
    /// Usable candidates in the order in which they would take over from one that fails.
    var usable: [Int] = []
    var decision: KernelLibrary.BindDecision

    /// All that a call may need.
    var reachable: [Int] {
      Set((table?.rows.map(\.winner) ?? []) + (overall.map { [$0] } ?? [])).sorted()
    }
  }

  private struct Refusal {
    let reason: KernelLibrary.Reason, text: String
  }

  /// - axes: a shape to decide for; nil decides for all.
  func choose(axes: [Int]? = nil) throws(KernelError) -> Choice {
    let policy = library.policy
    let flavors = policy.flavors(definition: definition.name, operation: definition.opType, layer: layer, phase: phase)
    let isListed = policy.isListed(
      definition: definition.name, operation: definition.opType, layer: layer, phase: phase)
    let selection = isListed ? Selection.listed : policy.selection == .listed ? .batchInvariant : policy.selection
    let solutions = ordered(flavors)
    var refusals: [Refusal?] = []
    for solution in solutions { refusals.append(refusal(of: solution, flavors, selection)) }
    let usable = solutions.indices.filter { refusals[$0] == nil }

    var choice = Choice(
      solutions: solutions, usable: usable,
      decision: KernelLibrary.BindDecision(
        definition: definition.name, operation: definition.opType, device: context.device, hardware: library.hardware,
        layer: layer, phase: phase, policy: flavors, selection: selection, route: .listed, candidates: []))
    let table = selection == .listed ? nil : try measuredTable(solutions, usable)
    // A solution that came as data is used unmeasured only when the operator's list says so.
    let unmeasured = selection == .listed ? usable : usable.filter { solutions[$0].definition == nil }
    if let table, !table.rows.isEmpty {
      choice.overall = overall(table, usable)
      choice.decision.route = .overall
      if selection.isByShape { choice.table = table }
    } else {
      choice.overall = unmeasured.first
    }
    if let overall = choice.overall {
      choice.usable = [overall] + usable.filter { $0 != overall && (unmeasured.contains($0) || isMeasured($0, table)) }
    }
    var winner = choice.overall, row: Int?
    if let axes, let found = choice.table?.resolve(axes) {
      (winner, row, choice.decision.route) = (choice.table?.rows[found.row].winner, found.row, found.route)
    }
    if let axes {
      choice.decision.axes = Dictionary(uniqueKeysWithValues: zip(definition.varAxes, axes))
    }
    let candidates = solutions.indices.map { index in
      candidate(index, solutions, winner, refusals[index], table, row)
    }
    choice.decision = choice.decision.with(candidates)
    return choice
  }

  // MARK: order and refusals

  /// In the order of the policy's list; those that it leaves out come last.
  private func ordered(_ flavors: [KernelFlavor]) -> [KernelSolution] {
    let mine = library.solutions.filter { $0.computes(definition) }
    var listed: [KernelSolution] = []
    for flavor in flavors {
      listed += mine.filter { solution in solution.answers(to: flavor) && !listed.contains { $0.name == solution.name }
      }
    }
    return listed + mine.filter { solution in !listed.contains { $0.name == solution.name } }
  }

  private func refusal(of solution: KernelSolution, _ flavors: [KernelFlavor], _ selection: Selection) -> Refusal? {
    guard flavors.contains(where: { solution.answers(to: $0) }) else {
      return Refusal(
        reason: .policy, text: "the policy allows \(flavors.map(\.rawValue).joined(separator: ", ")) only")
    }
    if solution.isEmulatedOnCPU && context.device == .cpu && flavors == KernelPolicy.auto.preferred {
      return Refusal(
        reason: .policy, text: "a CPU only emulates it; to have that, name \(solution.flavor) in the list of kernels")
    }
    if case .unavailable(let reason) = solution.availability(definition, context) {
      return Refusal(reason: .unavailable, text: reason)
    }
    if let words = library.unbuildable[solution.name] {
      return Refusal(reason: .failed, text: "it does not build: \(words)")
    }
    if let entry = library.quarantine?.entry(definition: definition.name, solution: solution.name) {
      return Refusal(reason: .quarantined, text: "in quarantine since \(entry.time): \(entry.reason)")
    }
    if library.isSealed && solution.needsCompilation {
      return Refusal(reason: .sealed, text: "it would have to be compiled, and nothing is compiled while serving")
    }
    let measurements = library.measurements
    if let failure = measurements.objection(definition.name, solution.name, on: library.hardware) {
      return Refusal(reason: .failed, text: "its benchmark failed here: \(failure)")
    }
    if selection == .batchInvariant {
      let measured = measurements.batchInvariance[definition.name]?[solution.name]
      if measured == false {
        return Refusal(reason: .notBatchInvariant, text: "its results depend on what else is in the batch (measured)")
      }
      if measured == nil && solution.isBatchInvariant != true {
        return Refusal(
          reason: .notBatchInvariant,
          text: solution.isBatchInvariant == false
            ? "its results depend on what else is in the batch"
            : "nobody has checked that its results do not depend on the batch")
      }
    }
    if case .boundedError(let absolute, let relative) = selection {
      let samples = measurements.usable(definition.name, on: library.hardware, library.policy.hardware)
      if let bad = samples.first(where: {
        $0.solution == solution.name && !($0.absoluteError <= absolute && $0.relativeError <= relative)
      }) {
        return Refusal(
          reason: .tolerance,
          text: "its recorded errors are \(bad.absoluteError) absolute, \(bad.relativeError) relative")
      }
    }
    return nil
  }

  // MARK: measurements

  private func measuredTable(_ solutions: [KernelSolution], _ usable: [Int]) throws(KernelError) -> ShapeTable? {
    let samples = library.measurements.usable(definition.name, on: library.hardware, library.policy.hardware)
    if samples.isEmpty { return nil }
    var numbers: [String: Int] = [:]
    for index in usable { numbers[solutions[index].name] = index }
    let mine = samples.compactMap { sample in numbers[sample.solution].map { (candidate: $0, sample: sample) } }
    return ShapeTable(mine, kinds: try ShapeRule.buckets(of: definition), rule: library.policy.shapes)
  }

  private func isMeasured(_ index: Int, _ table: ShapeTable?) -> Bool { (table?.coverage(index) ?? 0) > 0 }

  /// The least slow over all shapes; of equals the one measured more often, then the earlier in the list.
  private func overall(_ table: ShapeTable, _ usable: [Int]) -> Int? {
    usable.filter { isMeasured($0, table) }.min {
      (table.slowness($0), -table.coverage($0), $0) < (table.slowness($1), -table.coverage($1), $1)
    }
  }

  // MARK: reasons

  private func candidate(
    _ index: Int, _ solutions: [KernelSolution], _ winner: Int?, _ refusal: Refusal?, _ table: ShapeTable?, _ row: Int?
  ) -> KernelLibrary.Candidate {
    let solution = solutions[index]
    if let refusal { return .init(solution, refusal.reason, .refused(because: refusal.text)) }
    guard let winner else { return .init(solution, .notMeasured, .passedOver(because: notMeasured(solution))) }
    guard let table, !table.rows.isEmpty else {
      if index == winner { return .init(solution, .firstListed, .chosen) }
      if solution.definition != nil && winner > index {
        return .init(solution, .notMeasured, .passedOver(because: notMeasured(solution)))
      }
      return .init(solution, .comesLater, .passedOver(because: "\(solutions[winner].name) comes first"))
    }
    if index == winner { return .init(solution, .fastest, .chosen) }
    let name = solutions[winner].name
    if let row {
      let times = table.rows[row].times
      guard let mine = times[index], let best = times[winner] else {
        return .init(solution, .notMeasured, .passedOver(because: "not measured at \(shape(table.rows[row].axes))"))
      }
      let text =
        mine < best
        ? "faster by \(percent(best / mine - 1)) at this shape only, less than the switch is worth"
        : "\(ratio(mine / best)) the time of \(name) at \(shape(table.rows[row].axes))"
      return .init(solution, .slower, .passedOver(because: text))
    }
    guard isMeasured(index, table) else {
      let elsewhere = Set(
        library.measurements.samples[definition.name, default: []].filter { $0.solution == solution.name }.map(
          \.hardware.name)
      ).sorted()
      if !elsewhere.isEmpty {
        return .init(
          solution, .otherHardware, .passedOver(because: "measured on \(elsewhere.joined(separator: ", ")) only"))
      }
      return .init(solution, .notMeasured, .passedOver(because: notMeasured(solution)))
    }
    let slower = table.slowness(index) / table.slowness(winner)
    return .init(
      solution, .slower,
      .passedOver(because: "\(ratio(slower)) the time of \(name) over \(table.coverage(index)) measured shapes"))
  }

  private func notMeasured(_ solution: KernelSolution) -> String { "not measured on \(library.hardware)" }
  private func ratio(_ value: Double) -> String { "\((value * 100).rounded() / 100) times" }
  private func percent(_ value: Double) -> String { "\(Int((value * 100).rounded())) %" }
  private func shape(_ axes: [Int]) -> String {
    zip(definition.varAxes, axes).map { "\($0)=\($1)" }.joined(separator: ", ")
  }
}

extension KernelSolution {
  /// Whether a name in a policy means it: its language, or itself.
  func answers(to name: KernelFlavor) -> Bool { flavor == name || self.name == name.rawValue }
}

extension KernelLibrary.BindDecision {
  fileprivate func with(_ candidates: [KernelLibrary.Candidate]) -> Self {
    var copy = KernelLibrary.BindDecision(
      definition: definition, operation: operation, device: device, hardware: hardware, layer: layer, phase: phase,
      policy: policy, selection: selection, route: route, candidates: candidates)
    copy.axes = axes
    return copy
  }
}
