import CConfinement
import Glibc
import JSONText
import KernelRuntime
import Tensors
import Traces

/// One solution on one problem, from its build to its figures. Every step may end it with an `EvaluationFailure`.
final class CandidateRun {
  let problem: BenchmarkProblem, reference: ReferenceRun
  let worker: ProblemWorker
  let options: KernelBenchmark.Options
  let rules: ComparisonRules
  /// What is recorded beside errors and times.
  private(set) var errors = Correctness()
  private(set) var firstCallSeconds = 0.0
  private(set) var isBatchInvariant: Bool?

  /// - Throws: when the solution cannot be built.
  init(
    _ candidate: BenchmarkCandidate, on problem: BenchmarkProblem, reference: ReferenceRun,
    options: KernelBenchmark.Options
  ) throws(EvaluationFailure) {
    (self.problem, self.reference, self.options) = (problem, reference, options)
    rules = options.rules(problem.definition)
    let copies = candidate.bindsQuickly ? problem.copies : min(problem.copies, 4)
    worker = try ProblemWorker(candidate, on: problem, copies: copies, options: options)
  }

  /// Correctness on several inputs, with fresh values at an address that was used before; then in place, where the
  /// definition allows it; then rows alone and together.
  func check() throws(EvaluationFailure) {
    var earlier: [Int: OrderedMap<Tensor>] = [:]
    for round in 0..<options.seeds {
      // Every other round uses the first slot again.
      let seed = problem.firstSeed &+ UInt64(round), slot = round % 2 == 0 ? 0 : 1
      let values = try make(seed)
      let wanted = rules.sampling == nil ? try reference.expected(values, seed: seed) : [:]
      let found = try checkedCall(values, slot: slot, problem.separate, isFirst: round == 0)
      if let before = earlier[slot], found.hasSameBits(as: before), !before.hasSameBits(as: wanted),
        rules.sampling == nil,
        !rules.compare(found, reference: wanted, inputs: values).isPassed
      {
        throw .hack(
          "it gave the outputs of an earlier call at the same address, though the values there are others",
          aboutOutput: true)
      }
      try compare(found, wanted, values, slot: slot)
      try stayed(found, slot: slot, problem.separate)
      earlier[slot] = found
    }
    if !problem.pairs.isEmpty {
      let seed = problem.firstSeed, values = try make(seed)
      let wanted = try reference.expected(values, seed: seed)
      let found = try checkedCall(values, slot: 0, problem.shared)
      let names = problem.pairs.map { "\($0.output) over \($0.input)" }.joined(separator: ", ")
      try compare(found, wanted, values, note: "called in place (\(names)), as the definition's tags allow: ")
    }
    try probeRows()
  }

  func make(_ seed: UInt64) throws(EvaluationFailure) -> WorkloadInputs {
    do throws(WorkloadError) { return try problem.make(seed: seed) } catch {
      throw EvaluationFailure(status: .runtimeError, reason: "inputs cannot be made: \(error)")
    }
  }

  private func probeRows() throws(EvaluationFailure) {
    guard let probe = problem.probe else { return }
    var scalars: [String: Double] = [:]
    for (name, argument) in problem.first.arguments { if case .scalar(let value) = argument { scalars[name] = value } }
    isBatchInvariant = try probe.isInvariant(
      scalars: scalars, constants: problem.constants, copies: problem.copies
    ) { plan, arguments throws(EvaluationFailure) in
      var values = problem.first
      for (name, argument) in arguments { values.arguments[name] = argument }
      return try checkedCall(values, slot: 0, plan)
    }
  }

  /// One call with everything around it looked at: a copy of what the outputs held when it was answered.
  private func checkedCall(
    _ values: WorkloadInputs, slot: Int, _ plan: ArgumentPlan, isFirst: Bool = false
  ) throws(EvaluationFailure) -> OrderedMap<Tensor> {
    try worker.lay(plan)
    problem.write(values.arguments, slot: slot, plan)
    problem.arm(worker.process, values.arguments, slot: slot, plan)
    let before = problem.inputHash(slot: slot, plan)
    let answer = try worker.call([slot])
    let found = problem.outputs(worker.process, slot: slot, plan).copied()
    if isFirst { firstCallSeconds = Double(answer.reply.end &- answer.reply.start) / options.ticksPerSecond }
    try believe(answer)
    if OutputHash.of(found) != answer.reply.outputHash { throw Self.wroteLater }
    try untouchedAround(slot: slot, plan)
    if problem.inputHash(slot: slot, plan) != before { throw .hack("it changed its inputs") }
    try wroteAll(found, slot: slot, plan)
    return found
  }

