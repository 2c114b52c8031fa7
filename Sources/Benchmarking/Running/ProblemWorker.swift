import JSONText
import KernelRuntime
import Tensors
import Traces

/// A worker that was given one solution, and the problem that it runs it on.
final class ProblemWorker {
  let problem: BenchmarkProblem
  let process: WorkerProcess
  private let limit: Duration
  private var laid: ArgumentPlan?
  /// Seconds that binding the first copy took.
  private(set) var prepareSeconds = 0.0

  /// Starts a worker and builds.
  /// - copies: of the constants that are bound.
  /// - Throws: `COMPILE_ERROR` and `RUNTIME_ERROR` with what the builder or the worker said.
  init(
    _ candidate: BenchmarkCandidate, on problem: BenchmarkProblem, copies: Int, options: KernelBenchmark.Options
  ) throws(EvaluationFailure) {
    (self.problem, limit) = (problem, options.timeout)
    do throws(KernelError) {
      process = try WorkerProcess(
        options.workerCommand, limits: options.limits, environment: options.environment, inputs: problem.inputs,
        outputBytes: problem.outputBytes)
    } catch { throw EvaluationFailure(status: .runtimeError, reason: error.description) }
    guard let definition = try? JSONValue(parsing: problem.definition.json) else {
      throw EvaluationFailure(status: .compileError, reason: "the definition is no JSON document")
    }
    let reply = try ask(
      .build(
        .init(
          definition: definition, solution: candidate.document, constants: problem.separate.constants,
          copies: copies, threads: options.threads))
    ).reply
    if let symbol = reply.clockReplacedBy { throw Self.clockReplaced(symbol) }
    prepareSeconds = Double(reply.end &- reply.start) / options.ticksPerSecond
  }

  private static func clockReplaced(_ symbol: String) -> EvaluationFailure {
    .hack("a library that it loads replaces the clock function \(symbol)")
  }

  /// - Throws: what the answer means for the solution, and forbidden calls in any case.
  private func ask(_ request: WorkerRequest) throws(EvaluationFailure) -> WorkerProcess.Answer {
    let answer: WorkerProcess.Answer
    do throws(WorkerFailure) { answer = try process.ask(request, within: limit) } catch {
      throw EvaluationFailure.from(error, process.findings)
    }
    if let found = EvaluationFailure.forbidden(process.findings) { throw found }
    return answer
  }

  /// Makes a plan's slots the ones that calls mean.
  func lay(_ plan: ArgumentPlan) throws(EvaluationFailure) {
    if laid == plan { return }
    _ = try ask(.layout(plan.layout))
    laid = plan
  }

  /// Calls the kernel for each slot in turn.
  /// - lead: slots that are called before, untimed.
  func call(_ order: [Int], lead: [Int] = []) throws(EvaluationFailure) -> WorkerProcess.Answer {
    let answer = try ask(.time(slots: order, lead: lead))
    if let symbol = answer.reply.clockReplacedBy { throw Self.clockReplaced(symbol) }
    return answer
  }
}
