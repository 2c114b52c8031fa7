import FoundationEssentials

/// A model that can be fetched by name. What is fetched, from where and with which checksum stands in
/// Scripts/fetch_model.py, which this program carries and `make run` calls.
struct KnownModel: Sendable {
  let name: String
  let fileName: String

  static let all = [
    KnownModel(name: "smollm2-135m-instruct", fileName: "SmolLM2-135M-Instruct.Q4_1.gguf")
  ]

  static let `default` = all[0]
  static func named(_ name: String) -> KnownModel? { all.first { $0.name == name } }
  static var names: String { all.map(\.name).joined(separator: ", ") }

  /// Where the file lies once fetched: `<home>/models/<name>/<file>`.
  func path(in home: String) -> String { "\(home)/models/\(name)/\(fileName)" }
}

/// Where swiftlet keeps what it fetched. The environment is read here and nowhere else.
enum SwiftletHome {
  static var path: String {
    let environment = ProcessInfo.processInfo.environment
    if let home = environment["SWIFTLET_HOME"], !home.isEmpty { return home }
    return (environment["HOME"] ?? ".") + "/.cache/swiftlet"
  }
}
