import Glibc
import JSONText
import Synchronization

/// Solutions that failed while serving, kept out until the program or they themselves change.
///
/// With a file, entries outlive the process; those of another version are dropped when it is read: a new version is a new try.
public final class Quarantine: Sendable {
  public struct Entry: Sendable, Hashable {
    public let definition: String, solution: String
    /// UTC, as 2026-11-21T09:30:00Z.
    public let time: String
    public let reason: String
    /// Of the program that saw the failure.
    public let version: String
  }
  private let entries: Mutex<[Entry]>
  private let path: String?
  private let version: String

  /// In memory only.
  public init(version: String) {
    (path, self.version) = (nil, version)
    entries = Mutex([])
  }

  /// Kept in a file, which need not exist yet.
  /// - Throws: `invalidPolicy` when the file is there and cannot be read: nothing in it is forgotten silently.
  public init(path: String, version: String) throws(KernelError) {
    (self.path, self.version) = (path, version)
    entries = Mutex(try Self.read(path).filter { $0.version == version })
  }

  /// All entries, the oldest first.
  public var all: [Entry] { entries.withLock { $0 } }

  public func entry(definition: String, solution: String) -> Entry? {
    entries.withLock { $0.first { $0.definition == definition && $0.solution == solution } }
  }

  /// Takes a solution out of use.
  /// - Returns: a sentence when the file could not be written; the entry holds in memory all the same.
  @discardableResult
  public func add(definition: String, solution: String, reason: String) -> String? {
    let entry = Entry(
      definition: definition, solution: solution, time: Self.now(), reason: reason, version: version)
    return entries.withLock { entries in
      entries.removeAll { $0.definition == definition && $0.solution == solution }
      entries.append(entry)
      return write(entries)
    }
  }

  /// Lets a solution be tried again.
  /// - Returns: whether it was in quarantine.
  @discardableResult
  public func release(definition: String, solution: String) -> Bool {
    entries.withLock { entries in
      let before = entries.count
      entries.removeAll { $0.definition == definition && $0.solution == solution }
      if entries.count != before { _ = write(entries) }
      return entries.count != before
    }
  }

  private static func now() -> String {
    var seconds = time(nil), parts = tm()
    gmtime_r(&seconds, &parts)
    var text = [CChar](repeating: 0, count: 32)
    let count = strftime(&text, text.count, "%Y-%m-%dT%H:%M:%SZ", &parts)
    return String(decoding: text[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  // MARK: file

  private static func read(_ path: String) throws(KernelError) -> [Entry] {
    guard let file = fopen(path, "r") else {
      if errno == ENOENT { return [] }
      throw KernelError(.invalidPolicy, "\(path): \(String(cString: strerror(errno)))")
    }
    defer { fclose(file) }
    var bytes: [UInt8] = [], buffer = [UInt8](repeating: 0, count: 4096)
    while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer[..<count] }
    let document: JSONValue
    do { document = try JSONValue(parsing: bytes) } catch {
      throw KernelError(.invalidPolicy, "\(path): not JSON: \(error); remove the file to begin anew")
    }
    guard let list = document["quarantine"]?.array else {
      throw KernelError(.invalidPolicy, "\(path): expected {\"quarantine\": [ … ]}")
    }
    return try list.map { value throws(KernelError) in
      guard let definition = value["definition"]?.string, let solution = value["solution"]?.string,
        let time = value["time"]?.string, let reason = value["reason"]?.string,
        let version = value["version"]?.string
      else {
        throw KernelError(
          .invalidPolicy, "\(path): an entry needs the strings definition, solution, time, reason and version")
      }
      return Entry(definition: definition, solution: solution, time: time, reason: reason, version: version)
    }
  }

  /// Replaces the file as a whole.
  private func write(_ entries: [Entry]) -> String? {
    guard let path else { return nil }
    let list = entries.map { entry in
      JSONValue.object(
        JSONObject([
          ("definition", .string(entry.definition)), ("solution", .string(entry.solution)),
          ("time", .string(entry.time)), ("reason", .string(entry.reason)), ("version", .string(entry.version)),
        ]))
    }
    let text = JSONValue.object(JSONObject([("quarantine", .array(list))])).pretty + "\n"
    let temporary = "\(path).\(getpid())"
    guard let file = fopen(temporary, "w") else { return "\(temporary): \(String(cString: strerror(errno)))" }
    let written = fputs(text, file) >= 0
    guard fclose(file) == 0, written, rename(temporary, path) == 0 else {
      unlink(temporary)
      return "\(path): \(String(cString: strerror(errno)))"
    }
    return nil
  }
}
