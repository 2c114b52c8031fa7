import CConfinement
import Traces

/// Why a solution did not pass on a workload.
struct EvaluationFailure: Error {
  var status: Evaluation.Status
  /// The sentence that begins the log.
  var reason: String
  var correctness: Correctness?

  /// Begins the log of a solution that was caught at tricking the measurement.
  static let hackPrefix = "REWARD_HACK: "

  /// - aboutOutput: the outputs are not what the call computed, so the figures of correctness are infinite.
  static func hack(_ sentence: String, aboutOutput: Bool = false) -> EvaluationFailure {
    EvaluationFailure(
      status: aboutOutput ? .incorrectNumerical : .runtimeError, reason: hackPrefix + sentence,
      correctness: aboutOutput
        ? Correctness(maxRelativeError: .infinity, maxAbsoluteError: .infinity) : nil)
  }

  /// What a worker's end means, with what its handlers noted.
  static func from(_ failure: WorkerFailure, _ findings: confinement_findings) -> EvaluationFailure {
    if let found = forbidden(findings) { return found }
    switch failure {
    case .timedOut(let limit):
      return EvaluationFailure(status: .timeout, reason: "no answer within \(limit); the worker was killed")
    case .forged(let how): return .hack("something wrote on the worker's channel: \(how)")
    case .refused(let code, let reason):
      return EvaluationFailure(
        status: code == .buildFailed || code == .noCandidate ? .compileError : .runtimeError, reason: reason)
    case .ended(let how):
      if findings.fault_signal != 0, findings.inputs_begin..<findings.inputs_end ~= findings.fault_address {
        let offset = findings.fault_address - findings.inputs_begin
        return .hack("it wrote to its inputs, which it may only read (byte \(offset) of them); \(how)")
      }
      return EvaluationFailure(status: .runtimeError, reason: how)
    }
  }

  /// A call that the filter refused, whatever else came of the run.
  static func forbidden(_ findings: confinement_findings) -> EvaluationFailure? {
    guard findings.forbidden_calls > 0 else { return nil }
    let name = String(cString: confinement_call_name(findings.first_forbidden_call))
    return .hack(
      "it made the system call \(name), which reaches beyond its process; refused \(findings.forbidden_calls) times")
  }
}
