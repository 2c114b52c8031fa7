import Tensors
import Traces

/// The reference of one problem, running in a worker of its own: what outputs are compared with, and the baseline of
/// speed-ups.
final class ReferenceRun {
  let worker: ProblemWorker
  private let problem: BenchmarkProblem
  private var known: [UInt64: OrderedMap<Tensor>] = [:]
  /// Whether computing over the inputs twice gives what computing once does, as a scatter into a cache does. Such a
  /// definition is timed in place, the way an engine calls it.
  private(set) var repeatsInPlace = false
  /// Seconds of one call, roughly.
  private(set) var callSeconds = 0.0
  private let ticksPerSecond: Double

  /// - Throws: when the reference cannot be built, or cannot run on the problem.
  init(
    _ candidate: BenchmarkCandidate, on problem: BenchmarkProblem, options: KernelBenchmark.Options
  ) throws(EvaluationFailure) {
    (self.problem, ticksPerSecond) = (problem, options.ticksPerSecond)
    worker = try ProblemWorker(candidate, on: problem, copies: problem.copies, options: options)
    try worker.lay(problem.separate)
    for _ in 0..<2 {
      write(problem.first, slot: 0, problem.separate)
      let reply = try worker.call([0]).reply
      callSeconds = Double(reply.end &- reply.start) / options.ticksPerSecond
    }
    try findWhetherItRepeats()
  }

  private func write(_ values: WorkloadInputs, slot: Int, _ plan: ArgumentPlan) {
    problem.write(values.arguments, slot: slot, plan)
    problem.arm(worker.process, values.arguments, slot: slot, plan)
  }

  private func findWhetherItRepeats() throws(EvaluationFailure) {
    guard !problem.pairs.isEmpty else { return }
    try worker.lay(problem.shared)
    write(problem.first, slot: 0, problem.shared)
    _ = try worker.call([0])
    let once = problem.outputs(worker.process, slot: 0, problem.shared).copied()
    _ = try worker.call([0])
    repeatsInPlace = once.hasSameBits(as: problem.outputs(worker.process, slot: 0, problem.shared))
  }

  /// What the reference computes of the inputs with this seed. Kept for the next solution.
  func expected(_ values: WorkloadInputs, seed: UInt64) throws(EvaluationFailure) -> OrderedMap<Tensor> {
    if let outputs = known[seed] { return outputs }
    try lay(problem.separate)
    write(values, slot: 0, problem.separate)
    do throws(EvaluationFailure) { _ = try worker.call([0]) } catch { throw Self.notComparable(error) }
    let outputs = problem.outputs(worker.process, slot: 0, problem.separate).copied()
    known[seed] = outputs
    return outputs
  }

  func lay(_ plan: ArgumentPlan) throws(EvaluationFailure) {
    do throws(EvaluationFailure) { try worker.lay(plan) } catch { throw Self.notComparable(error) }
  }

  /// Seconds of one call on the first slots, which were filled.
  func time(_ count: Int, lead: [Int]) throws(EvaluationFailure) -> Double {
    do throws(EvaluationFailure) {
      let reply = try worker.call(Array(0..<count).shuffled(), lead: Array(lead.prefix(max(1, count / 2)))).reply
      callSeconds = Double(reply.end &- reply.start) / ticksPerSecond / Double(max(count, 1))
      return callSeconds
    } catch { throw Self.notComparable(error) }
  }

  /// A failure of the reference is not the solution's.
  static func notComparable(_ failure: EvaluationFailure) -> EvaluationFailure {
    EvaluationFailure(
      status: .runtimeError, reason: "NOT_COMPARABLE: the reference does not run: \(failure.reason)")
  }
}
