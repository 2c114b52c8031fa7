import KernelRuntime
import Tensors
import Traces

/// Checks and times solutions, each in a process of its own, and makes a trace of each run.
///
///     let benchmark = KernelBenchmark(options)
///     benchmark.run(definition, workloads: workloads, candidates: candidates, reference: oracle) { measurement in … }
///
/// For each workload and each solution: build, correctness on several inputs, integrity, rows alone and together, time. What
/// goes wrong is that run's result, and touches no other: solutions run in workers that may use only so much and reach
/// nothing (`KernelWorker`), while inputs' and outputs' memory, expected outputs, comparison and clock belong to this
/// process.
public struct KernelBenchmark: Sendable {
  public struct Options: Sendable {
    /// The program that becomes a worker, with its first arguments: `["/usr/bin/swiftlet", "kernel-worker"]`.
    public var workerCommand: [String]
    /// `NAME=value` lines that workers get: PATH, for builders' compilers.
    public var environment: [String]
    public var threads = 1
    /// Sets of inputs that outputs are compared on.
    public var seeds = 3
    /// Samples of a trial, trials, and calls before them.
    public var samples = 10, trials = 3, warmups = 5
    /// For each answer of a worker: a build, a call, a sample.
    public var timeout: Duration = .seconds(300)
    /// Seconds after which the timing of one solution on one workload stops early.
    public var timeBudget = 10.0
    /// Bytes of arguments that one sample may go over.
    public var slotMemory = 32 << 20
    public var limits = WorkerLimits()
    /// The first seed; nil for one that nobody can know in advance.
    public var seed: UInt64?
    /// What outputs are held to.
    public var rules: @Sendable (Definition) -> ComparisonRules = { .rules(for: $0) }
    /// What the machine reaches at best, from its nearest cache: times below are refused.
    public var ceilings: MachineCeilings?
    /// What is recorded as environment.
    public var hardware = "unknown"
    public var libraries: OrderedMap<String> = [:]
    /// Values of random inputs that are floating-point.
    public var pattern: ValuePattern?
    /// Whether to time what is correct.
    public var measuresTime = true
    /// Ticks of the processor's counter in a second.
    let ticksPerSecond: Double

    public init(workerCommand: [String], environment: [String]) {
      (self.workerCommand, self.environment) = (workerCommand, environment)
      ticksPerSecond = TickRate.measured()
    }
  }

  public let options: Options
  public init(_ options: Options) { self.options = options }

  /// What the solutions of a definition are held to.
  public enum Reference: Sendable {
    /// A solution that is trusted: the room's plain Swift.
    case solution(BenchmarkCandidate)
    /// The definition's own Python text, run by the worker's builder for Python.
    case python
  }

  /// The plain Swift solution that can compute a definition, else the definition's own Python.
  public static func reference(
    for definition: Definition, among solutions: [KernelSolution], version: String
  ) -> Reference {
    // Weights are there when it runs; only whether a room knows the definition's form is asked here.
    let oracle = solutions.first { solution in
      solution.flavor == .swift && solution.computes(definition)
        && solution.availability(
          definition, BindContext(device: .cpu, constants: ConstantInputs.stand(for: definition)))
          == .available
    }
    return oracle.map { .solution(BenchmarkCandidate($0, version: version)) } ?? .python
  }

  /// Runs every candidate on every workload.
  /// - root: folder that files of inputs are relative to.
  /// - skips: whether a workload's uuid and a solution's name were evaluated already.
  /// - record: gets each result as soon as it is there; what it throws ends the run.
  /// - Returns: sentences about what was not run, and why.
  public func run(
    _ definition: Definition, workloads: [Workload], candidates: [BenchmarkCandidate], reference: Reference,
    root: String? = nil, skips: (String, String) -> Bool = { _, _ in false },
    record: (KernelMeasurement) throws -> Void
  ) throws -> [Note] {
    var notes: [Note] = []
    for workload in workloads {
      let waiting = candidates.filter { !skips(workload.uuid, $0.name) }
      guard !waiting.isEmpty else { continue }
      let place = "\(definition.name), workload \(workload.uuid)"
      let problem: BenchmarkProblem
      do {
        problem = try BenchmarkProblem(
          definition, workload, root: root, seed: options.seed ?? UInt64.random(in: 0...UInt64.max / 2),
          copies: Self.copies, slotMemory: options.slotMemory, pattern: options.pattern)
      } catch {
        notes.append(.unusable("\(place): \(error)"))
        continue
      }
      let (usable, passedOver) = Self.sort(waiting, problem)
      for note in passedOver where !notes.contains(note) { notes.append(note) }
      guard !usable.isEmpty else { continue }
      var run: ReferenceRun?
      var missing = EvaluationFailure(status: .runtimeError, reason: "")
      do throws(EvaluationFailure) { run = try self.reference(reference, problem) } catch { missing = error }
      if run == nil {
        notes.append(.unusable("\(place): not comparable, the reference does not run: \(missing.reason)"))
      }
      for candidate in usable {
        guard let run else {
          let failure = ReferenceRun.notComparable(missing)
          try record(measurement(candidate, problem, nil, failure, log: ""))
          continue
        }
        try record(measure(candidate, on: problem, against: run))
      }
    }
    return notes
  }

