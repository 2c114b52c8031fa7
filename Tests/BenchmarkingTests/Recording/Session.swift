import Benchmarking
import Checkpoints
import Glibc
import JSONText
import Synchronization
import Tensors
import TestSupport
import Testing
import Traces

@testable import KernelRuntime

/// A recorder in a folder, and what it told its owner.
final class Session {
  let folder: TemporaryFolder
  let root: String
  let recorder: WorkloadRecorder
  let problems: Problems

  init(_ policy: RecordingPolicy = RecordingPolicy(), in folder: TemporaryFolder? = nil) throws {
    let folder = try folder ?? TemporaryFolder(), problems = Problems()
    (self.folder, self.problems, root) = (folder, problems, folder.path + "/traces")
    recorder = try WorkloadRecorder(root: root, policy: policy) { problem in problems.add(problem) }
  }

  /// Everything recorded so far.
  func recorded() throws -> TraceSet {
    recorder.flush()
    return try TraceSet.load(root, .strict)
  }

  func call(
    _ definition: Definition, _ arguments: [KernelArgument], axes: [Int], layer: Int? = nil,
    constants: [String: Tensor] = [:]
  ) {
    recorder.willCall(
      KernelCall(definition: definition, constants: constants, layer: layer), arguments: arguments, axes: axes)
  }
}

/// What a recorder told, in order; may hold the writing thread up.
final class Problems: Sendable {
  private let list = Mutex<[RecordingProblem]>([])
  /// Taken while a problem is told.
  let gate = Mutex(())

  func add(_ problem: RecordingProblem) {
    list.withLock { $0.append(problem) }
    gate.withLock { _ in }
  }

  var all: [RecordingProblem] { list.withLock { $0 } }
}

/// One axis of int32.
func indexTensor(_ values: [Int32]) -> Tensor { Tensor(values, [values.count]) }

/// A tensor of a blob.
struct BlobTensor: Equatable {
  let dtype: String, shape: [Int], bytes: [UInt8]

  init(dtype: String, shape: [Int], bytes: [UInt8]) { (self.dtype, self.shape, self.bytes) = (dtype, shape, bytes) }

  init(_ values: [Int32]) {
    self.init(dtype: "I32", shape: [values.count], bytes: values.withUnsafeBytes { Array($0) })
  }

  /// The tensors of a safetensors file.
  static func read(_ path: String) throws -> [String: BlobTensor] {
    let file = try MappedFile.open(path)
    let bytes = file.withBytes { Array($0) }
    let length = bytes.withUnsafeBytes { Int($0.loadUnaligned(as: UInt64.self)) }
    let header = try #require(try JSONValue(parsing: Array(bytes[8..<8 + length])).object)
    var tensors: [String: BlobTensor] = [:]
    for (name, entry) in header.members {
      let offsets = (entry["data_offsets"]?.array ?? []).compactMap(\.int)
      tensors[name] = BlobTensor(
        dtype: try #require(entry["dtype"]?.string), shape: (entry["shape"]?.array ?? []).compactMap(\.int),
        bytes: Array(bytes[(8 + length + offsets[0])..<(8 + length + offsets[1])]))
    }
    return tensors
  }

  /// The tensors of a recorded workload, found the way a reader of the set finds them.
  static func all(of workload: Workload, in set: TraceSet) throws -> [String: BlobTensor] {
    var tensors: [String: BlobTensor] = [:]
    for (name, input) in workload.inputs {
      guard case .safetensors(let path, let key) = input else { continue }
      tensors[name] = try read(try set.resolveBlob(path))[key]
    }
    return tensors
  }
}

/// A definition with one index array, one float array and one scalar.
enum Gather {
  static let definition = definition(named: "gather")

  static func definition(named name: String, opType: String = "gather", scalar: DType = .float32) -> Definition {
    try! Definition(
      name: name, opType: opType, axes: ["rows": .var, "count": .var, "width": .const(2)],
      inputs: [
        "table": .tensor("rows", "width", dtype: .float32), "indices": .tensor("count", dtype: .int32),
        "scale": .scalar(scalar),
      ],
      outputs: ["output": .tensor("count", "width", dtype: .float32)],
      reference: "def run(table, indices, scale):\n    return table[indices] * scale\n")
  }

  static func arguments(rows: Int = 4, _ indices: [Int32], scale: Double = 0.125) -> [KernelArgument] {
    [
      .tensor(Tensor(.float32, [rows, 2])), .tensor(indexTensor(indices)), .scalar(scale),
      .tensor(Tensor(.float32, [indices.count, 2])),
    ]
  }
}

extension Session {
  static func gather(_ recorder: WorkloadRecorder, _ indices: [Int32], layer: Int) {
    recorder.willCall(
      KernelCall(definition: Gather.definition, constants: [:], layer: layer), arguments: Gather.arguments(indices),
      axes: [4, indices.count])
  }

  func gather(_ indices: [Int32], rows: Int = 4, scale: Double = 0.125, layer: Int? = nil, _ name: String = "gather") {
    call(
      Gather.definition(named: name), Gather.arguments(rows: rows, indices, scale: scale), axes: [rows, indices.count],
      layer: layer)
  }
}
