import Glibc
import JSONText
import Templates

/// The cases that `Fixtures/templates/make_fixtures.py` recorded from Jinja2.
struct JinjaCases {
  struct Case: Sendable {
    let name: String, template: String
    let messages: [JSONValue], tools: [JSONValue]?
    let addGenerationPrompt: Bool
    let extra: [String: JSONValue]
    /// What Jinja2 printed, or nil with the kind of its error.
    let output: String?, error: String?, message: String?

    func render() throws(TemplateError) -> RenderedPrompt {
      try ChatTemplate(source: template).render(
        messages: messages, tools: tools, addGenerationPrompt: addGenerationPrompt, bosToken: "<s>", eosToken: "</s>",
        extra: extra, now: moment)
    }
  }

  static let moment = CalendarTime(year: 2024, month: 3, day: 5, hour: 14, minute: 7, second: 9)
  let whole: [Case], small: [Case]

  init() throws {
    let document = try JSONValue(parsing: Self.read("cases.json"))
    var extra: [String: JSONValue] = [:]
    for (name, value) in document["context"]?.object?.members ?? [] { extra[name] = value }
    small = (document["small"]?.array ?? []).map { entry in
      Case(
        name: entry["template"]?.string ?? "", template: entry["template"]?.string ?? "", messages: [], tools: nil,
        addGenerationPrompt: false, extra: extra, output: entry["output"]?.string, error: entry["error"]?.string,
        message: entry["message"]?.string)
    }
    whole = (document["templates"]?.array ?? []).flatMap { template in
      (template["runs"]?.array ?? []).map { run in
        var extra: [String: JSONValue] = [:]
        for (name, value) in run["extra"]?.object?.members ?? [] { extra[name] = value }
        return Case(
          name: "\(template["name"]?.string ?? "") with \(run["name"]?.string ?? "")",
          template: template["template"]?.string ?? "", messages: run["messages"]?.array ?? [],
          tools: run["tools"]?.array, addGenerationPrompt: run["add_generation_prompt"]?.bool ?? false, extra: extra,
          output: run["output"]?.string, error: run["error"]?.string, message: run["message"]?.string)
      }
    }
  }

  private static func read(_ name: String) throws -> [UInt8] {
    let folder = #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
    let path = "/\(folder)/Fixtures/templates/\(name)"
    guard let file = fopen(path, "r") else { throw MissingFixture(path: path) }
    defer { fclose(file) }
    var bytes: [UInt8] = [], chunk = [UInt8](repeating: 0, count: 1 << 16)
    while case let count = fread(&chunk, 1, chunk.count, file), count > 0 { bytes += chunk[..<count] }
    return bytes
  }

  struct MissingFixture: Error { let path: String }
}

private let moment = JinjaCases.moment
