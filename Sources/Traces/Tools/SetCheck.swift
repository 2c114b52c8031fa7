import JSONText

/// Checks a trace set's folder beyond what loading does: layout, references between documents, shapes, blobs, coverage.
///
/// The checks are those of FlashInfer-Bench's validator that need no device.
public struct SetCheck: Sendable {
  public private(set) var findings: [Finding] = []
  /// Every definition, in the order of loading.
  public let definitions: [String]
  private let set: TraceSet
  private let root: String
  private let workloadPlaces: LinePlaces, tracePlaces: LinePlaces

  /// - Parameter baseline: the author against whom others are measured.
  public init(_ path: String, baseline: String = TraceSet.baselineAuthor) {
    do throws(SchemaError) { set = try TraceSet.load(path) } catch { set = TraceSet(root: path) }
    root = set.root ?? path
    definitions = set.definitionNames
    (workloadPlaces, tracePlaces) = (LinePlaces("workloads", of: set), LinePlaces("traces", of: set))
    for diagnostic in set.diagnostics { add(diagnostic) }
    checkLayout()
    for name in set.definitionNames {
      if let definition = set.definitions[name] { check(definition, baseline) }
    }
    checkReferences()
  }

  public func status(of definition: String) -> Finding.Level {
    findings.filter { $0.definition == definition }.map(\.level).max() ?? .info
  }

  public func count(_ level: Finding.Level) -> Int { findings.count { $0.level == level } }

  /// `N definitions: a ok, b warning, c error`
  public var summary: String {
    let levels = definitions.map { status(of: $0) }
    let good = levels.count { $0 == .info }, warned = levels.count { $0 == .warning }
    return "\(levels.count) definitions: \(good) ok, \(warned) warning, \(levels.count - good - warned) error"
  }

  public var json: JSONValue {
    .object(
      JSONObject([
        ("path", .string(root)), ("errors", .int(count(.error))), ("warnings", .int(count(.warning))),
        (
          "definitions",
          .object(
            JSONObject(definitions.map { ($0, .string(status(of: $0) == .info ? "ok" : status(of: $0).rawValue)) }))
        ), ("findings", .array(findings.map(\.json))),
      ]))
  }

  // MARK: loading

  private mutating func add(_ diagnostic: ValidationDiagnostic) {
    let check =
      diagnostic.file.map { relative($0).split(separator: "/").first.map(String.init) ?? "" } ?? "layout"
    let names = ["definitions": "definition", "solutions": "solution", "workloads": "workload", "traces": "trace"]
    findings.append(
      Finding(
        diagnostic.kind == .leniency ? .warning : .error, names[check] ?? "layout", diagnostic.reason,
        definition: diagnostic.file.flatMap { definition(ofFile: relative($0)) }, file: diagnostic.file.map(relative),
        line: diagnostic.line, path: diagnostic.path.isEmpty ? nil : diagnostic.pathText))
  }

  private func relative(_ file: String) -> String {
    file.hasPrefix(root + "/") ? String(file.dropFirst(root.count + 1)) : file
  }

  /// The definition that a path speaks of, when it is a known one.
  private func definition(ofFile file: String) -> String? {
    let parts = file.split(separator: "/").map(String.init)
    return parts.reversed().lazy.map { part in
      part.hasSuffix(".jsonl") ? String(part.dropLast(6)) : part.hasSuffix(".json") ? String(part.dropLast(5)) : part
    }.first { set.definitions[$0] != nil }
  }

  // MARK: layout

  private mutating func checkLayout() {
    for file in FolderListing.files(under: root + "/definitions", suffix: ".json") {
      guard let value = read(file), let name = value["name"]?.string, let operation = value["op_type"]?.string else {
        continue
      }
      expect(file, "definitions/\(operation)/\(name).json", definition: name)
    }
    for file in FolderListing.files(under: root + "/solutions", suffix: ".json") {
      guard let value = read(file), let name = value["name"]?.string, let author = value["author"]?.string,
        let definition = value["definition"]?.string
      else { continue }
      guard let operation = set.definitions[definition]?.opType else { continue }
      expect(file, "solutions/\(author)/\(operation)/\(definition)/\(name).json", definition: definition)
    }
    for (name, definition) in set.definitions.sorted(by: { $0.key < $1.key }) {
      checkLines("workloads", ".jsonl", name) { $0 == "workloads/\(definition.opType)/\(name).jsonl" }
      checkLines("traces", ".jsonl", name) {
        $0.hasPrefix("traces/") && $0.hasSuffix("/\(definition.opType)/\(name).jsonl")
      }
    }
  }

  private func read(_ file: String) -> JSONValue? {
    guard let bytes = try? FileStore.read(file) else { return nil }
    return try? JSONValue(parsing: bytes)
  }