  /// What was not run.
  public enum Note: Sendable, Hashable {
    /// A workload without inputs or without a reference.
    case unusable(String)
    /// A part of the program that cannot compute the definition, or not here.
    case passedOver(definition: String, solution: String, because: String)
  }

  private static func sort(
    _ candidates: [BenchmarkCandidate], _ problem: BenchmarkProblem
  ) -> (usable: [BenchmarkCandidate], passedOver: [Note]) {
    var constants: [String: Tensor] = [:]
    for name in problem.constants {
      if case .tensor(let tensor)? = problem.first.arguments[name] { constants[name] = tensor }
    }
    var usable: [BenchmarkCandidate] = [], passedOver: [Note] = []
    for candidate in candidates {
      switch candidate.availability(problem.definition, BindContext(device: .cpu, constants: constants)) {
      case .available: usable.append(candidate)
      case .unavailable(let reason):
        passedOver.append(
          .passedOver(definition: problem.definition.name, solution: candidate.name, because: reason))
      }
    }
    return (usable, passedOver)
  }

  private func reference(
    _ reference: Reference, _ problem: BenchmarkProblem
  ) throws(EvaluationFailure) -> ReferenceRun {
    let candidate: BenchmarkCandidate
    switch reference {
    case .solution(let solution): candidate = solution
    case .python:
      do { candidate = try BenchmarkCandidate(try PythonBuilder.referenceSolution(of: problem.definition)) } catch {
        throw EvaluationFailure(status: .compileError, reason: "\(error)")
      }
    }
    return try ReferenceRun(candidate, on: problem, options: options)
  }

  /// As many as exceed the last-level cache twice, up to 64 and 512 MiB.
  private static func copies(_ bytes: Int) -> Int {
    let wanted = 2 * CacheSize.lastLevel / max(bytes, 1) + 1
    return max(1, min(wanted, 64, max(2, 512 << 20 / max(bytes, 1))))
  }

  private func measure(
    _ candidate: BenchmarkCandidate, on problem: BenchmarkProblem, against reference: ReferenceRun
  ) -> KernelMeasurement {
    let run: CandidateRun
    do throws(EvaluationFailure) {
      run = try CandidateRun(candidate, on: problem, reference: reference, options: options)
    } catch { return measurement(candidate, problem, nil, error, log: "") }
    var figures = RunFigures(run)
    do throws(EvaluationFailure) {
      try run.check()
      figures = RunFigures(run)
      if options.measuresTime {
        let times = try run.time()
        figures.add(times, isInPlace: reference.repeatsInPlace, isCold: problem.copies > 1)
        let cost = WorkCost(problem.definition, axes: problem.axes, inputs: problem.first)
        figures.cost = cost
        if let ceilings = options.ceilings, let timing = figures.timing {
          try CandidateRun.refuse(timing.median, below: cost.floorSeconds(ceilings))
        }
      }
      return measurement(candidate, problem, figures, nil, log: run.worker.process.log)
    } catch {
      return measurement(candidate, problem, figures, error, log: run.worker.process.log)
    }
  }

  private func measurement(
    _ candidate: BenchmarkCandidate, _ problem: BenchmarkProblem, _ figures: RunFigures?, _ failure: EvaluationFailure?,
    log: String
  ) -> KernelMeasurement {
    let evaluation = TraceRecord(options).evaluation(candidate, problem, figures, failure, log: log)
    return KernelMeasurement(
      definition: problem.definition.name, operation: problem.definition.opType, solution: candidate.name,
      flavor: candidate.flavor, author: candidate.author, workload: problem.workload, evaluation: evaluation,
      timing: failure == nil ? figures?.timing : nil, prepareSeconds: figures?.prepareSeconds,
      firstCallSeconds: figures?.firstCallSeconds, cost: figures?.cost, batchInvariant: figures?.isBatchInvariant)
  }
}

extension KernelMeasurement {
  /// The measurement as a line of a trace set.
  public func trace() throws(SchemaError) -> Trace {
    try Trace(definition: definition, workload: workload, solution: solution, evaluation: evaluation)
  }
}
