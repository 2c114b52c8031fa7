import Glibc
import Synchronization
import Traces

/// All that decides what a build gives: two recipes with the same `hash` are one build.
///
/// Wider than `Solution.contentHash`: the calling style, the tool, its flags and the processor count as well, and every
/// field goes into the hash with its length, so that no text can move from one field to the next unseen.
public struct BuildRecipe: Sendable, Hashable {
  public let language: Language
  public let sources: [SourceFile]
  /// Files of ours beside the solution's: headers, module maps. Kept apart from the sources.
  public let headers: [SourceFile]
  public let spec: BuildSpec
  /// The compiler, or the interpreter: path and version.
  public let tool: Tool
  public let flags: [String]
  /// What the result runs on: an architecture with its features.
  public let target: String
  /// The name of the file that the build leaves; nil when the sources are used as they are.
  public let artifactName: String?
  /// 64 hexadecimal digits.
  public let hash: String

  public init(
    _ spec: BuildSpec, sources: [SourceFile], headers: [SourceFile] = [], tool: Tool, flags: [String], target: String,
    artifactName: String?
  ) {
    (self.language, self.spec, self.sources, self.headers) = (spec.language, spec, sources, headers)
    (self.tool, self.flags, self.target, self.artifactName) = (tool, flags, target, artifactName)
    var sha = SHA256()
    func add(_ name: String, _ fields: [String]) {
      sha.update(field: name)
      sha.update(field: "\(fields.count)")
      for field in fields { sha.update(field: field) }
    }
    add("language", [language.rawValue])
    add("entry point", [spec.entryPoint])
    add("binding", [spec.binding?.rawValue ?? ""])
    add("destination passing", ["\(spec.destinationPassingStyle)"])
    add("dependencies", spec.dependencies)
    add("sources", sources.flatMap { [$0.path, $0.content] })
    add("headers", headers.flatMap { [$0.path, $0.content] })
    add("tool", [tool.path, tool.version])
    add("flags", flags)
    add("target", [target])
    hash = sha.hexDigest()
  }

  /// Why `path` cannot be written below a folder; nil if it can. Solutions were checked when they were read; this looks
  /// again where it matters.
  static func problem(withPath path: String) -> String? {
    let components = path.split(separator: "/", omittingEmptySubsequences: false)
    let bad = path.isEmpty || path.utf8.contains(0) || components.contains { $0.isEmpty || $0 == "." || $0 == ".." }
    return bad ? "the source path \"\(path)\" is refused: it must be relative, without empty, . or .. components" : nil
  }
}

/// A program that builds.
public struct Tool: Sendable, Hashable {
  public let path: String
  /// What it says when asked for its version.
  public let version: String
  public init(path: String, version: String) { (self.path, self.version) = (path, version) }

  /// The first of these programs that there is, with its version; paths or names to be found in PATH.
  public static func find(_ names: [String]) -> Tool? {
    let script = """
      for name in "$@"; do
        path=$(command -v "$name") || continue
        printf '%s\\n' "$path"
        "$path" --version 2>&1
        exit 0
      done
      exit 1
      """
    guard
      let outcome = try? ChildProcess.run(["/bin/sh", "-c", script, "sh"] + names, within: .seconds(30)),
      outcome.status == 0, let end = outcome.output.firstIndex(of: "\n")
    else { return nil }
    let version = outcome.output[end...].split(separator: "\n").prefix(3).joined(separator: "; ")
    return Tool(path: String(outcome.output[..<end]), version: version)
  }
}

/// The processor that `-march=native` means: builds for it are not used on another.
enum BuildTarget {
  static let architecture: String = {
    #if arch(x86_64)
      "x86_64"
    #elseif arch(arm64)
      "arm64"
    #else
      "other"
    #endif
  }()

  /// The architecture and the features that the system reports for its first processor.
  static func native() -> String {
    let lines = (CacheFiles.read("/proc/cpuinfo", limit: 1 << 20) ?? []).split(separator: UInt8(ascii: "\n"))
    let names = ["model name", "flags", "Features", "CPU part"]
    let features = names.compactMap { name in
      lines.first { $0.starts(with: name.utf8) }.map { String(decoding: $0.filter { $0 != 0x09 }, as: UTF8.self) }
    }
    return ([architecture] + features).joined(separator: "; ")
  }
}

/// A value that is made at the first use and kept.
final class Once<Value: Sendable>: Sendable {
  private let kept = Mutex<Value?>(nil)
  /// Concurrent callers wait for the first one's answer.
  func callAsFunction(_ make: () -> Value) -> Value {
    kept.withLock { kept in
      if let value = kept { return value }
      let value = make()
      kept = value
      return value
    }
  }
}
