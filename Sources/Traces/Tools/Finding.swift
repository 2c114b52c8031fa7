import JSONText

/// One thing that a check of a trace set found.
public struct Finding: Sendable, Hashable {
  public enum Level: String, Sendable, Hashable, CaseIterable, Comparable {
    case info, warning, error
    public static func < (a: Level, b: Level) -> Bool { a.rank < b.rank }
    private var rank: Int { Level.allCases.firstIndex(of: self) ?? 0 }
  }
  public var level: Level
  /// The check that found it: `layout`, `definition`, `workload`, `solution`, `trace`, `baseline`.
  public var check: String
  /// The definition concerned, when it is known.
  public var definition: String?
  /// Relative to the set's folder where that is possible.
  public var file: String?
  /// From 1.
  public var line: Int?
  /// Inside the document, such as `workload.axes.M`.
  public var path: String?
  public var reason: String
  /// What would put it right.
  public var fix: String?

  public init(
    _ level: Level, _ check: String, _ reason: String, definition: String? = nil, file: String? = nil,
    line: Int? = nil, path: String? = nil, fix: String? = nil
  ) {
    (self.level, self.check, self.reason, self.definition) = (level, check, reason, definition)
    (self.file, self.line, self.path, self.fix) = (file, line, path, fix)
  }

  /// `error: workloads/gemm/g.jsonl:3: workload.axes.M: …`
  public var text: String {
    var place = ""
    if let file { place += file + (line.map { ":\($0)" } ?? "") + ": " }
    if let path { place += path + ": " }
    return "\(level.rawValue): \(place)\(reason)" + (fix.map { " (\($0))" } ?? "")
  }

  public var json: JSONValue {
    .object(
      JSONObject([
        ("level", .string(level.rawValue)), ("check", .string(check)), ("definition", .optional(definition)),
        ("file", .optional(file)), ("line", line.map { .int($0) } ?? .null), ("path", .optional(path)),
        ("reason", .string(reason)), ("fix", .optional(fix)),
      ]))
  }
}
