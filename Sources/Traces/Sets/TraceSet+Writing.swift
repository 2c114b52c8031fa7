import Glibc

extension TraceSet {
  /// Adds evaluated traces, to memory and to `traces/<author>/<op_type>/<definition>.jsonl`.
  ///
  /// Everything is checked before anything is changed. When a file cannot be written, files before it have grown, the set
  /// in memory has not.
  /// - Throws: when a definition or solution is unknown, a trace has no solution, or a file cannot be written.
  public mutating func addTraces(_ added: [Trace]) throws(SchemaError) {
    var byFile: [(file: String, lines: [[UInt8]])] = []
    for (i, trace) in added.enumerated() {
      let definition = try known(trace.definition, at: i)
      guard let name = trace.solution else {
        throw SchemaError(.valueError, "trace \(i) has no solution: use addWorkloads for workloads")
      }
      guard let solution = solutionsByName[name] else {
        throw SchemaError(.valueError, "trace \(i) names the solution \"\(name)\", which is not in the set")
      }
      let file = "traces/\(solution.author)/\(definition.opType)/\(definition.name).jsonl"
      Self.collect(trace.jsonLine, for: file, in: &byFile)
    }
    try append(byFile)
    for trace in added { traces[trace.definition, default: []].append(trace) }
  }

  /// Adds workload traces, to memory and to `workloads/<op_type>/<definition>.jsonl`.
  public mutating func addWorkloads(_ added: [Trace]) throws(SchemaError) {
    var byFile: [(file: String, lines: [[UInt8]])] = []
    for (i, trace) in added.enumerated() {
      let definition = try known(trace.definition, at: i)
      if !trace.isWorkload { throw SchemaError(.valueError, "trace \(i) is evaluated: use addTraces for it") }
      Self.collect(trace.jsonLine, for: "workloads/\(definition.opType)/\(definition.name).jsonl", in: &byFile)
    }
    try append(byFile)
    for trace in added { workloads[trace.definition, default: []].append(trace) }
  }

  /// Adds a definition, to memory and to `definitions/<op_type>/<definition>.json`.
  public mutating func add(_ definition: Definition) throws(SchemaError) {
    try requireFree(definition)
    if let root { try FileStore.replace("\(root)/\(Self.path(of: definition))", with: definition.json) }
    try insert(definition)
  }

  /// Adds a solution, to memory and to `solutions/<author>/<op_type>/<definition>/<solution>.json`.
  public mutating func add(_ solution: Solution) throws(SchemaError) {
    try requireFree(solution)
    if let root { try FileStore.replace("\(root)/\(path(of: solution))", with: solution.json) }
    try insert(solution)
  }

  /// Writes the whole set into the standard layout under `folder`, file by file, each atomically. What was not changed
  /// since it was read is written byte for byte.
  public func write(to folder: String) throws(SchemaError) {
    for name in definitionNames {
      if let definition = definitions[name] {
        try FileStore.replace("\(folder)/\(Self.path(of: definition))", with: definition.json)
      }
    }
    for name in definitionOrder(solutions) {
      for solution in solutions[name, default: []] {
        try FileStore.replace("\(folder)/\(path(of: solution))", with: solution.json)
      }
    }
    for name in definitionOrder(workloads) {
      let file = "\(folder)/workloads/\(opType(of: name))/\(name).jsonl"
      try FileStore.replace(file, with: TraceLines.text(workloads[name, default: []]))
    }
    for name in definitionOrder(traces) {
      var byAuthor: OrderedMap<[Trace]> = [:]
      for trace in traces[name, default: []] {
        let author = trace.solution.flatMap { solutionsByName[$0]?.author } ?? Self.unknownName
        byAuthor[author] = (byAuthor[author] ?? []) + [trace]
      }
      for (author, list) in byAuthor {
        let file = "\(folder)/traces/\(author)/\(opType(of: name))/\(name).jsonl"
        try FileStore.replace(file, with: TraceLines.text(list))
      }
    }
  }

  /// Moves `traces/` to `traces_bak_<stamp>/` and forgets the traces in memory.
  /// - Parameter stamp: `YYYYmmdd_HHMMSS`.
  public mutating func backupTraces(stamp: String) throws(SchemaError) {
    guard let root else { throw SchemaError(.valueError, "a set in memory has no folder to back up") }
    if let reason = FileName.problem(with: "traces_bak_" + stamp) { throw SchemaError(.valueError, reason) }
    try FileStore.move("\(root)/traces", to: "\(root)/traces_bak_\(stamp)")
    try FileStore.makeDirectory("\(root)/traces")
    traces = [:]
  }

  // MARK: places

  /// The folder name for what belongs to no known definition, or to no known author.
  static let unknownName = "unknown"

  private func opType(of definition: String) -> String { definitions[definition]?.opType ?? Self.unknownName }

  static func path(of definition: Definition) -> String { "definitions/\(definition.opType)/\(definition.name).json" }

  private func path(of solution: Solution) -> String {
    "solutions/\(solution.author)/\(opType(of: solution.definition))/\(solution.definition)/\(solution.name).json"
  }

  /// Where FlashInfer-Bench puts the tensors of a workload, relative to the root.
  public func blobPath(definition: String, uuid: String) throws(SchemaError) -> String {
    if let reason = FileName.problem(with: definition) ?? FileName.problem(with: uuid) {
      throw SchemaError(.valueError, reason)
    }
    return "blob/workloads/\(opType(of: definition))/\(definition)/\(definition)_\(uuid).safetensors"
  }

  /// The file that a workload's `path` names: under the root, as it is written or with leading folders left out, which
  /// finds the flatter layout of some published files.
  /// - Throws: for a path that is absolute or leaves the root, and when there is no such file.
  public func resolveBlob(_ path: String) throws(SchemaError) -> String {
    guard let root else {
      throw SchemaError(.valueError, "a set in memory has no folder that \"\(path)\" is relative to")
    }
    let components = path.split(separator: "/").filter { $0 != "." }.map(String.init)
    if path.hasPrefix("/") || components.contains("..") || components.isEmpty || path.utf8.contains(0) {
      throw SchemaError(.valueError, "\"\(path)\" leaves the trace set: expected a path below its root")
    }
    for start in components.indices {
      let candidate = root + "/" + components[start...].joined(separator: "/")
      if FileStore.exists(candidate), !FileStore.isDirectory(candidate) { return candidate }
    }
    throw SchemaError([
      ValidationDiagnostic(.fileError, "the tensors of this workload are not there", file: root + "/" + path)
    ])
  }

  // MARK: helpers

  private func known(_ name: String, at index: Int) throws(SchemaError) -> Definition {
    guard let definition = definitions[name] else {
      throw SchemaError(.valueError, "trace \(index) names the definition \"\(name)\", which is not in the set")
    }
    return definition
  }

  private static func collect(_ line: [UInt8], for file: String, in byFile: inout [(file: String, lines: [[UInt8]])]) {
    if let at = byFile.firstIndex(where: { $0.file == file }) {
      byFile[at].lines.append(line)
    } else {
      byFile.append((file, [line]))
    }
  }

  private func append(_ byFile: [(file: String, lines: [[UInt8]])]) throws(SchemaError) {
    guard let root else { return }
    for (file, lines) in byFile { try FileStore.append(lines, to: root + "/" + file) }
  }
}

extension FileStore {
  static func move(_ from: String, to target: String) throws(SchemaError) {
    if exists(target) { throw failure("move onto", target, Glibc.EEXIST) }
    if exists(from), Glibc.rename(from, target) != 0 { throw failure("move", from) }
  }
}
