import Glibc
import Traces

/// Appends traces to a trace set's files as they come: one line in one write, under the file's lock, so that a run which is
/// interrupted, or another that runs beside it, leaves whole lines only.
///
/// Unlike `TraceSet.addTraces` it takes solutions that have no document, because they are part of the program.
public struct TraceAppender: Sendable {
  private let root: String
  public init(root: String) { self.root = root }

  /// Appends to `traces/<author>/<operation>/<definition>.jsonl`.
  /// - Throws: with the path and the system's reason.
  public func append(_ measurement: KernelMeasurement) throws(SchemaError) {
    let trace = try measurement.trace()
    let folder = try folder(["traces", measurement.author, measurement.operation])
    let path = folder + "/" + measurement.definition + ".jsonl"
    let file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
    guard file >= 0 else { throw failure("open", path) }
    defer { close(file) }
    while flock(file, LOCK_EX) != 0 { if errno != EINTR { throw failure("lock", path) } }
    let end = lseek(file, 0, SEEK_END)
    let line = trace.jsonLine + [UInt8(ascii: "\n")]
    var done = 0
    while done < line.count {
      let count = line.withUnsafeBytes { write(file, $0.baseAddress! + done, line.count - done) }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else {
        let error = failure("append to", path)
        _ = ftruncate(file, end)
        throw error
      }
      done += count
    }
  }

  /// Makes a folder below the root; its names come from documents, so none may lead elsewhere.
  private func folder(_ names: [String]) throws(SchemaError) -> String {
    var path = root
    for name in names {
      guard !name.isEmpty, name != ".", name != "..", !name.utf8.contains(where: { $0 == UInt8(ascii: "/") || $0 == 0 })
      else { throw SchemaError(.valueError, "\"\(name)\" is no name of a folder") }
      path += "/" + name
      if mkdir(path, 0o777) != 0, errno != EEXIST { throw failure("make the folder", path) }
    }
    return path
  }

  private func failure(_ action: String, _ path: String) -> SchemaError {
    SchemaError([
      ValidationDiagnostic(.fileError, "cannot \(action): \(String(cString: strerror(errno)))", file: path)
    ])
  }
}
