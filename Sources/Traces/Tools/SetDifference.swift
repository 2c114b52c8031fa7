import JSONText

/// What one trace set has and another has not.
public struct SetDifference: Sendable {
  public struct Change: Sendable, Hashable {
    public enum Kind: String, Sendable, Hashable { case added, removed, changed }
    public let kind: Kind
    /// `definition`, `solution`, `workload` or `trace`.
    public let document: String
    public let name: String
    /// For a changed document: the members that differ.
    public let members: [String]

    public var text: String {
      let sign = kind == .added ? "+" : kind == .removed ? "-" : "~"
      return "\(sign) \(document) \(name)" + (members.isEmpty ? "" : ": " + members.joined(separator: ", "))
    }
    public var json: JSONValue {
      .object(
        JSONObject([
          ("change", .string(kind.rawValue)), ("document", .string(document)), ("name", .string(name)),
          ("members", .array(members.map { .string($0) })),
        ]))
    }
  }
  public private(set) var changes: [Change] = []
  public var isEmpty: Bool { changes.isEmpty }

  public init(from old: TraceSet, to new: TraceSet) {
    compare("definition", old.definitions.mapValues { [$0.json] }, new.definitions.mapValues { [$0.json] })
    compare("solution", old.solutionsByName.mapValues { [$0.json] }, new.solutionsByName.mapValues { [$0.json] })
    compare("workload", Self.lines(old.workloads), Self.lines(new.workloads))
    compare("trace", Self.lines(old.traces), Self.lines(new.traces))
  }

  /// The lines of each definition's workload, solution and device.
  private static func lines(_ traces: [String: [Trace]]) -> [String: [[UInt8]]] {
    var found: [String: [[UInt8]]] = [:]
    for (name, list) in traces {
      for trace in list {
        let parts = [trace.workload.uuid, trace.solution, trace.evaluation?.environment.hardware].compactMap { $0 }
        found["\(name) \(parts.joined(separator: " "))", default: []].append(trace.jsonLine)
      }
    }
    return found
  }

  private mutating func compare(_ document: String, _ old: [String: [[UInt8]]], _ new: [String: [[UInt8]]]) {
    for name in Set(old.keys).union(new.keys).sorted() {
      switch (old[name], new[name]) {
      case (nil, .some): changes.append(Change(kind: .added, document: document, name: name, members: []))
      case (.some, nil): changes.append(Change(kind: .removed, document: document, name: name, members: []))
      case (let before?, let after?) where !Self.same(before, after):
        changes.append(
          Change(kind: .changed, document: document, name: name, members: Self.members(before.last, after.last)))
      default: break
      }
    }
  }

  private static func same(_ a: [[UInt8]], _ b: [[UInt8]]) -> Bool {
    a.count == b.count && zip(a, b).allSatisfy { SetUnion.same($0, $1) }
  }

  private static func members(_ before: [UInt8]?, _ after: [UInt8]?) -> [String] {
    guard let before, let after, let a = try? JSONValue(parsing: before).object,
      let b = try? JSONValue(parsing: after).object
    else { return [] }
    return (a.keys + b.keys.filter { a[$0] == nil }).filter { a[$0] != b[$0] }
  }
}
