import CUDADriver
import KernelRuntime
import Tensors
import Testing
import Traces

@Suite(.enabled(if: StandIn.isThere, StandIn.absence)) struct LaunchedKernelTests {
  private let standIn: StandIn
  private let stream: CUDAStream
  init() throws {
    standIn = try StandIn()
    stream = try CUDAStream(standIn.context)
  }

  private func kernel(_ record: LaunchRecord, _ definition: Definition) throws -> LaunchedKernel {
    try LaunchedKernel(record, image: standIn.image, definition: definition, on: standIn.context)
  }

  @Test func `names become addresses, scalars, axes and strides`() throws {
    let kernel = try kernel(StandIn.scaleRecord(), StandIn.scale)
    let host = counting([7, 8])
    let input = try stream.tensor(copying: host), output = try stream.tensor(.float32, [7, 8])
    #expect(input.device == .cuda(ordinal: 0))
    try kernel.run([.tensor(input), .scalar(2), .tensor(output)], on: stream)
    #expect(try stream.hostCopy(of: output).floats == host.floats.map { $0 * 2 })

    // Rows that lie apart: columns 8 ..< 16 of 24.
    let wide = counting([5, 24])
    let apart = try stream.tensor(copying: wide).narrow(1, from: 8, count: 8)
    let few = try stream.tensor(.float32, [5, 8])
    try kernel.run([.tensor(apart), .scalar(-1), .tensor(few)], on: stream)
    #expect(
      try stream.hostCopy(of: few).floats == (0..<5).flatMap { row in (8..<16).map { -Float(row * 24 + $0) } })
    #expect(try stream.hostCopy(of: apart).floats.first == 8)
  }

  @Test func `lets, scratch memory and conditions follow the sizes of each call`() throws {
    let kernel = try kernel(StandIn.sumsRecord(), StandIn.sums)
    for (rows, columns) in [(3, 5), (1, 16), (4, 17), (2, 33)] {
      let host = counting([rows, columns])
      let sums = try stream.tensor(.float32, [rows])
      try kernel.run([.tensor(stream.tensor(copying: host)), .tensor(sums)], on: stream)
      let expected = (0..<rows).map { row -> Float in
        host.floats[(row * columns)..<((row + 1) * columns)].reduce(0, +) * (columns > 16 ? 2 : 1)
      }
      #expect(try stream.hostCopy(of: sums).floats == expected)
    }
  }

  @Test func `an output in place has the input's contents under either name`() throws {
    for name in ["counters_out", "counters"] {
      let kernel = try kernel(StandIn.incrementRecord(name), StandIn.increment)
      let host = Tensor([Int32](0..<100), [100])
      let counters = try stream.tensor(copying: host), other = try stream.tensor(.int32, [100])
      try kernel.run([.tensor(counters), .scalar(5), .tensor(other)], on: stream)
      #expect(try stream.hostCopy(of: counters).int32s == [Int32](0..<100))
      #expect(try stream.hostCopy(of: other).int32s == [Int32](5..<105))
      try kernel.run([.tensor(counters), .scalar(7), .tensor(counters)], on: stream)
      #expect(try stream.hostCopy(of: counters).int32s == [Int32](7..<107))
    }
  }

  @Test func `where both names are passed nothing is copied`() throws {
    let definition = try Definition(
      name: "scale_in_place", opType: "scale", axes: ["batch_size": .var, "hidden_size": .const(8)],
      inputs: StandIn.scale.inputs, outputs: StandIn.scale.outputs, reference: StandIn.scale.reference,
      tags: ["in_place:output=input"])
    func kernel(when: String) throws -> LaunchedKernel {
      var launch = try StandIn.scaleRecord().launches[0]
      launch.when = try LaunchExpression(parsing: when)
      return try self.kernel(StandIn.record(definition, [launch]), definition)
    }
    let host = counting([3, 8])
    let input = try stream.tensor(copying: host)
    let output = try stream.tensor(copying: Tensor([Float](repeating: -1, count: 24), [3, 8]))
    try kernel(when: "0").run([.tensor(input), .scalar(2), .tensor(output)], on: stream)
    #expect(try stream.hostCopy(of: output).floats.allSatisfy { $0 == -1 })
    try kernel(when: "1").run([.tensor(input), .scalar(2), .tensor(output)], on: stream)
    #expect(try stream.hostCopy(of: output).floats == host.floats.map { $0 * 2 })
    #expect(try stream.hostCopy(of: input).floats == host.floats)
    try kernel(when: "1").run([.tensor(input), .scalar(3), .tensor(input)], on: stream)
    #expect(try stream.hostCopy(of: input).floats == host.floats.map { $0 * 3 })
  }

  @Test func `nothing is launched for no rows`() throws {
    let kernel = try kernel(StandIn.scaleRecord(), StandIn.scale)
    let none = try stream.tensor(.float32, [0, 8])
    try kernel.run([.tensor(none), .scalar(2), .tensor(none)], on: stream)
    try stream.synchronize()
  }

  @Test func `a graph replays the launches with what memory holds then`() throws {
    let kernel = try kernel(StandIn.sumsRecord(), StandIn.sums)
    let input = try stream.tensor(copying: counting([2, 6])), sums = try stream.tensor(.float32, [2])
    let arguments: [KernelArgument] = [.tensor(input), .tensor(sums)]
    try kernel.run(arguments, on: stream)  // takes the scratch memory
    let recording = try stream.capture { () throws(KernelError) in try kernel.run(arguments, on: stream) }
    try stream.copy(Tensor([Float](repeating: 3, count: 12), [2, 6]), to: input)
    try stream.replay(recording)
    #expect(try stream.hostCopy(of: sums).floats == [18, 18])

    // A recording cannot take memory: what it uses must stay.
    let fresh = try CUDAStream(standIn.context)
    let error = #expect(throws: KernelError.self) {
      try fresh.capture { () throws(KernelError) in try kernel.run(arguments, on: fresh) }
    }
    #expect(error?.reason.contains("run it once before recording") == true)
    // The stream is usable again.
    try kernel.run(arguments, on: fresh)
    #expect(try fresh.hostCopy(of: sums).floats == [18, 18])
  }

  @Test func `a descriptor is made of the tensor of the call`() throws {
    let definition = try Definition(
      name: "describe", opType: "describe", axes: ["rows": .var, "columns": .const(64), "words": .var],
      inputs: ["input": .tensor("rows", "columns", dtype: .float32)],
      outputs: ["words": .tensor("words", dtype: .int64)],
      reference: "def run(input):\n  pass")
    func record(box: Int) throws -> LaunchRecord {
      try StandIn.record(
        definition,
        maps: [
          .init(
            name: "rows_map", tensor: "input", type: .float32,
            extents: [try LaunchExpression(parsing: "columns"), try LaunchExpression(parsing: "rows")],
            strides: [try LaunchExpression(parsing: "columns * 4")], box: [box, 8], swizzle: 128)
        ],
        [StandIn.launch("describe", [.init("rows_map", .tensorMap), .init("words", .pointer)], grid: "1", block: "2")])
    }
    let kernel = try kernel(record(box: 32), definition)
    let input = try stream.tensor(.float32, [6, 64]), words = try stream.tensor(.int64, [2])
    try kernel.run([.tensor(input), .tensor(words)], on: stream)
    let host = try stream.hostCopy(of: words)
    let found = withExtendedLifetime(host) { (0..<2).map { host.elements(as: UInt64.self)[$0] } }
    #expect(found == [UInt64(UInt(bitPattern: input.pointer)), 64])

    let wide = try self.kernel(record(box: 64), definition)
    let error = #expect(throws: KernelError.self) { try wide.run([.tensor(input), .tensor(words)], on: stream) }
    #expect(error?.reason.contains("rows_map") == true)
    #expect(error?.reason.contains("wider than the swizzle of 128") == true)
  }

  @Test func `constants are on the device and are not given`() throws {
    let input = try stream.tensor(copying: counting([2, 3])), sums = try stream.tensor(.float32, [2])
    let kernel = try LaunchedKernel(
      StandIn.sumsRecord(), image: standIn.image, definition: StandIn.sums, constants: ["input": input],
      on: standIn.context)
    try kernel.run([.tensor(sums)], on: stream)
    #expect(try stream.hostCopy(of: sums).floats == [3, 12])
    let error = #expect(throws: KernelError.self) {
      try LaunchedKernel(
        StandIn.sumsRecord(), image: standIn.image, definition: StandIn.sums, constants: ["input": counting([2, 3])],
        on: standIn.context)
    }
    #expect(error?.reason == "input is held constant on cpu, expected on cuda:0")
  }

  @Test func `arguments that do not fit are named`() throws {
    let kernel = try kernel(StandIn.scaleRecord(), StandIn.scale)
    let x = try stream.tensor(.float32, [2, 8])
    func fault(_ arguments: [KernelArgument], on stream: (any ExecutionStream)? = nil) -> String {
      let error = #expect(throws: KernelError.self) { try kernel.run(arguments, on: stream ?? self.stream) }
      #expect(error?.code == .signatureMismatch)
      return error?.reason ?? ""
    }
    #expect(fault([.tensor(x), .scalar(1)]) == "2 arguments, expected 3: input, factor, output")
    #expect(fault([.scalar(1), .scalar(1), .tensor(x)]) == "input is a tensor, found a scalar")
    #expect(fault([.tensor(x), .tensor(x), .tensor(x)]) == "factor is a scalar, found a tensor")
    #expect(fault([.tensor(counting([2, 8])), .scalar(1), .tensor(x)]) == "input is on cpu, expected on cuda:0")
    #expect(
      fault([.tensor(x), .scalar(1), .tensor(try stream.tensor(.float32, [3, 8]))])
        == "output: axis 0 is 3, but 2 in input")
    #expect(
      fault([.tensor(try stream.tensor(.float32, [2, 9])), .scalar(1), .tensor(x)]) == "input: axis 1 is 9, expected 8")
    let wide = try stream.tensor(.float32, [2, 16]).narrow(1, from: 0, count: 8)
    #expect(fault([.tensor(x), .scalar(1), .tensor(wide)]).contains("the kernel takes no output_stride_0"))
    let odd = try stream.tensor(.float32, [33])
    let misaligned = Tensor(viewing: odd.storage, .float32, [2, 8], byteOffset: 4)
    #expect(fault([.tensor(misaligned), .scalar(1), .tensor(x)]).hasPrefix("input begins at an address"))
    #expect(
      fault([.tensor(x), .scalar(1), .tensor(x)], on: CPUStream(threads: 1)) == "bound for cuda:0, called on cpu")
  }

  @Test func `sizes that cannot be launched name their expression`() throws {
    func fault(_ launch: LaunchRecord.Launch, rows: Int) throws -> String {
      let kernel = try kernel(StandIn.record(StandIn.sums, [launch]), StandIn.sums)
      let input = try stream.tensor(.float32, [rows, 2]), sums = try stream.tensor(.float32, [rows])
      let error = #expect(throws: KernelError.self) { try kernel.run([.tensor(input), .tensor(sums)], on: stream) }
      #expect(error?.code == .runFailed)
      return error?.reason ?? ""
    }
    let parameters: [LaunchRecord.Parameter] = [.init("sums", .pointer), .init("global_scratch", .null)]
    func launch(_ x: String, _ y: String = "1", block: String = "1", shared: String = "0") throws -> LaunchRecord.Launch
    {
      try StandIn.launch("double_sums", parameters, grid: x, y, block: block, shared: shared)
    }
    #expect(
      try fault(launch("1", "batch_size * 30000"), rows: 3)
        == "double_sums: grid[1] = batch_size * 30000 is 90000; there may be 0 to 65535")
    #expect(
      try fault(launch("1 - batch_size"), rows: 3)
        == "double_sums: grid[0] = 1 - batch_size is -2; there may be 0 to 2147483647")
    #expect(try fault(launch("10 // (batch_size - 3)"), rows: 3).contains("column 4: 10 is divided by zero"))
    #expect(
      try fault(launch("1", block: "batch_size * 1000"), rows: 3).contains("block[0] = batch_size * 1000 is 3000"))
    #expect(try fault(launch("1", shared: "batch_size * 100000"), rows: 3).contains("is 300000 bytes"))
    let long = try StandIn.launch(
      "merge_sums",
      [
        .init("input", .pointer), .init("sums", .pointer),
        .init("splits", .i32, value: LaunchExpression(parsing: "batch_size * 3000000000")),
      ],
      grid: "1")
    #expect(try fault(long, rows: 1) == "merge_sums: splits is 3000000000, which is no 32-bit number")
  }

  @Test func `a record that does not fit its definition is refused by name when it is built`() throws {
    func fault(_ record: LaunchRecord, _ definition: Definition = StandIn.sums) -> String {
      let error = #expect(throws: KernelError.self) { try kernel(record, definition) }
      #expect(error?.code == .buildFailed)
      return error?.reason ?? ""
    }
    func record(_ parameter: LaunchRecord.Parameter, grid: String = "1", entry: String = "fail") throws -> LaunchRecord
    {
      try StandIn.record(StandIn.sums, [StandIn.launch(entry, [parameter], grid: grid)])
    }
    #expect(
      fault(try record(.init("outputs", .pointer))).contains("launches[0].parameters[0].name: outputs is no input"))
    #expect(fault(try record(.init("sums", .i64))).contains("sums is a tensor, which is not passed as i64"))
    #expect(fault(try record(.init("batch_size", .pointer))).contains("batch_size is a number"))
    #expect(fault(try record(.init("sums_stride_1", .i64))).contains("sums_stride_1 is no input"))
    #expect(
      fault(try record(.init("sums", .pointer), grid: "rows")).contains("launches[0].grid[0]: \"rows\", column 1"))
    #expect(fault(try record(.init("sums", .pointer), entry: "absent")).contains("\"absent\""))
    #expect(fault(try record(.init("sums", .pointer)), StandIn.increment) == "the launch record is for row_sums")
    let later = try StandIn.record(
      StandIn.sums, lets: [("a", "b + 1"), ("b", "1")], [StandIn.launch("fail", [.init("sums", .pointer)], grid: "1")])
    #expect(fault(later).contains("let[0]: \"b + 1\", column 1"))
    let taken = try StandIn.record(
      StandIn.sums, lets: [("sums", "1")], [StandIn.launch("fail", [.init("sums", .pointer)], grid: "1")])
    #expect(fault(taken).contains("sums is an axis, input or output of row_sums"))
    let real = try StandIn.record(
      StandIn.sums, target: "sm_90a", [StandIn.launch("fail", [.init("sums", .pointer)], grid: "1")])
    #expect(fault(real).contains("executes emulated kernels only"))
    let cluster = try StandIn.record(
      StandIn.sums, [StandIn.launch("fail", [.init("sums", .pointer)], grid: "2", cluster: [2, 1, 1])])
    #expect(fault(cluster).contains("launches no clusters"))
    var changed = cluster
    changed.launches[0].cluster = []
    #expect(fault(changed).contains("launches[0].cluster: 0 parts"))
  }

  @Test func `a kernel's fault is told with its place`() throws {
    let kernel = try kernel(
      StandIn.record(StandIn.sums, [StandIn.launch("fail", [.init("sums", .pointer)], grid: "batch_size")]),
      StandIn.sums)
    let error = #expect(throws: KernelError.self) {
      try kernel.run([.tensor(stream.tensor(.float32, [1, 2])), .tensor(stream.tensor(.float32, [1]))], on: stream)
    }
    #expect(error?.code == .runFailed)
    #expect(error?.definition == "row_sums")
    #expect(error?.solution == "fixture_cuda")
    #expect(error?.reason.contains("CUDA_ERROR_LAUNCH_FAILED") == true)
    #expect(error?.reason.contains("thread (3, 0, 0)") == true)
    #expect(error?.reason.contains("context is lost") == false)
  }
}