  static var wroteLater: EvaluationFailure {
    .hack("outputs changed after the call had returned and the clock had stopped", aboutOutput: true)
  }

  /// - Throws: when a reported time is impossible.
  func believe(_ answer: WorkerProcess.Answer) throws(EvaluationFailure) {
    let check = ClockCheck(ticksPerSecond: options.ticksPerSecond, overhead: 0, threads: options.threads)
    if let sentence = check.contradiction(answer.clock) { throw .hack(sentence) }
  }

  func untouchedAround(slot: Int, _ plan: ArgumentPlan) throws(EvaluationFailure) {
    for (name, tensor) in problem.outputs(worker.process, slot: slot, plan) {
      guard let at = problem.guards.firstDamage(around: tensor) else { continue }
      throw .hack(
        "it wrote outside of its output \(name): at byte \(at), the output has bytes 0 to \(tensor.byteCount - 1)")
    }
  }

  /// An output that nothing was written to, or is written to only when the clock has stopped.
  private func wroteAll(_ found: OrderedMap<Tensor>, slot: Int, _ plan: ArgumentPlan) throws(EvaluationFailure) {
    let shared = plan.shared.isEmpty ? [] : problem.pairs.map(\.output)
    for (name, tensor) in found where tensor.count > 0 && !shared.contains(name) {
      guard Poison.untouched(in: tensor) == tensor.count else { continue }
      // Wait: is it skipped, or done behind the clock's back?
      usleep(100_000)
      try stayed(found, slot: slot, plan)
      throw .hack("it returned without having written anything to its output \(name)", aboutOutput: true)
    }
  }

  /// - Throws: when outputs are no longer what they were when the call was answered.
  private func stayed(_ found: OrderedMap<Tensor>, slot: Int, _ plan: ArgumentPlan) throws(EvaluationFailure) {
    usleep(1000)
    if !found.hasSameBits(as: problem.outputs(worker.process, slot: slot, plan)) { throw Self.wroteLater }
  }

  /// Draws from the solution as often as its rule asks for.
  private func compareSamples(_ values: WorkloadInputs, slot: Int) throws(EvaluationFailure) -> Comparison {
    var failure: EvaluationFailure?
    do throws(KernelError) {
      return try rules.compareSamples(
        draw: { () throws(KernelError) in
          do throws(EvaluationFailure) { return try checkedCall(values, slot: slot, problem.separate) } catch {
            failure = error
            throw KernelError(.runFailed, error.reason)
          }
        }, inputs: values)
    } catch { throw failure ?? EvaluationFailure(status: .runtimeError, reason: error.reason) }
  }

  /// - slot: where to draw again, for solutions that draw by chance.
  /// - note: begins the log of what does not agree.
  func compare(
    _ found: OrderedMap<Tensor>, _ wanted: OrderedMap<Tensor>, _ values: WorkloadInputs, slot: Int? = nil,
    note: String = ""
  ) throws(EvaluationFailure) {
    let result: Comparison
    if rules.sampling == nil {
      result = rules.compare(found, reference: wanted, inputs: values)
    } else if let slot {
      result = try compareSamples(values, slot: slot)
    } else {
      return  // one draw says nothing
    }
    func larger(_ a: Double, _ b: Double) -> Double { a.isNaN || b.isNaN ? .nan : max(a, b) }
    errors = Correctness(
      maxRelativeError: larger(errors.maxRelativeError, result.correctness.maxRelativeError),
      maxAbsoluteError: larger(errors.maxAbsoluteError, result.correctness.maxAbsoluteError),
      extra: result.correctness.extra ?? errors.extra)
    guard !result.isPassed else { return }
    let unwritten = found.compactMap { name, tensor -> String? in
      let count = Poison.untouched(in: tensor)
      return count == 0 ? nil : "\(count) of \(tensor.count) elements of \(name) were not written"
    }
    throw EvaluationFailure(
      status: result.status,
      reason: note + ([result.worst ?? "the outputs differ from the reference's"] + unwritten).joined(separator: "; "),
      correctness: result.recordedCorrectness)
  }
}

extension WorkerProcess.Answer {
  var clock: ClockCheck.Reading {
    .init(
      sent: sent, start: reply.start, end: reply.end, received: received,
      libraryNanoseconds: reply.libraryNanoseconds, kernelNanoseconds: reply.kernelNanoseconds,
      processorSeconds: processorSeconds)
  }
}

extension OutputHash {
  /// Of tensors in their order.
  static func of(_ tensors: OrderedMap<Tensor>) -> UInt64 {
    var hash = OutputHash()
    for (_, tensor) in tensors { hash.add(tensor) }
    return hash.value
  }
}
