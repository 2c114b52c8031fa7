import JSONText

/// What came of running one solution on one workload.
///
/// Invariant (by status): PASSED has correctness and performance; INCORRECT_NUMERICAL has correctness only; every other status
/// has neither. Source: FlashInfer-Bench's schema.
public struct Evaluation: Sendable, Hashable {
  public enum Status: String, Sendable, Hashable, CaseIterable {
    case passed = "PASSED"
    case incorrectShape = "INCORRECT_SHAPE"
    case incorrectNumerical = "INCORRECT_NUMERICAL"
    case incorrectDtype = "INCORRECT_DTYPE"
    case runtimeError = "RUNTIME_ERROR"
    case compileError = "COMPILE_ERROR"
    case timeout = "TIMEOUT"
  }

  public let status: Status
  public let environment: Environment
  /// Free text; written as local ISO time with microseconds.
  public let timestamp: String
  public let log: String
  public let correctness: Correctness?
  public let performance: Performance?

  /// - Throws: when correctness or performance do not go with the status, or a figure is out of range.
  public init(
    status: Status, environment: Environment, timestamp: String, log: String = "", correctness: Correctness? = nil,
    performance: Performance? = nil
  ) throws(SchemaError) {
    self.init(
      unchecked: status, environment: environment, timestamp: timestamp, log: log, correctness: correctness,
      performance: performance)
    var found: [ValidationDiagnostic] = []
    if environment.hardware.isEmpty {
      let path: [ValidationDiagnostic.Step] = [.member("environment"), .member("hardware")]
      found.append(.init(.stringTooShort, "expected at least one character", path: path))
    }
    if timestamp.isEmpty {
      found.append(.init(.stringTooShort, "expected at least one character", path: [.member("timestamp")]))
    }
    found += (correctness?.problems ?? []) + (performance?.problems ?? [])
    if found.isEmpty, let reason = statusProblem { found.append(.init(.valueError, reason)) }
    if !found.isEmpty { throw SchemaError(found) }
  }

  init(
    unchecked status: Status, environment: Environment, timestamp: String, log: String, correctness: Correctness?,
    performance: Performance?
  ) {
    (self.status, self.environment, self.timestamp, self.log) = (status, environment, timestamp, log)
    (self.correctness, self.performance) = (correctness, performance)
  }

  /// Which of the two parts the status asks for, when that is not what is there.
  var statusProblem: String? {
    switch (status, correctness, performance) {
    case (.passed, nil, _): "PASSED needs correctness"
    case (.passed, _, nil): "PASSED needs performance"
    case (.incorrectNumerical, nil, _): "INCORRECT_NUMERICAL needs correctness"
    case (.incorrectNumerical, _, _?): "INCORRECT_NUMERICAL has no performance"
    case (.passed, _, _), (.incorrectNumerical, _, _): nil
    case (_, _?, _): "\(status.rawValue) has no correctness"
    case (_, _, _?): "\(status.rawValue) has no performance"
    default: nil
    }
  }
}

/// How far a solution's outputs were from the reference's.
public struct Correctness: Sendable, Hashable {
  /// At least 0, infinity or NaN.
  public let maxRelativeError: Double
  /// At least 0, infinity or NaN.
  public let maxAbsoluteError: Double
  /// Anything else that the evaluator recorded.
  public let extra: JSONObject?

  public init(maxRelativeError: Double = 0, maxAbsoluteError: Double = 0, extra: JSONObject? = nil) {
    (self.maxRelativeError, self.maxAbsoluteError, self.extra) = (maxRelativeError, maxAbsoluteError, extra)
  }

  var problems: [ValidationDiagnostic] {
    [("max_relative_error", maxRelativeError), ("max_absolute_error", maxAbsoluteError)].compactMap { field, value in
      // Written so that NaN passes.
      value < 0
        ? .init(
          .greaterThanEqual, "expected at least 0 or NaN, found \(value)",
          path: [.member("correctness"), .member(field)]) : nil
    }
  }

  public static func == (a: Correctness, b: Correctness) -> Bool {
    ScalarValue.float(a.maxRelativeError) == .float(b.maxRelativeError)
      && ScalarValue.float(a.maxAbsoluteError) == .float(b.maxAbsoluteError) && a.extra == b.extra
  }
  public func hash(into hasher: inout Hasher) {
    hasher.combine(ScalarValue.float(maxRelativeError))
    hasher.combine(ScalarValue.float(maxAbsoluteError))
  }
}

/// How long a solution and the reference took, in milliseconds.
public struct Performance: Sendable, Hashable {
  public let latencyMs: Double
  public let referenceLatencyMs: Double
  /// Reference latency divided by latency.
  public let speedupFactor: Double

  public init(latencyMs: Double = 0, referenceLatencyMs: Double = 0, speedupFactor: Double = 0) {
    (self.latencyMs, self.referenceLatencyMs, self.speedupFactor) = (latencyMs, referenceLatencyMs, speedupFactor)
  }

  var problems: [ValidationDiagnostic] {
    let fields = [
      ("latency_ms", latencyMs), ("reference_latency_ms", referenceLatencyMs), ("speedup_factor", speedupFactor),
    ]
    return fields.compactMap { field, value in
      value >= 0
        ? nil
        : .init(
          .greaterThanEqual, "expected at least 0, found \(value)", path: [.member("performance"), .member(field)])
    }
  }
}

/// Where an evaluation ran.
public struct Environment: Sendable, Hashable {
  /// The device's name as its driver reports it, or the CPU's model name.
  public let hardware: String
  /// Versions of the libraries that took part: `torch`, `triton`, `cuda` …
  public let libs: OrderedMap<String>
  public init(hardware: String, libs: OrderedMap<String> = [:]) { (self.hardware, self.libs) = (hardware, libs) }
}
