import JSONText

/// One thing that `swiftlet doctor` looked at.
struct HealthLine {
  enum Level: String, CaseIterable {
    case ok
    /// It works, but not as well as it could.
    case warning
    /// Optional, and not there.
    case missing
    /// Something that swiftlet needs is broken.
    case error
  }
  let level: Level
  let subject: String
  let finding: String
  /// What would put it right, or what it would be for.
  let fix: String?

  init(_ level: Level, _ subject: String, _ finding: String, fix: String? = nil) {
    (self.level, self.subject, self.finding, self.fix) = (level, subject, finding, fix)
  }

  /// `warning  huge pages: never (…)`
  var text: String {
    TextTable.padded(level.rawValue, to: 9)
      + TextTable.printable("\(subject): \(finding)" + (fix.map { " (\($0))" } ?? ""))
  }

  static func json(_ lines: [HealthLine]) -> JSONValue {
    let counts = Level.allCases.map { level in (level.rawValue, JSONValue.int(lines.count { $0.level == level })) }
    let checks = lines.map { line in
      JSONValue.object(
        JSONObject([
          ("level", .string(line.level.rawValue)), ("subject", .string(line.subject)),
          ("finding", .string(line.finding)), ("fix", line.fix.map { .string($0) } ?? .null),
        ]))
    }
    return .object(
      JSONObject([
        ("version", .string(Version.text)), ("counts", .object(JSONObject(counts))), ("checks", .array(checks)),
      ]))
  }
}
