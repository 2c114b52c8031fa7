import Glibc
import JSONText

/// What an entry of the cache says about itself: `record.json`.
struct ArtifactRecord: Sendable, Hashable {
  let hash: String, language: String, solution: String, entryPoint: String
  let tool: Tool, flags: [String], target: String
  /// The file's name, length in bytes and SHA-256; nil when the sources are used as they are.
  let artifactName: String?, artifactBytes: Int?, artifactHash: String?
  /// When it was built: ISO time in UTC.
  let date: String

  /// Of a build that has just left its artifact in `folder`.
  /// - Throws: `buildFailed` when the artifact is not there.
  init(_ recipe: BuildRecipe, solution: String, folder: String) throws(KernelError) {
    (hash, language, self.solution) = (recipe.hash, recipe.language.rawValue, solution)
    (entryPoint, tool, flags, target) = (recipe.spec.entryPoint, recipe.tool, recipe.flags, recipe.target)
    if let name = recipe.artifactName {
      guard let bytes = CacheFiles.read(folder + "/" + name) else {
        throw KernelError(.buildFailed, "the compiler said nothing and left no \(name)")
      }
      (artifactName, artifactBytes, artifactHash) = (name, bytes.count, SHA256.hexDigest(of: bytes))
    } else {
      (artifactName, artifactBytes, artifactHash) = (nil, nil, nil)
    }
    date = Self.now()
  }

  /// Reads an entry's record; nil when there is none, or when it cannot be read.
  init?(folder: String) {
    guard let bytes = CacheFiles.read(folder + "/record.json", limit: 1 << 20),
      let value = try? JSONValue(parsing: bytes),
      let hash = value["hash"]?.string, let language = value["language"]?.string,
      let solution = value["solution"]?.string, let date = value["date"]?.string
    else { return nil }
    (self.hash, self.language, self.solution, self.date) = (hash, language, solution, date)
    entryPoint = value["entry_point"]?.string ?? ""
    tool = Tool(path: value["tool"]?["path"]?.string ?? "", version: value["tool"]?["version"]?.string ?? "")
    flags = value["flags"]?.array?.compactMap(\.string) ?? []
    target = value["target"]?.string ?? ""
    artifactName = value["artifact"]?["file"]?.string
    artifactBytes = value["artifact"]?["bytes"]?.int
    artifactHash = value["artifact"]?["sha256"]?.string
  }

  var json: JSONValue {
    var artifact = JSONValue.null
    if let artifactName, let artifactBytes, let artifactHash {
      artifact = .object(
        JSONObject([
          ("file", .string(artifactName)), ("bytes", .int(artifactBytes)), ("sha256", .string(artifactHash)),
        ]))
    }
    return .object(
      JSONObject([
        ("hash", .string(hash)), ("language", .string(language)), ("solution", .string(solution)),
        ("entry_point", .string(entryPoint)),
        ("tool", .object(JSONObject([("path", .string(tool.path)), ("version", .string(tool.version))]))),
        ("flags", .array(flags.map(JSONValue.string))), ("target", .string(target)), ("artifact", artifact),
        ("date", .string(date)),
      ]))
  }

  private static func now() -> String {
    var seconds = time(nil)
    var fields = tm()
    guard gmtime_r(&seconds, &fields) != nil else { return "unknown" }
    var buffer = [CChar](repeating: 0, count: 32)
    let count = strftime(&buffer, buffer.count, "%Y-%m-%dT%H:%M:%SZ", &fields)
    return String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
