import ArgumentParser
import JSONText
import KernelRuntime

/// Where compiled solutions are kept.
struct CacheOptions: ParsableArguments {
  @Option(help: "Folder of compiled solutions. Default: kernels in swiftlet's folder, ~/.cache/swiftlet.")
  var cache: String?

  var artifacts: ArtifactCache { ArtifactCache(root: cache ?? KernelBuilding.defaultCache) }
}

struct CacheCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cache", abstract: "Look at the compiled solutions that are kept, or remove them.",
    subcommands: [List.self, Clear.self], defaultSubcommand: List.self)

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Each kept build: language, size, date, solution, hash.")

    @OptionGroup var options: CacheOptions
    @Flag(help: "Print JSON.") var json = false

    func run() throws {
      let cache = options.artifacts
      let entries = cache.list()
      if json { return Terminal.print(CacheCommand.json(entries, root: cache.root).pretty) }
      for entry in entries {
        let columns = [
          TextTable.padded(entry.language, to: 10), TextTable.padded("\(entry.bytes) B", to: 12),
          TextTable.padded(entry.date ?? "damaged", to: 20), String(entry.hash.prefix(12)),
          TextTable.printable(entry.solution ?? "unknown"),
        ]
        Terminal.print(columns.joined(separator: "  "))
      }
      Terminal.print("\(CacheCommand.sum(entries)) in \(cache.root)")
    }
  }

  struct Clear: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Remove all kept builds.",
      discussion: "Only what swiftlet put into the folder is removed. Builds that run at this moment are waited for.")

    @OptionGroup var options: CacheOptions
    @Flag(help: "Print JSON.") var json = false

    func run() throws {
      let cache = options.artifacts
      let entries = try cache.clear()
      if json { return Terminal.print(CacheCommand.json(entries, root: cache.root).pretty) }
      Terminal.print("removed \(CacheCommand.sum(entries)) from \(cache.root)")
    }
  }

  private static func sum(_ entries: [ArtifactCache.Entry]) -> String {
    "\(entries.count) \(entries.count == 1 ? "build" : "builds"), \(entries.reduce(0) { $0 + $1.bytes }) bytes,"
  }

  private static func json(_ entries: [ArtifactCache.Entry], root: String) -> JSONValue {
    func text(_ string: String?) -> JSONValue { string.map(JSONValue.string) ?? .null }
    let list = entries.map { entry in
      JSONValue.object(
        JSONObject([
          ("language", .string(entry.language)), ("hash", .string(entry.hash)), ("solution", text(entry.solution)),
          ("bytes", .int(entry.bytes)), ("date", text(entry.date)),
        ]))
    }
    return .object(JSONObject([("folder", .string(root)), ("entries", .array(list))]))
  }
}

/// Columns of text.
enum TextTable {
  static func padded(_ text: String, to width: Int) -> String {
    let text = printable(text)
    return text + String(repeating: " ", count: max(0, width - text.count))
  }

  /// Names from files, without what would move the cursor.
  static func printable(_ text: String) -> String {
    String(String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? "?" : $0 }))
  }
}
