import JSONText

/// The three families of documents in the wild that look alike.
public enum Dialect: String, Sendable, Hashable, CaseIterable {
  /// FlashInfer-Bench: what this package's types are.
  case flashInferBench = "flashinfer-bench"
  /// FlashInfer's own trace code, newer.
  case flashInfer = "flashinfer"
  /// NVIDIA's SOL-ExecBench.
  case solExecBench = "sol-execbench"
}

/// What a document describes.
public enum DocumentKind: String, Sendable, Hashable, CaseIterable {
  case definition, solution, workload, trace

  /// By the members that only one kind has.
  public init?(of value: JSONValue) {
    if value["sources"] != nil || value["spec"] != nil {
      self = .solution
    } else if value["workload"] != nil {
      self = .trace
    } else if value["outputs"] != nil || value["reference"] != nil {
      self = .definition
    } else if value["axes"] != nil, value["inputs"] != nil {
      self = .workload
    } else {
      return nil
    }
  }
}

/// A document with its dialect, kept as it was read: it is written back byte for byte, or converted.
public struct DialectDocument: Sendable, Hashable {
  public let kind: DocumentKind
  public let dialect: Dialect
  /// What spoke for the dialect; empty when nothing spoke against FlashInfer-Bench's.
  public let evidence: [String]
  /// What a reader must not guess silently: fields whose default differs between the dialects.
  public let ambiguities: [String]
  public let value: JSONValue
  /// The bytes that were read.
  public let json: [UInt8]

  /// - Parameter dialect: overrides the detection.
  public init(json bytes: [UInt8], dialect: Dialect? = nil) throws(SchemaError) {
    let value = try Document.parse(bytes[...])
    guard let kind = DocumentKind(of: value) else {
      throw SchemaError(
        .modelType,
        "expected a definition (outputs), a solution (sources), a trace (workload) or a workload (axes, inputs)")
    }
    let sol = DialectDetection.evidenceForSOL(value, kind)
    let own = DialectDetection.evidenceForFlashInfer(value, kind)
    self.dialect = dialect ?? (!sol.isEmpty ? .solExecBench : !own.isEmpty ? .flashInfer : .flashInferBench)
    switch self.dialect {
    case .solExecBench: evidence = sol
    case .flashInfer: evidence = own
    case .flashInferBench: evidence = []
    }
    var ambiguities: [String] = []
    if kind == .solution, self.dialect != .solExecBench, value["spec"]?["destination_passing_style"] == nil {
      ambiguities.append(
        "spec.destination_passing_style is not set: true by default in FlashInfer-Bench, false in FlashInfer's own dialect"
      )
    }
    (self.kind, self.value, self.ambiguities, json) = (kind, value, ambiguities, bytes)
  }
}

/// Cheap, field-based detection.
enum DialectDetection {
  static func evidenceForSOL(_ value: JSONValue, _ kind: DocumentKind) -> [String] {
    var found: [String] = []
    switch kind {
    case .definition:
      for field in ["custom_inputs_entrypoint", "hf_id"] where value[field] != nil { found.append(field) }
      for (name, axis) in members(value["axes"]) where axis["type"]?.string == "expr" {
        found.append("axes.\(name) is an expression")
      }
      for field in ["inputs", "outputs"] {
        for (name, spec) in members(value[field]) where hasDigitShape(spec) {
          found.append("\(field).\(name).shape has a number")
        }
      }
    case .solution:
      if value["spec"]?["languages"]?.array != nil { found.append("spec.languages is a list") }
    case .workload:
      if value["tolerance"] != nil { found.append("tolerance") }
      for (name, input) in members(value["inputs"]) where input["type"]?.string == "custom" {
        found.append("inputs.\(name) is custom")
      }
    case .trace:
      if let workload = value["workload"] { found = evidenceForSOL(workload, .workload) }
      if let status = value["evaluation"]?["status"]?.string, ["INVALID_REFERENCE", "REWARD_HACK"].contains(status) {
        found.append("the status \(status)")
      }
      if value["evaluation"]?["correctness"]?["has_nan"] != nil { found.append("evaluation.correctness.has_nan") }
    }
    return found
  }

  static func evidenceForFlashInfer(_ value: JSONValue, _ kind: DocumentKind) -> [String] {
    var found: [String] = []
    switch kind {
    case .definition:
      for (name, spec) in members(value["outputs"]) where spec["param"] != nil { found.append("outputs.\(name).param") }
      for (name, spec) in members(value["inputs"]) where spec["optional"] != nil {
        found.append("inputs.\(name).optional")
      }
      let reference = value["reference"]?.string ?? ""
      let functions = (try? PythonModule(tokenizing: reference))?.functions ?? []
      if value["tags"]?.array?.contains(where: { $0.string?.hasPrefix("fi_api:") ?? false }) ?? false,
        !functions.contains("run")
      {
        found.append("a tag fi_api: and no function run")
      }
    case .solution:
      let spec = value["spec"]
      if let language = spec?["language"]?.string, ["cutedsl", "cutlass", "cutile"].contains(language) {
        found.append("spec.language is \(language)")
      }
      if spec?["destination_passing_style"] == nil,
        spec?["target_hardware"]?.array?.contains(where: { $0.string?.hasPrefix("sm") ?? false }) ?? false
      {
        found.append("spec.target_hardware is an sm version and destination_passing_style is not set")
      }
    case .workload, .trace: break
    }
    return found
  }

  static func members(_ value: JSONValue?) -> [(key: String, value: JSONValue)] { value?.object?.members ?? [] }

  private static func hasDigitShape(_ spec: JSONValue) -> Bool {
    spec["shape"]?.array?.contains { isDigits($0.string) } ?? false
  }

  static func isDigits(_ text: String?) -> Bool {
    guard let text, !text.isEmpty else { return false }
    return text.utf8.allSatisfy { (0x30...0x39).contains($0) }
  }
}
