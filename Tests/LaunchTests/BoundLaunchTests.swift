import CUDADriver
import KernelRuntime
import Tensors
import TestSupport
import Testing
import Traces

/// Launched kernels behind the library's dispatch, on a device.
@Suite(.enabled(if: StandIn.isThere, StandIn.absence)) struct BoundLaunchTests {
  private let standIn: StandIn
  private let stream: CUDAStream
  init() throws {
    standIn = try StandIn()
    stream = try CUDAStream(standIn.context)
  }

  private func solution(_ name: String, _ record: LaunchRecord) -> KernelSolution {
    let (image, device) = (standIn.image, standIn.context)
    return KernelSolution(
      operation: StandIn.sums.opType, definition: nil, name: name, flavor: .cuda, author: "test", source: name,
      isBatchInvariant: nil, needsCompilation: false,
      availability: { _, context in
        context.device == .cuda(ordinal: 0) ? .available : .unavailable(because: "for cuda:0")
      },
      build: { definition, context throws(KernelError) in
        try LaunchedKernel(record, image: image, definition: definition, constants: context.constants, on: device)
      })
  }

  /// Twice the sums.
  private func wrong() throws -> LaunchRecord {
    let right = try StandIn.sumsRecord()
    return try StandIn.record(
      StandIn.sums, lets: [("splits", "max(1, ceildiv(hidden_size, 4))")],
      scratch: [("partial", "batch_size * splits * 4")],
      Array(right.launches.prefix(2))
        + [
          StandIn.launch(
            "double_sums", [.init("sums", .pointer), .init("global_scratch", .null)], grid: "batch_size", block: "1")
        ])
  }

  @Test func `a bound kernel runs on the device's stream and on no other`() throws {
    let library = KernelLibrary(
      solutions: [solution("a", try StandIn.sumsRecord())], policy: KernelPolicy(preferred: [.cuda]))
    let kernel = try library.bind(StandIn.sums, on: .cuda(ordinal: 0))
    let sums = try stream.tensor(.float32, [2])
    try kernel.apply([.tensor(stream.tensor(copying: counting([2, 3]))), .tensor(sums)], on: stream)
    #expect(try stream.hostCopy(of: sums).floats == [3, 12])
    let error = #expect(throws: KernelError.self) {
      try kernel.apply([.tensor(counting([2, 3])), .tensor(sums)], on: CPUStream(threads: 1))
    }
    #expect(error?.reason == "bound for cuda:0, called on cpu")
    #expect(throws: KernelError.self) { try library.bind(StandIn.sums) }
    let host = #expect(throws: KernelError.self) {
      try kernel.apply([.tensor(counting([2, 3])), .tensor(sums)], on: stream)
    }
    #expect(host?.reason == "input is on cpu, expected on cuda:0")
  }

  @Test func `kernels for the CPU refuse a device's stream`() {
    let kernel = SwiftKernel { (_, _) throws(KernelError) in }
    let error = #expect(throws: KernelError.self) { try kernel.run([], on: stream) }
    #expect(error?.reason == "runs on the cpu, called on cuda:0")
  }

  @Test(arguments: [true, false])
  func `a shadow run compares on the device`(agrees: Bool) throws {
    var library = KernelLibrary(
      solutions: [
        solution("a", try StandIn.sumsRecord()), solution("candidate", try agrees ? StandIn.sumsRecord() : wrong()),
      ], policy: KernelPolicy(preferred: [.cuda]))
    let board = KernelSwitchboard(), quarantine = Quarantine(version: "1")
    (library.switchboard, library.quarantine) = (board, quarantine)
    let kernel = try library.bind(StandIn.sums, on: .cuda(ordinal: 0))
    #expect(kernel.solution == "a")
    board.enqueue(
      try library.prepareShadow(
        definition: StandIn.sums.name, candidate: "candidate", every: 1, agreements: 2, promotes: false))
    board.betweenSteps()
    let input = try stream.tensor(copying: counting([2, 3])), sums = try stream.tensor(.float32, [2])
    for _ in 0..<3 {
      try kernel.apply([.tensor(input), .tensor(sums)], on: stream)
      #expect(try stream.hostCopy(of: sums).floats == [3, 12])
    }
    #expect(
      quarantine.all.map(\.reason) == (agrees ? [] : ["in a shadow run sums[0] is 6.0, the kernel in use has 3.0"]))
  }

  @Test func `launches may come from several images of a folder`() throws {
    let folder = try String(GPUToolchain.standIn.get().image.dropLast("/kernel.so".count))
    let right = try StandIn.sumsRecord()
    var launches = right.launches
    launches[1].image = "kernel_1.so"
    var record = right
    record.launches = launches
    let refused = #expect(throws: KernelError.self) {
      try LaunchedKernel(record, image: standIn.image, definition: StandIn.sums, on: standIn.context)
    }
    #expect(refused?.reason.contains("launches[1].image: kernel_1.so was not given") == true)
    let missing = #expect(throws: KernelError.self) {
      try LaunchedKernel(record, image: .folder(folder), definition: StandIn.sums, on: standIn.context)
    }
    #expect(missing?.reason.contains("kernel_1.so") == true)
    record.launches[1].image = "kernel.so"
    let kernel = try LaunchedKernel(record, image: .folder(folder), definition: StandIn.sums, on: standIn.context)
    let sums = try stream.tensor(.float32, [1])
    try kernel.run([.tensor(stream.tensor(copying: counting([1, 5]))), .tensor(sums)], on: stream)
    #expect(try stream.hostCopy(of: sums).floats == [10])
  }
}
