import JSONText
import Synchronization
import Traces

/// What became of building one kernel for one definition and target.
public struct GPUBuildReport: Sendable, Hashable {
  public let solution: String, definition: String, operation: String, target: String
  public let language: Language
  public let outcome: Outcome
  public let duration: Duration

  public enum Outcome: Sendable, Hashable {
    case built(KernelArtifact)
    /// Nothing had to be compiled.
    case cached(KernelArtifact)
    case failed(because: String)
  }

  public var artifact: KernelArtifact? {
    switch outcome {
    case .built(let artifact), .cached(let artifact): artifact
    case .failed: nil
    }
  }
  public var hasFailed: Bool { artifact == nil }

  /// One row for each function: what it takes of the device.
  public var resources: [(resources: LaunchRecord.Resources, sharedBytes: Int?)] {
    guard let record = artifact?.record else { return [] }
    return record.resources.map { ($0, record.sharedBytes(of: $0)) }
  }

  public var json: JSONValue {
    var members: [(String, JSONValue)] = [
      ("solution", .string(solution)), ("definition", .string(definition)), ("operation", .string(operation)),
      ("language", .string(language.rawValue)), ("target", .string(target)),
    ]
    switch outcome {
    case .failed(let reason): members += [("status", .string("failed")), ("reason", .string(reason))]
    case .built(let artifact), .cached(let artifact):
      members += [
        ("status", .string(artifact.isFromCache ? "cached" : "built")), ("artifact", .string(artifact.folder)),
        ("toolchain", artifact.record.json["toolchain"] ?? .null),
        ("resources", artifact.record.json["resources"] ?? .null),
        ("shared_bytes", .array(resources.map { $0.sharedBytes.map(JSONValue.int) ?? .null })),
      ]
    }
    return .object(JSONObject(members + [("seconds", .double((duration / .milliseconds(1)).rounded() / 1000))]))
  }
}

extension LaunchRecord {
  /// Static and dynamic shared memory of a function's block; nil when it depends on sizes that only a call knows.
  public func sharedBytes(of used: Resources) -> Int? {
    var values = Dictionary(constants.map { ($0.name, $0.value) }) { first, _ in first }
    values["target"] = targetNumber
    for member in lets { values[member.name] = try? member.value.evaluate { values[$0] } }
    let mine = launches.filter { $0.entry == used.entry && ($0.image ?? image) == (used.image ?? image) }
    var largest = 0
    for launch in mine {
      guard let bytes = try? launch.shared.evaluate({ values[$0] }) else { return nil }
      largest = max(largest, bytes)
    }
    return largest + used.staticShared
  }
}

extension GPUKernelBuilder {
  /// One thing to build.
  public struct Task: Sendable {
    public let source: KernelSource, definition: Definition, target: String
  }

  /// Every kernel for every definition and target that it is for, those that take longest first.
  /// - accepts: which sources are wanted.
  public func tasks(
    _ definitions: [Definition], targets: [String], where accepts: (KernelSource) -> Bool = { _ in true }
  ) -> [Task] {
    let order: [Language] = [.tilelang, .triton, .cuda]
    return sources.sources.filter(accepts).flatMap { source in
      definitions.filter { source.refusal(of: $0) == nil }.flatMap { definition in
        targets.filter { source.refusal(of: $0) == nil }.map {
          Task(source: source, definition: definition, target: $0)
        }
      }
    }.enumerated().sorted {
      let (a, b) = (order.firstIndex(of: $0.element.source.language), order.firstIndex(of: $1.element.source.language))
      return a == b ? $0.offset < $1.offset : (a ?? 0) < (b ?? 0)
    }.map(\.element)
  }

  /// Builds some at a time.
  /// - jobs: how many at a time.
  /// - onReport: told of each as it ends, by one thread at a time.
  /// - Returns: a report for each task, in their order.
  public func build(
    _ tasks: [Task], jobs: Int, onReport: @Sendable (GPUBuildReport) -> Void = { _ in }
  ) -> [GPUBuildReport] {
    let reports = Mutex([GPUBuildReport?](repeating: nil, count: tasks.count))
    let next = Atomic<Int>(0), threads = max(1, min(jobs, tasks.count))
    // Each thread takes the next task when it is done with one: tasks differ in length.
    WorkerPool(threads: threads).parallel(threads) { _ in
      while true {
        let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
        guard index < tasks.count else { return }
        let report = report(tasks[index])
        reports.withLock {
          $0[index] = report
          onReport(report)
        }
      }
    }
    rest()
    return reports.withLock { $0.compactMap { $0 } }
  }

  private func report(_ task: Task) -> GPUBuildReport {
    var outcome = GPUBuildReport.Outcome.failed(because: "")
    let duration = ContinuousClock().measure {
      do throws(KernelError) {
        let artifact = try artifact(task.source, for: task.definition, target: task.target)
        outcome = artifact.isFromCache ? .cached(artifact) : .built(artifact)
      } catch {
        outcome = .failed(because: error.reason)
      }
    }
    return GPUBuildReport(
      solution: task.source.name, definition: task.definition.name, operation: task.source.header.operation,
      target: task.target, language: task.source.language, outcome: outcome, duration: duration)
  }
}

extension KernelArtifact {
  /// Copies the record and its images to `<root>/<the folder's name>`, for machines without compilers.
  /// - Throws: `buildFailed` when the disk refuses.
  public func copy(to root: String) throws(KernelError) {
    let name = folder.split(separator: "/").last.map(String.init) ?? "artifact", place = "\(root)/\(name)"
    try CacheFiles.makeDirectory(place)
    for file in images + ["launch.json"] {
      guard let bytes = CacheFiles.read("\(folder)/\(file)") else {
        throw KernelError(.buildFailed, "\(folder)/\(file) cannot be read")
      }
      CacheFiles.remove("\(place)/\(file)")
      try CacheFiles.write(bytes: bytes, to: "\(place)/\(file)")
    }
  }
}
