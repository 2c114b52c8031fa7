import JSONText

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
  public private(set) var blobs = OrderedMap<String>()
  /// Paths of workload tensors that are in none of the sets' folders: the union's workloads name them in vain.
  public var missingBlobs: [String] { named.filter { blobs[$0] == nil } }
  private var named: [String] = []

  /// - blobsFrom: where workloads' tensors lie, for sets in memory.
  public init(
    _ sets: [TraceSet], prefer: Preference = .none, blobsFrom: TraceSet? = nil
  ) throws(SchemaError) {
    var definitions = OrderedMap<Definition>(), solutions = OrderedMap<Solution>()
    for set in sets {
      for name in set.definitionNames {
        guard let new = set.definitions[name] else { continue }
        definitions[name] = choose(definitions[name], new, "definition \(name)", prefer) { Self.same($0.json, $1.json) }
      }
      for name in set.definitionOrder(set.solutions) {
        for new in set.solutions[name, default: []] {
          solutions[new.name] = choose(solutions[new.name], new, "solution \(new.name)", prefer) {
            Self.same($0.json, $1.json)
          }
        }
      }
    }
    for (_, definition) in definitions { try set.add(definition) }
    for (_, solution) in solutions { try set.add(solution) }
    var seen: Set<[UInt8]> = [], places: [String: Int] = [:], blobsOf = BlobSources()
    for source in sets {
      for name in source.definitionOrder(source.workloads) {
        for trace in source.workloads[name, default: []] {
          let key = name + "\0" + trace.workload.uuid
          if let place = places[key], let known = set.workloads[name]?[place] {
            if known.workload == trace.workload { duplicates += 1 }
            let chosen = choose(known, trace, "workload \(trace.workload.uuid) of \(name)", prefer) {
              $0.workload == $1.workload
            }
            set.workloads[name]?[place] = chosen
          } else {
            places[key] = set.workloads[name, default: []].count
            set.workloads[name, default: []].append(trace)
          }
          blobsOf.note(trace, in: blobsFrom ?? source)
        }
      }
      for name in source.definitionOrder(source.traces) {
        for trace in source.traces[name, default: []] {
          if !seen.insert(trace.jsonLine).inserted {
            duplicates += 1
            continue
          }
          set.traces[name, default: []].append(trace)
          blobsOf.note(trace, in: blobsFrom ?? source)
        }
      }
    }
    named = blobsOf.files.names
    for (path, files) in blobsOf.files {
      for file in files { blobs[path] = choose(blobs[path], file, "the file \(path)", prefer, Self.sameBytes) }
    }
  }

  /// Whether two documents say the same; how they are set out does not matter.
  static func same(_ a: [UInt8], _ b: [UInt8]) -> Bool {
    if a == b { return true }
    guard let first = try? JSONValue(parsing: a), let second = try? JSONValue(parsing: b) else { return false }
    return first == second
  }

  private static func sameBytes(_ a: String, _ b: String) -> Bool {
    guard let first = try? FileStore.read(a), let second = try? FileStore.read(b) else { return false }
    return first == second
  }

  /// The files, one a set at most, that the workloads' paths name.
  private struct BlobSources {
    var files = OrderedMap<[String]>()
    mutating func note(_ trace: Trace, in source: TraceSet) {
      for (_, input) in trace.workload.inputs {
        guard case .safetensors(let path, _) = input else { continue }
        let known = files[path] ?? []
        guard let file = try? source.resolveBlob(path), !known.contains(file) else {
          if files[path] == nil { files[path] = [] }
          continue
        }
        files[path] = known + [file]
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
