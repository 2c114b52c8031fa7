import CUDADriver
import KernelRuntime
import Tensors
import TestSupport
import Testing
import Traces

/// The stand-in driver with the fixture's kernels.
struct StandIn {
  let context: CUDAContext
  let image: KernelImage

  static let isThere: Bool = {
    if case .failure(let reason) = GPUToolchain.standIn { print("skipped: \(reason)") }
    return (try? GPUToolchain.standIn.get()) != nil
  }()

  static var absence: Comment {
    if case .failure(let reason) = GPUToolchain.standIn { "\(reason)" } else { "there" }
  }

  init() throws {
    let paths = try GPUToolchain.standIn.get()
    context = try CUDADriver(path: paths.library).device(0).context()
    image = .file(paths.image)
  }

  /// A record of the fixture's kernels.
  static func record(
    _ definition: Definition, target: String = "emulated", lets: [(String, String)] = [],
    scratch: [(String, String)] = [], maps: [LaunchRecord.TensorMap] = [], _ launches: [LaunchRecord.Launch]
  ) throws -> LaunchRecord {
    try LaunchRecord(
      solution: "fixture_cuda", operation: definition.opType, definition: definition.name, language: "cuda",
      target: target, image: "kernel.so",
      lets: lets.map { .init($0.0, try LaunchExpression(parsing: $0.1)) },
      scratch: scratch.map { .init($0.0, try LaunchExpression(parsing: $0.1)) }, tensorMaps: maps, launches: launches)
  }

  static func launch(
    _ entry: String, _ parameters: [LaunchRecord.Parameter], grid: String..., block: String = "32", when: String? = nil,
    pdl: Bool = false, cluster: [Int] = [1, 1, 1], shared: String = "0"
  ) throws -> LaunchRecord.Launch {
    .init(
      entry: entry, parameters: parameters, grid: try grid.map { try LaunchExpression(parsing: $0) },
      block: [try LaunchExpression(parsing: block)], shared: try LaunchExpression(parsing: shared), cluster: cluster,
      pdl: pdl, when: try when.map { try LaunchExpression(parsing: $0) })
  }

  // MARK: operations

  static let scale = try! Definition(
    name: "scale_h8", opType: "scale", axes: ["batch_size": .var, "hidden_size": .const(8)],
    inputs: ["input": .tensor("batch_size", "hidden_size", dtype: .float32), "factor": .scalar(.float32)],
    outputs: ["output": .tensor("batch_size", "hidden_size", dtype: .float32)],
    reference: "def run(input, factor):\n  pass",
    tags: ["strided:input"])

  static func scaleRecord() throws -> LaunchRecord {
    try record(
      scale,
      [
        launch(
          "scale_rows",
          [
            .init("output", .pointer), .init("input", .pointer), .init("input_stride_0", .i64),
            .init("batch_size", .i32),
            .init("hidden_size", .i32), .init("factor", .f32),
          ], grid: "min(batch_size, sm_count)")
      ])
  }

  static let sums = try! Definition(
    name: "row_sums", opType: "row_sums", axes: ["batch_size": .var, "hidden_size": .var],
    inputs: ["input": .tensor("batch_size", "hidden_size", dtype: .float32)],
    outputs: ["sums": .tensor("batch_size", dtype: .float32)], reference: "def run(input):\n  pass")

  /// In so many parts as the rows are long; doubled where they are longer than 16.
  static func sumsRecord() throws -> LaunchRecord {
    try record(
      sums, lets: [("splits", "max(1, ceildiv(hidden_size, 4))")], scratch: [("partial", "batch_size * splits * 4")],
      [
        launch(
          "partial_sums",
          [.init("input", .pointer), .init("partial", .pointer), .init("hidden_size", .i32), .init("splits", .i32)],
          grid: "batch_size", "splits"),
        launch(
          "merge_sums", [.init("partial", .pointer), .init("sums", .pointer), .init("splits", .i32)],
          grid: "batch_size",
          block: "1", pdl: true),
        launch(
          "double_sums", [.init("sums", .pointer), .init("global_scratch", .null)], grid: "batch_size", block: "1",
          when: "hidden_size > 16"),
      ])
  }

  static let increment = try! Definition(
    name: "increment", opType: "increment", axes: ["num_counters": .var],
    inputs: ["counters": .tensor("num_counters", dtype: .int32), "amount": .scalar(.int32)],
    outputs: ["counters_out": .tensor("num_counters", dtype: .int32)], reference: "def run(counters, amount):\n  pass",
    tags: ["in_place:counters_out=counters"])

  /// - counters: the name by which the kernel's parameter is known.
  static func incrementRecord(_ counters: String = "counters_out") throws -> LaunchRecord {
    try record(
      increment,
      [
        launch(
          "increment", [.init(counters, .pointer), .init("num_counters", .i32), .init("amount", .i32)],
          grid: "ceildiv(num_counters, 32)")
      ])
  }
}

/// Values 0, 1, 2 …
func counting(_ shape: Shape) -> Tensor { Tensor((0..<shape.count).map(Float.init), shape) }
