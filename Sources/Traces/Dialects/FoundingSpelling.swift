import JSONText

/// Traces as the founding documents spell them: workloads without uuid, evaluations without nesting.
///
/// Every assumption is reported; what contradicts the definition is refused.
enum FoundingSpelling {
  /// The same trace in FlashInfer-Bench's spelling.
  /// - Parameters:
  ///   - definition: by name, for checks of constant axes and types.
  ///   - timestamp: for evaluations without one.
  static func normalise(
    _ value: JSONValue, definition: (String) -> Definition?, timestamp: String
  ) throws(SchemaError) -> (JSONValue, [ValidationDiagnostic]) {
    guard var object = value.object else { return (value, []) }
    var notes: [ValidationDiagnostic] = []
    let known = object["definition"]?.string.flatMap(definition)
    if var workload = object["workload"]?.object {
      if let known { try checkAgainst(known, &workload, &notes) }
      if workload["uuid"] == nil {
        let uuid = UUIDv5.text(of: JSONValue.object(workload).compact)
        workload["uuid"] = .string(uuid)
        notes.append(note("there is no uuid: \(uuid) was made from the content", "workload", "uuid"))
      }
      object["workload"] = .object(workload)
    }
    if let evaluation = object["evaluation"]?.object {
      object["evaluation"] = .object(nested(evaluation, timestamp, &notes))
    }
    return (.object(object), notes)
  }

  private static func note(_ reason: String, _ path: String...) -> ValidationDiagnostic {
    ValidationDiagnostic(.leniency, reason, path: path.map { .member($0) })
  }

  private static func checkAgainst(
    _ definition: Definition, _ workload: inout JSONObject, _ notes: inout [ValidationDiagnostic]
  ) throws(SchemaError) {
    if var axes = workload["axes"]?.object {
      for (name, value) in axes.members {
        guard let constant = definition.axes[name]?.value else { continue }
        guard value.int == constant else {
          let path: [ValidationDiagnostic.Step] = [.member("workload"), .member("axes"), .member(name)]
          throw SchemaError(.valueError, "the axis is \(constant) in the definition, \(value.compact) here", path: path)
        }
        axes[name] = nil
        notes.append(note("a constant axis was left out", "workload", "axes", name))
      }
      workload["axes"] = .object(axes)
    }
    for (name, input) in DialectDetection.members(workload["inputs"]) {
      guard let dtype = input["dtype"]?.string, let spec = definition.inputs[name] else { continue }
      if dtype != spec.dtype.rawValue {
        let path: [ValidationDiagnostic.Step] = [
          .member("workload"), .member("inputs"), .member(name), .member("dtype"),
        ]
        throw SchemaError(
          .valueError, "the type is \(spec.dtype.rawValue) in the definition, \(dtype) here", path: path)
      }
    }
  }

  /// Moves figures that stand beside the status into `correctness` and `performance`.
  private static func nested(
    _ evaluation: JSONObject, _ timestamp: String, _ notes: inout [ValidationDiagnostic]
  ) -> JSONObject {
    var evaluation = evaluation
    let status = evaluation["status"]?.string.flatMap(Evaluation.Status.init)
    let parts: [(part: String, fields: [String], isAllowed: Bool)] = [
      (
        "correctness", ["max_relative_error", "max_absolute_error"], status == .passed || status == .incorrectNumerical
      ),
      ("performance", ["latency_ms", "reference_latency_ms", "speedup_factor"], status == .passed),
    ]
    for (part, fields, isAllowed) in parts {
      var inner = evaluation[part]?.object ?? JSONObject()
      var moved: [String] = []
      for field in fields {
        guard let value = evaluation[field] else { continue }
        inner[field] = value
        evaluation[field] = nil
        moved.append(field)
      }
      if moved.isEmpty { continue }
      if isAllowed { evaluation[part] = .object(inner) }
      notes.append(
        note(
          "\(moved.joined(separator: ", ")) \(isAllowed ? "moved into" : "left out: the status has no") \(part)",
          "evaluation"))
    }
    if evaluation["environment"] == nil {
      evaluation["environment"] = .object(JSONObject([("hardware", .string(TraceSet.unknownName))]))
      notes.append(note("there is no environment: the hardware is unknown", "evaluation", "environment"))
    }
    if evaluation["timestamp"] == nil {
      evaluation["timestamp"] = .string(timestamp)
      notes.append(note("there is no timestamp: the file's is taken", "evaluation", "timestamp"))
    }
    return evaluation
  }
}

extension Trace {
  /// Reads a line, also in the founding documents' spelling; says what was assumed.
  /// - Parameters:
  ///   - definition: a look-up by name, for checks against the definition.
  ///   - timestamp: for evaluations without one.
  public static func reading(
    leniently bytes: ArraySlice<UInt8>, definition: (String) -> Definition? = { _ in nil },
    timestamp: String = "unknown"
  ) throws(SchemaError) -> (trace: Trace, notes: [ValidationDiagnostic]) {
    let value = try Document.parse(bytes)
    let (normal, notes) = try FoundingSpelling.normalise(value, definition: definition, timestamp: timestamp)
    if notes.isEmpty { return (try Trace(json: bytes), []) }
    return (try Trace(json: normal.compact), notes)
  }
}

/// Names that older pages use, and what they mean here.
public enum OpTypeAlias {
  static let table = ["norm": "rmsnorm", "rms_norm": "rmsnorm", "matmul": "gemm"]

  /// The usual name of an operation's family; unknown names stand for themselves.
  public static func canonical(_ opType: String) -> String { table[opType] ?? opType }
}