  private mutating func expect(_ file: String, _ place: String, definition: String) {
    guard relative(file) != place else { return }
    findings.append(
      Finding(
        .warning, "layout", "the folder or file name is not what the document says", definition: definition,
        file: relative(file), fix: "move it to \(place)"))
  }

  /// Files named after a definition that lie elsewhere than they should.
  private mutating func checkLines(_ part: String, _ suffix: String, _ name: String, _ isRight: (String) -> Bool) {
    for file in FolderListing.files(under: "\(root)/\(part)", suffix: suffix)
    where file.hasSuffix("/\(name)\(suffix)") && !isRight(relative(file)) {
      findings.append(
        Finding(
          .warning, "layout", "the folder does not match the operation of \(name)", definition: name,
          file: relative(file)))
    }
  }

  // MARK: one definition

  private mutating func check(_ definition: Definition, _ baseline: String) {
    let name = definition.name
    func note(_ level: Finding.Level, _ check: String, _ reason: String, fix: String? = nil) -> Finding {
      Finding(level, check, reason, definition: name, fix: fix)
    }
    if definition.description == nil { findings.append(note(.info, "definition", "it has no description")) }
    let workloads = set.workloads[name, default: []]
    if workloads.isEmpty {
      findings.append(note(.warning, "workload", "\(name) has no workloads", fix: "record or write some"))
    }
    var uuids = Set<String>()
    for (index, trace) in workloads.enumerated() {
      let place = workloadPlaces.place(of: index, among: workloads.count, definition: name)
      let file = place.map { relative($0.file) }
      if !uuids.insert(trace.workload.uuid).inserted {
        findings.append(
          Finding(
            .warning, "workload", "the uuid \(trace.workload.uuid) occurs twice", definition: name, file: file,
            line: place?.line))
      }
      for problem in WorkloadCheck(trace.workload, definition, set).problems {
        findings.append(
          Finding(
            problem.level, "workload", problem.reason, definition: name, file: file, line: place?.line,
            path: problem.path))
      }
    }
    checkTraces(definition, uuids)
    checkBaseline(definition, baseline, uuids)
  }

  private mutating func checkTraces(_ definition: Definition, _ uuids: Set<String>) {
    let name = definition.name, traces = set.traces[name, default: []]
    var seen: Set<String> = []
    for (index, trace) in traces.enumerated() {
      let place = tracePlaces.place(of: index, among: traces.count, definition: name)
      let file = place.map { relative($0.file) }
      guard let solution = trace.solution, trace.evaluation != nil else {
        findings.append(
          Finding(
            .error, "trace", "the trace of \(trace.workload.uuid) has no solution or no evaluation", definition: name,
            file: file, line: place?.line))
        continue
      }
      guard let known = set.solution(named: solution) else {
        guard seen.insert(solution).inserted else { continue }
        let count = traces.count { $0.solution == solution }
        findings.append(
          Finding(
            .warning, "trace",
            "\(count) \(count == 1 ? "trace names" : "traces name") the solution \(solution), which is not in the set",
            definition: name, file: file, line: place?.line))
        continue
      }
      if known.definition != name, seen.insert(solution).inserted {
        findings.append(
          Finding(
            .error, "trace", "\(solution) implements \(known.definition), not \(name)", definition: name, file: file,
            line: place?.line))
      }
      if !uuids.isEmpty && !uuids.contains(trace.workload.uuid) {
        findings.append(
          Finding(
            .info, "trace",
            "a trace of \(solution) has the workload \(trace.workload.uuid), which is not in workloads/",
            definition: name, file: file, line: place?.line))
      }
    }
  }

  private mutating func checkBaseline(_ definition: Definition, _ baseline: String, _ uuids: Set<String>) {
    let name = definition.name, solutions = set.solutions[name, default: []]
    if solutions.isEmpty { return }
    let count = solutions.count { $0.author == baseline }
    if count != 1 {
      findings.append(
        Finding(
          .warning, "baseline", "\(name) has \(count) solutions by \(baseline), so others cannot be scored",
          definition: name, fix: "exactly one is needed"))
    }
    for solution in solutions {
      let done = Set(set.traces[name, default: []].filter { $0.solution == solution.name }.map(\.workload.uuid))
      let missing = uuids.subtracting(done).count
      if missing > 0 {
        findings.append(
          Finding(
            .info, "trace", "\(solution.name) is missing \(missing) of \(uuids.count) workloads", definition: name))
      }
    }
  }

  // MARK: references

  private mutating func checkReferences() {
    func unknown(_ part: String, _ names: [String]) {
      for name in Set(names).sorted() where set.definitions[name] == nil {
        findings.append(
          Finding(.error, part, "the definition \(name) is not in the set", fix: "add it, or take these documents out"))
      }
    }
    unknown("solution", Array(set.solutions.keys))
    unknown("workload", Array(set.workloads.keys))
    unknown("trace", Array(set.traces.keys))
  }
}
