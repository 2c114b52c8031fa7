@testable import Traces

/// A small set without a fault, and what a test changes in it.
struct SampleSet {
  static let definition = """
    {"name": "scale_n4", "op_type": "elementwise", "description": "x times factor", "axes": {"M": {"type": "var"}, \
    "N": {"type": "const", "value": 4}}, "inputs": {"x": {"shape": ["M", "N"], "dtype": "float32"}, \
    "factor": {"shape": null, "dtype": "float32"}, "rows": {"shape": ["M"], "dtype": "int32"}}, \
    "outputs": {"y": {"shape": ["M", "N"], "dtype": "float32"}}, "constraints": ["M >= 2"], \
    "reference": "def run(x, factor, rows): return x * factor"}
    """
  static let definitionFile = "definitions/elementwise/scale_n4.json"
  static let workloadFile = "workloads/elementwise/scale_n4.jsonl"
  static let traceFile = "traces/baseline/elementwise/scale_n4.jsonl"
  static let blobFile = "blob/workloads/elementwise/scale_n4/w.safetensors"
  static let solutionFile = "solutions/baseline/elementwise/scale_n4/plain.json"

  static func solution(
    _ name: String = "plain", by author: String = "baseline", of definition: String = "scale_n4", content: String = "x"
  ) -> String {
    """
    {"name": "\(name)", "definition": "\(definition)", "author": "\(author)", "spec": {"language": "python", \
    "target_hardware": ["cpu"], "entry_point": "m.py::run"}, "sources": [{"path": "m.py", "content": "\(content)"}]}
    """
  }

  static func workload(
    _ uuid: String = "w", axes: String = #""M": 2"#, x: String = #"{"type": "random"}"#,
    factor: String = #"{"type": "scalar", "value": 0.5}"#,
    rows: String =
      #"{"type": "safetensors", "path": "blob/workloads/elementwise/scale_n4/w.safetensors", "tensor_key": "rows"}"#,
    others: String = "", definition: String = "scale_n4"
  ) -> String {
    line(definition, uuid, axes, #""x": \#(x), "factor": \#(factor), "rows": \#(rows)\#(others)"#, "null", "null")
  }

  static func trace(
    _ uuid: String = "w", solution: String = "plain", passed: Bool = true, latency: Double = 1,
    hardware: String = "cpu",
    hash: String? = nil, definition: String = "scale_n4"
  ) -> String {
    let extra = hash.map { #", "extra": {"solution_hash": "\#($0)"}"# } ?? ""
    let outcome =
      passed
      ? #""correctness": {"max_relative_error": 0.0, "max_absolute_error": 0.0\#(extra)}, "performance": {"latency_ms": \#(latency), "reference_latency_ms": 1.0, "speedup_factor": \#(1 / latency)}"#
      : #""correctness": null, "performance": null"#
    let evaluation =
      #"{"status": "\#(passed ? "PASSED" : "RUNTIME_ERROR")", "environment": {"hardware": "\#(hardware)"}, "timestamp": "t", "log": "", \#(outcome)}"#
    return line(definition, uuid, #""M": 2"#, "", #""\#(solution)""#, evaluation)
  }

  private static func line(
    _ definition: String, _ uuid: String, _ axes: String, _ inputs: String, _ solution: String, _ evaluation: String
  ) -> String {
    #"{"definition": "\#(definition)", "workload": {"uuid": "\#(uuid)", "axes": {\#(axes)}, "inputs": {\#(inputs)}}, "solution": \#(solution), "evaluation": \#(evaluation)}"#
  }

  /// A safetensors file with one tensor of zeros.
  static func blob(
    key: String = "rows", dtype: String = "I32", shape: [Int] = [2], bytes: Int = 8, missing: Int = 0, value: UInt8 = 0
  ) -> [UInt8] {
    let header = Array(#"{"\#(key)":{"dtype":"\#(dtype)","shape":\#(shape),"data_offsets":[0,\#(bytes)]}}"#.utf8)
    var length = UInt64(header.count), file: [UInt8] = []
    for _ in 0..<8 {
      file.append(UInt8(length & 255))
      length >>= 8
    }
    return file + header + [UInt8](repeating: value, count: bytes - missing)
  }

  let folder: TemporaryFolder
  var path: String { folder.path }

  init() throws {
    folder = try TemporaryFolder()
    try write(Self.definition, to: Self.definitionFile)
    try write(Self.solution(), to: Self.solutionFile)
    try write(Self.workload() + "\n", to: Self.workloadFile)
    try write(Self.trace() + "\n", to: Self.traceFile)
    try write(Self.blob(), to: Self.blobFile)
  }

  func write(_ text: String, to file: String) throws { try folder.write(text, to: file) }
  func write(_ bytes: [UInt8], to file: String) throws {
    try FileStore.replace("\(path)/\(file)", with: bytes)
  }
  func load() throws -> TraceSet { try TraceSet.load(path) }
}
