/// Several trace sets as one. Documents of the same name must be the same; lines that occur twice are kept once.
public struct SetUnion: Sendable {
  public enum Preference: String, Sendable, Hashable, CaseIterable {
    /// A conflict is an error.
    case none
    /// Of two different documents of one name, the set that was named first, or last, decides.
    case first, last
  }
  /// The union, in memory.
  public private(set) var set = TraceSet()
  /// Documents that differ, each in words; empty when a preference decided.
  public private(set) var conflicts: [String] = []
  /// Conflicts that a preference decided.
  public private(set) var decided: [String] = []
  /// Lines left out because the same one was there.
  public private(set) var duplicates = 0
  /// Workload tensors by their path in the set, with the file to copy.
  public private(set) var blobs: [(path: String, source: String)] = []

  /// - blobsFrom: where workloads' tensors lie, for sets in memory.
  public init(
    _ sets: [TraceSet], prefer: Preference = .none, blobsFrom: TraceSet? = nil
  ) throws(SchemaError) {
    var definitions = OrderedMap<Definition>(), solutions = OrderedMap<Solution>()
    for set in sets {
      for name in set.definitionNames {
        guard let new = set.definitions[name] else { continue }
        definitions[name] = choose(definitions[name], new, "definition \(name)", prefer) { $0.json == $1.json }
      }
      for name in set.definitionOrder(set.solutions) {
        for new in set.solutions[name, default: []] {
          solutions[new.name] = choose(solutions[new.name], new, "solution \(new.name)", prefer) { $0.json == $1.json }
        }
      }
    }
    for (_, definition) in definitions { try set.add(definition) }
    for (_, solution) in solutions { try set.add(solution) }
    var seen: Set<[UInt8]> = [], workloads: [String: Trace] = [:]
    for source in sets {
      for name in source.definitionOrder(source.workloads) {
        for trace in source.workloads[name, default: []] {
          let key = name + "\0" + trace.workload.uuid
          if let known = workloads[key] {
            if known.workload == trace.workload {
              duplicates += 1
            } else {
              conflicts.append("workload \(trace.workload.uuid) of \(name) differs")
            }
            continue
          }
          workloads[key] = trace
          set.workloads[name, default: []].append(trace)
          note(blobsOf: trace, in: blobsFrom ?? source)
        }
      }
      for name in source.definitionOrder(source.traces) {
        for trace in source.traces[name, default: []] {
          if !seen.insert(trace.jsonLine).inserted {
            duplicates += 1
            continue
          }
          set.traces[name, default: []].append(trace)
          note(blobsOf: trace, in: blobsFrom ?? source)
        }
      }
    }
  }

  private mutating func choose<T>(
    _ known: T?, _ new: T, _ name: String, _ prefer: Preference, _ equal: (T, T) -> Bool
  ) -> T {
    guard let known, !equal(known, new) else { return known ?? new }
    switch prefer {
    case .none:
      conflicts.append("\(name) differs")
      return known
    case .first, .last:
      decided.append("\(name) differs: the \(prefer.rawValue) was kept")
      return prefer == .first ? known : new
    }
  }

  private mutating func note(blobsOf trace: Trace, in source: TraceSet) {
    for (_, input) in trace.workload.inputs {
      guard case .safetensors(let path, _) = input, let file = try? source.resolveBlob(path) else { continue }
      if !blobs.contains(where: { $0.path == path }) { blobs.append((path, file)) }
    }
  }

  /// Writes the union, with its blobs, into a folder that is empty or not there.
  /// - Throws: when there are conflicts, the folder holds something, or a file cannot be written.
  public func write(to folder: String) throws(SchemaError) {
    if !conflicts.isEmpty { throw SchemaError(.valueError, conflicts.joined(separator: "\n")) }
    if FileStore.exists(folder), !FolderListing.isEmpty(folder) {
      throw SchemaError(.fileError, "\(folder) is not empty: the union is written into a folder of its own")
    }
    try set.write(to: folder)
    for (path, source) in blobs { try FileStore.replace("\(folder)/\(path)", with: try FileStore.read(source)) }
  }
}
