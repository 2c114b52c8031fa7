import JSONText

extension TraceSet {
  public enum Loading: Sendable, Hashable {
    /// Load what can be loaded; the rest is in `diagnostics`.
    case partial
    /// Any problem refuses the whole load, as FlashInfer-Bench does.
    case strict
  }

  /// Reads `definitions/`, `solutions/`, `workloads/` and `traces/` under `path`, at any depth.
  ///
  /// Folder and file names are not compared with contents.
  /// - Parameter languages: what solutions may be written in.
  /// - Throws: in strict mode, every problem found; in partial mode never for a document.
  public static func load(
    _ path: String, _ mode: Loading = .partial, languages: [Language] = Language.accepted
  ) throws(SchemaError) -> TraceSet {
    var set = TraceSet(root: path)
    guard let root = set.root, FileStore.isDirectory(root) else {
      let error = SchemaError([ValidationDiagnostic(.fileError, "there is no such folder", file: path)])
      if mode == .strict { throw error }
      set.diagnostics = error.diagnostics
      return set
    }
    set.read(root, mode, languages)
    let problems = set.diagnostics.filter { $0.kind != .leniency }
    if mode == .strict, !problems.isEmpty { throw SchemaError(problems) }
    return set
  }

  /// The same as `load`, under the name that FlashInfer-Bench uses.
  public static func fromPath(_ path: String, _ mode: Loading = .partial) throws(SchemaError) -> TraceSet {
    try load(path, mode)
  }

  /// Where FlashInfer-Bench keeps its data set: `FIB_DATASET_PATH`, or a folder in the cache.
  public static func defaultPath(environment: [String: String]) -> String? {
    let home = environment["HOME"]
    guard let path = environment["FIB_DATASET_PATH"], !path.isEmpty else {
      return home.map { $0 + "/.cache/flashinfer_bench/dataset" }
    }
    if path == "~" || path.hasPrefix("~/") { return home.map { $0 + path.dropFirst() } }
    return path
  }

  private mutating func read(_ root: String, _ mode: Loading, _ languages: [Language]) {
    for file in FolderListing.files(under: root + "/definitions", suffix: ".json") {
      attempt(file) { set throws(SchemaError) in try set.insert(try Definition(json: try FileStore.read(file))) }
    }
    for file in FolderListing.files(under: root + "/solutions", suffix: ".json") {
      attempt(file) { set throws(SchemaError) in
        try set.insert(try Solution(json: try FileStore.read(file), languages: languages))
      }
    }
    for file in FolderListing.files(under: root + "/workloads", suffix: ".jsonl") {
      readLines(of: file, mode) { set, trace throws(SchemaError) in
        guard trace.isWorkload else {
          throw SchemaError(.valueError, "a line in workloads/ has neither solution nor evaluation; this one has")
        }
        set.workloads[trace.definition, default: []].append(trace)
      }
    }
    for file in FolderListing.files(under: root + "/traces", suffix: ".jsonl") {
      readLines(of: file, mode) { set, trace throws(SchemaError) in
        guard !trace.isWorkload else {
          throw SchemaError(.valueError, "a line in traces/ has an evaluation; this one is a workload only")
        }
        set.traces[trace.definition, default: []].append(trace)
      }
    }
  }

  private mutating func attempt(
    _ file: String, line: Int? = nil, _ body: (inout TraceSet) throws(SchemaError) -> Void
  ) {
    do throws(SchemaError) {
      try body(&self)
    } catch {
      diagnostics += error.located(file: file, line: line).diagnostics
    }
  }

  private mutating func readLines(
    of file: String, _ mode: Loading, _ add: (inout TraceSet, Trace) throws(SchemaError) -> Void
  ) {
    attempt(file) { set throws(SchemaError) in
      let bytes = try FileStore.read(file)
      TraceLines.forEach(in: bytes) { number, line in
        set.attempt(file, line: number) { set throws(SchemaError) in
          let trace: Trace
          do throws(SchemaError) {
            trace = try TraceLines.parse(line)
          } catch {
            guard mode == .partial, let lenient = set.founding(line, file, number) else { throw error }
            trace = lenient
          }
          try add(&set, trace)
        }
      }
    }
  }

  /// A line that the schema refuses, in the founding documents' spelling; nil if it is not in that either.
  private mutating func founding(_ line: ArraySlice<UInt8>, _ file: String, _ number: Int) -> Trace? {
    let definitions = definitions
    guard
      let (trace, notes) = try? Trace.reading(
        leniently: line, definition: { definitions[$0] }, timestamp: FileStore.modificationTime(file))
    else { return nil }
    diagnostics += SchemaError(notes).located(file: file, line: number).diagnostics
    return trace
  }
}

/// JSON lines: split at `\n` only, stripped of blanks, empty ones skipped.
public enum TraceLines {
  /// One line of a file: a trace, or what is wrong with it.
  public struct Line: Sendable {
    /// From 1.
    public let number: Int
    public let trace: Result<Trace, SchemaError>
  }

  /// All lines of a file's contents. The traces share its storage.
  public static func read(_ bytes: [UInt8]) -> [Line] {
    var lines: [Line] = []
    forEach(in: bytes) { number, line in
      do throws(SchemaError) {
        lines.append(Line(number: number, trace: .success(try parse(line))))
      } catch {
        lines.append(Line(number: number, trace: .failure(error.located(file: nil, line: number))))
      }
    }
    return lines
  }

  static func parse(_ line: ArraySlice<UInt8>) throws(SchemaError) -> Trace {
    do throws(SchemaError) {
      return try Trace(json: line)
    } catch {
      // The line in the file matters, not the one in the document.
      throw SchemaError(
        error.diagnostics.map {
          var diagnostic = $0
          diagnostic.line = nil
          return diagnostic
        })
    }
  }

  static func forEach(in bytes: [UInt8], _ body: (Int, ArraySlice<UInt8>) -> Void) {
    func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
    var start = 0, number = 1
    while start < bytes.count {
      var end = start
      bytes.withUnsafeBufferPointer { while end < $0.count, $0[end] != 0x0A { end += 1 } }
      var (from, to) = (start, end)
      while from < to, isBlank(bytes[from]) { from += 1 }
      while to > from, isBlank(bytes[to - 1]) { to -= 1 }
      if from < to { body(number, bytes[from..<to]) }
      (start, number) = (end + 1, number + 1)
    }
  }

  /// The contents of a file with these traces, one a line.
  public static func text(_ traces: [Trace]) -> [UInt8] {
    var bytes: [UInt8] = []
    for trace in traces {
      bytes += trace.jsonLine
      bytes.append(0x0A)
    }
    return bytes
  }
}
