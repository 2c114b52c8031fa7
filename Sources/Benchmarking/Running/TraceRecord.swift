import Glibc
import JSONText
import Kernels
import Traces

/// Makes the evaluation that is recorded of one run.
struct TraceRecord {
  private let options: KernelBenchmark.Options
  /// What a solution printed is kept up to this many characters.
  private static let logLimit = 8000

  init(_ options: KernelBenchmark.Options) { self.options = options }

  func evaluation(
    _ candidate: BenchmarkCandidate, _ problem: BenchmarkProblem, _ figures: RunFigures?, _ failure: EvaluationFailure?,
    log: String
  ) -> Evaluation {
    let environment = Environment(hardware: options.hardware, libs: options.libraries)
    var text = failure?.reason ?? ""
    let printed = log.suffix(Self.logLimit)
    if !printed.isEmpty {
      text += (text.isEmpty ? "" : "\n") + (printed.count < log.count ? "[log truncated]\n" : "") + printed
    }
    let extra = self.extra(candidate, problem, figures)
    var correctness = failure == nil ? figures?.errors : failure?.correctness
    if let found = correctness {
      var members = found.extra ?? JSONObject()
      for (key, value) in extra.members { members[key] = value }
      correctness = Correctness(
        maxRelativeError: found.maxRelativeError, maxAbsoluteError: found.maxAbsoluteError, extra: members)
    }
    var performance: Performance?
    if failure == nil {
      let latency = figures?.timing?.median ?? 0, reference = figures?.referenceTiming?.median ?? 0
      performance = Performance(
        latencyMs: latency * 1e3, referenceLatencyMs: reference * 1e3,
        speedupFactor: latency > 0 ? reference / latency : 0)
    }
    let status = failure?.status ?? .passed
    do throws(SchemaError) {
      return try Evaluation(
        status: status, environment: environment, timestamp: Self.now(), log: text, correctness: correctness,
        performance: performance)
    } catch {
      // Figures that the schema refuses, such as a negative error, are the checker's mistake; they must not end the run.
      return try! Evaluation(
        status: .runtimeError, environment: Environment(hardware: "unknown"), timestamp: Self.now(),
        log: "the result cannot be recorded: \(error); \(text)")
    }
  }

  private func extra(_ candidate: BenchmarkCandidate, _ problem: BenchmarkProblem, _ figures: RunFigures?) -> JSONObject
  {
    var extra = JSONObject([
      ("solution_hash", .string(candidate.identity)), ("threads", .int(options.threads)),
      ("isa", .string(Self.instructionSet)), ("seed", .string(String(problem.firstSeed))),
    ])
    guard let figures else { return extra }
    extra["batch_invariant"] = figures.isBatchInvariant.map(JSONValue.bool)
    extra["prepare_ms"] = Self.milliseconds(figures.prepareSeconds)
    extra["first_call_ms"] = Self.milliseconds(figures.firstCallSeconds)
    if let timing = figures.timing {
      extra["samples"] = .int(timing.count)
      extra["calls_per_sample"] = .int(figures.calls)
      extra["confidence_interval_ms"] = .array([Self.milliseconds(timing.low), Self.milliseconds(timing.high)])
      extra["minimum_ms"] = Self.milliseconds(timing.minimum)
      if let reference = figures.referenceTiming, reference.count > 0 {
        extra["reference_confidence_interval_ms"] = .array([
          Self.milliseconds(reference.low), Self.milliseconds(reference.high),
        ])
      }
      extra["in_place"] = .bool(figures.isInPlace)
      if !problem.constants.isEmpty {
        extra["weights"] = .string(figures.isCold ? "cold" : "warm")
        extra["weight_copies"] = .int(problem.copies)
      }
    }
    return extra
  }

  private static var instructionSet: String { (InstructionSet.allCases.first { $0.isSupported } ?? .baseline).rawValue }

  /// Rounded to a tenth of a nanosecond.
  private static func milliseconds(_ seconds: Double) -> JSONValue { .double((seconds * 1e10).rounded() / 1e7) }

  /// Local time with microseconds, as Python's `datetime.now().isoformat()` writes it.
  static func now() -> String {
    var time = timespec(), fields = tm()
    clock_gettime(CLOCK_REALTIME, &time)
    localtime_r(&time.tv_sec, &fields)
    var buffer = [CChar](repeating: 0, count: 32)
    let count = strftime(&buffer, buffer.count, "%Y-%m-%dT%H:%M:%S", &fields)
    let micros = String(time.tv_nsec / 1000)
    return String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self) + "."
      + String(repeating: "0", count: 6 - micros.count) + micros
  }
}
