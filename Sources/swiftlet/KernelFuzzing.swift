import ArgumentParser
import Benchmarking
import Traces

/// Runs solutions on shapes and values that are hard, and keeps the smallest workload of each failure.
struct KernelFuzzing {
  let benchmark: KernelBenchmark
  let count: Int, seed: UInt64

  /// - Throws: an exit status of 1 when a kernel of the program failed.
  func run(_ plan: KernelBenchmarkPlan, _ set: inout TraceSet) throws {
    var ownFailed = false
    for entry in plan.entries {
      // A solution's first failure is enough; then it is left out.
      var failed: Set<String> = [], runs = 0
      for (workload, values) in FuzzWorkloads.workloads(for: entry.definition, seed: seed, count: count) {
        var entry = entry
        entry.candidates.removeAll { failed.contains($0.name) }
        for failure in try failures(of: entry, on: workload, values, &runs) {
          failed.insert(failure.solution)
          if BenchKernels.ownFailed([failure]) { ownFailed = true }
          let smallest = try minimise(failure, entry, workload, values)
          let axes = smallest.axes.map { "\($0.name)=\($0.value)" }.joined(separator: " ")
          Terminal.print(
            "FAILED \(entry.definition.name) \(failure.solution) at \(axes), \(values.rawValue) values: "
              + "\(failure.evaluation.status.rawValue) \(failure.evaluation.log.prefix(300))")
          try set.addWorkloads([Trace(definition: entry.definition.name, workload: smallest)])
        }
      }
      Terminal.print("\(entry.definition.name): \(runs) runs, \(failed.count) solutions failed")
    }
    if ownFailed { throw ExitCode(1) }
  }

  private func failures(
    of entry: KernelBenchmarkPlan.Entry, on workload: Workload, _ values: ValuePattern, _ runs: inout Int
  ) throws -> [KernelMeasurement] {
    var options = benchmark.options, found: [KernelMeasurement] = []
    (options.pattern, options.seed) = (values, seed)
    _ = try KernelBenchmark(options).run(
      entry.definition, workloads: [workload], candidates: entry.candidates, reference: entry.reference
    ) { found.append($0) }
    runs += found.count
    return found.filter {
      $0.evaluation.status != .passed && !$0.evaluation.log.hasPrefix("NOT_COMPARABLE")
    }
  }

  private func minimise(
    _ failure: KernelMeasurement, _ entry: KernelBenchmarkPlan.Entry, _ workload: Workload, _ values: ValuePattern
  ) throws -> Workload {
    var entry = entry
    entry.candidates.removeAll { $0.name != failure.solution }
    return FuzzWorkloads.minimised(workload, definition: entry.definition) { smaller in
      var runs = 0
      return (try? failures(of: entry, on: smaller, values, &runs))?.isEmpty == false
    }
  }
}
