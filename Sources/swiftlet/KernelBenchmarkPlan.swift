import Benchmarking
import KernelRuntime
import Kernels
import Models
import Traces

/// What `bench kernels` measures: definitions with their workloads and solutions, after all filters.
struct KernelBenchmarkPlan {
  struct Entry {
    let definition: Definition
    var workloads: [Workload]
    var candidates: [BenchmarkCandidate]
    let reference: KernelBenchmark.Reference
  }
  private(set) var entries: [Entry] = []
  /// Runs of a solution on a workload, at most.
  var count: Int { entries.reduce(0) { $0 + $1.workloads.count * $1.candidates.count } }

  /// - Throws: when there is neither the model nor a definition in the trace set; for solutions that cannot be encoded.
  init(_ options: BenchKernels, _ set: TraceSet) throws {
    var definitions = set.definitionNames.compactMap { set.definitions[$0] }
    var own: [String: BindContext] = [:]
    if options.modelDefinitions {
      do {
        for entry in try options.model.definitions() {
          own[entry.definition.name] = entry.context
          if set.definitions[entry.definition.name] == nil { definitions.append(entry.definition) }
        }
      } catch {
        // Without its files a trace set can still be measured.
        if definitions.isEmpty { throw error }
        Terminal.printError("the model's definitions are left out: \(error)")
      }
    }
    func fits(_ patterns: [String], _ name: String) -> Bool {
      patterns.isEmpty || patterns.contains { NamePattern($0).matches(name) }
    }
    for definition in definitions where fits(options.definitions, definition.name) {
      guard fits(options.operations, definition.opType) else { continue }
      var workloads = set.workloads[definition.name, default: []].map(\.workload)
      if own[definition.name] != nil {
        let known = Set(workloads.map(\.uuid))
        workloads += ModelWorkloads.workloads(for: definition, isQuick: options.quick)
          .filter { !known.contains($0.uuid) }
      }
      guard options.fuzz != nil || !workloads.isEmpty else { continue }
      let inProgram = KernelCatalog.solutions.filter { $0.computes(definition) }
      let documents = set.solutions[definition.name, default: []]
      let candidates =
        inProgram.map { BenchmarkCandidate($0, version: Version.text) }
        + (try documents.map { try BenchmarkCandidate($0) })
      let chosen = candidates.filter { candidate in
        fits(options.solutions, candidate.name) && fits(options.flavors, candidate.flavor)
      }
      guard !chosen.isEmpty else { continue }
      entries.append(
        Entry(
          definition: definition, workloads: workloads, candidates: chosen,
          reference: KernelBenchmark.reference(for: definition, among: KernelCatalog.solutions, version: Version.text)))
    }
  }
}
