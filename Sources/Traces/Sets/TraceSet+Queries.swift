/// Section 9 of the specification: which traces count, and which is the best.
extension TraceSet {
  /// Traces that passed with both errors within the limits, in order. A NaN error is not within any.
  public func filterTraces(definition: String, atol: Double = 0.01, rtol: Double = 0.01) -> [Trace] {
    traces[definition, default: []].filter { trace in
      guard let evaluation = trace.evaluation, evaluation.status == .passed, let errors = evaluation.correctness else {
        return false
      }
      return errors.maxAbsoluteError <= atol && errors.maxRelativeError <= rtol
    }
  }

  /// The trace with the highest recorded speed-up; the first wins ties.
  /// - Parameter axes: each must equal the workload's; empty for any workload.
  public func bestTrace(
    definition: String, axes: [String: Int] = [:], maxAbsoluteError: Double = 0.01, maxRelativeError: Double = 0.01
  ) -> Trace? {
    var best: Trace?
    for trace in filterTraces(definition: definition, atol: maxAbsoluteError, rtol: maxRelativeError) {
      guard axes.allSatisfy({ trace.workload.axes[$0.key] == $0.value }) else { continue }
      if trace.speedup > best?.speedup ?? -1 { best = trace }
    }
    return best
  }
}

extension Trace {
  /// The recorded speed-up, 0 without one.
  var speedup: Double { evaluation?.performance?.speedupFactor ?? 0 }
}
