import JSONText

/// A workload, and, once it was run, the solution that ran it and what came of it.
///
/// One line of a `.jsonl` file. Without solution and evaluation it is a *workload trace*. Source: FlashInfer-Bench's schema.
public struct Trace: Sendable, Hashable {
  /// The definition's name; not checked to exist when reading.
  public let definition: String
  public let workload: Workload
  /// The solution's name.
  public let solution: String?
  public let evaluation: Evaluation?
  let origin: Origin

  /// - Throws: when a name is empty or an axis is negative.
  public init(
    definition: String, workload: Workload, solution: String? = nil, evaluation: Evaluation? = nil
  ) throws(SchemaError) {
    self.init(unchecked: definition, workload: workload, solution: solution, evaluation: evaluation, origin: .code)
    try check()
  }

  init(unchecked definition: String, workload: Workload, solution: String?, evaluation: Evaluation?, origin: Origin) {
    (self.definition, self.workload, self.solution) = (definition, workload, solution)
    (self.evaluation, self.origin) = (evaluation, origin)
  }

  private func check() throws(SchemaError) {
    var found: [ValidationDiagnostic] = []
    func nonEmpty(_ text: String, _ path: ValidationDiagnostic.Step...) {
      if text.isEmpty { found.append(.init(.stringTooShort, "expected at least one character", path: path)) }
    }
    nonEmpty(definition, .member("definition"))
    if let reason = FileName.problem(with: definition) {
      found.append(.init(.valueError, reason, path: [.member("definition")]))
    }
    nonEmpty(workload.uuid, .member("workload"), .member("uuid"))
    for (name, value) in workload.axes where value < 0 {
      let path: [ValidationDiagnostic.Step] = [.member("workload"), .member("axes"), .member(name)]
      found.append(.init(.greaterThanEqual, "expected at least 0, found \(value)", path: path))
    }
    for (name, input) in workload.inputs {
      guard case .safetensors(let path, let key) = input else { continue }
      nonEmpty(path, .member("workload"), .member("inputs"), .member(name), .member("path"))
      nonEmpty(key, .member("workload"), .member("inputs"), .member(name), .member("tensor_key"))
    }
    if !found.isEmpty { throw SchemaError(found) }
  }

  /// A changed copy; fields that are not given, unknown members and member order are kept.
  public func with(
    definition: String? = nil, workload: Workload? = nil, solution: String?? = nil, evaluation: Evaluation?? = nil
  ) throws(SchemaError) -> Trace {
    let copy = Trace(
      unchecked: definition ?? self.definition, workload: workload ?? self.workload,
      solution: solution ?? self.solution, evaluation: evaluation ?? self.evaluation, origin: origin.changed)
    try copy.check()
    return copy
  }

  /// Whether this is a problem still to be run.
  public var isWorkload: Bool { solution == nil && evaluation == nil }
  /// Whether a solution ran and passed.
  public var isSuccessful: Bool { solution != nil && evaluation?.status == .passed }

  // MARK: JSON

  /// Reads one line, with every check.
  public init(json text: String) throws(SchemaError) { try self.init(json: Array(text.utf8)[...]) }

  public init(json bytes: ArraySlice<UInt8>) throws(SchemaError) {
    self = try Document.read(bytes) { reader, value, origin throws(SchemaError) in
      try Trace.read(value, origin: origin, with: &reader)
    }
  }

  static func read(_ value: JSONValue, origin: Origin, with reader: inout DocumentReader) throws(SchemaError) -> Trace {
    guard let object = reader.record(value) else { throw SchemaError(reader.diagnostics) }
    let definition = reader.required(object, "definition") { $0.fileName($1) }
    let workload = reader.required(object, "workload") { Workload.read($1, with: &$0) }
    let solution = reader.nullable(object, "solution") { $0.string($1) }
    let evaluation = reader.nullable(object, "evaluation") { Evaluation.read($1, with: &$0) }
    guard reader.diagnostics.isEmpty, let definition, let workload, let solution, let evaluation else {
      throw SchemaError(reader.diagnostics)
    }
    return Trace(
      unchecked: definition, workload: workload, solution: solution, evaluation: evaluation, origin: origin)
  }

  /// Every field in schema order.
  var encoded: JSONValue {
    .object(
      JSONObject([
        ("definition", .string(definition)), ("workload", workload.encoded), ("solution", .optional(solution)),
        ("evaluation", evaluation?.encoded ?? .null),
      ]))
  }

  static let shape: DocumentShape = .record([
    "definition": .leaf, "workload": Workload.documentShape, "solution": .leaf,
    "evaluation": Evaluation.documentShape,
  ])

  /// The line as it is written, without the line break: as it was read if nothing changed.
  public var jsonLine: [UInt8] { Document.line(encoded, Self.shape, origin) }
}
