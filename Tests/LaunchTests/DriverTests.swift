import CUDADriver
import KernelRuntime
import Tensors
import TestSupport
import Testing

/// The driver's own objects, over the stand-in.
@Suite(.enabled(if: StandIn.isThere, StandIn.absence)) struct DriverTests {
  private let context: CUDAContext
  init() throws { context = try StandIn().context }

  @Test func `a device says what it has`() throws {
    let device = context.device
    #expect(device.driver.isEmulation)
    #expect(device.driver.version >= 12000)
    #expect(!device.name.isEmpty)
    #expect(device.multiprocessorCount > 0 && device.threadsPerBlock == 1024)
    #expect(device.sharedBytesPerBlock == 48 << 10 && device.sharedBytesPerBlockOptIn > 48 << 10)
    #expect(device.targetNumber == device.computeCapability.major * 10 + device.computeCapability.minor)
    #expect((device.memoryBandwidth ?? 0) > 0)
    #expect(try context.memory().total == device.memoryBytes)
    let error = #expect(throws: CUDAError.self) { try device.driver.device(7) }
    #expect(error?.reason.hasPrefix("there is no device 7") == true)
    #expect(throws: CUDAError.self) { try device.driver.device(-1) }
  }

  @Test func `memory is filled, copied and given back`() throws {
    let stream = try context.makeStream()
    let free = try context.memory().free
    do {
      let a = try stream.allocate(byteCount: 1000), b = try context.allocate(byteCount: 1000)
      #expect(a.address % 256 == 0 && b.address % 256 == 0)
      #expect(try context.memory().free <= free - 2000)
      let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0 * 7) }
      try bytes.withUnsafeBytes { try stream.copyIn(from: #require($0.baseAddress), to: a.address, byteCount: 1000) }
      try stream.copy(from: a.address, to: b.address, byteCount: 600)
      try stream.fill(b.address + 600, with: 9, byteCount: 400)
      var back = [UInt8](repeating: 0, count: 1000)
      try back.withUnsafeMutableBytes {
        try stream.copyOut(from: b.address, to: #require($0.baseAddress), byteCount: 1000)
      }
      try stream.synchronize()
      #expect(back == bytes[..<600] + [UInt8](repeating: 9, count: 400))
      let pinned = try PinnedMemory(context, byteCount: 100)
      try context.copyOut(from: a.address, to: pinned.pointer, byteCount: 100)
      #expect(Array(UnsafeRawBufferPointer(start: pinned.pointer, count: 100)) == Array(bytes[..<100]))
    }
    #expect(try context.allocate(byteCount: 0).address != 0)
    #expect(throws: CUDAError.self) { try context.allocate(byteCount: -1) }
  }

  @Test func `too large a request says how much there is`() throws {
    let error = #expect(throws: CUDAError.self) { try context.allocate(byteCount: 1 << 46) }
    #expect(error?.isOutOfMemory == true)
    #expect(error?.isContextLost == false)
    #expect(error?.description.contains("70368744177664 bytes wanted") == true)
    #expect(error?.description.contains("free on device 0") == true)
  }

  @Test func `events measure time and order streams`() throws {
    let first = try context.makeStream(), second = try context.makeStream()
    let start = try DriverEvent(context), end = try DriverEvent(context)
    try start.record(on: first)
    try second.wait(for: start)
    try end.record(on: second)
    try end.synchronize()
    #expect(try end.isDone())
    #expect(try end.milliseconds(since: start) >= 0)
    let silent = try DriverEvent(context, measuresTime: false)
    try silent.record(on: first)
    #expect(throws: CUDAError.self) { try silent.milliseconds(since: start) }
  }

  @Test func `objects may be used from other threads`() async throws {
    let context = context
    let right = try await withThrowingTaskGroup(of: Bool.self) { group in
      for value in 1...8 {
        group.addTask {
          let stream = try context.makeStream()
          let memory = try stream.allocate(byteCount: 64)
          try stream.fill(memory.address, with: UInt8(value), byteCount: 64)
          var back = [UInt8](repeating: 0, count: 64)
          try back.withUnsafeMutableBytes {
            try stream.copyOut(from: memory.address, to: #require($0.baseAddress), byteCount: 64)
          }
          try stream.synchronize()
          return back == [UInt8](repeating: UInt8(value), count: 64)
        }
      }
      return try await group.reduce(true) { $0 && $1 }
    }
    #expect(right)
  }

  @Test func `an image that cannot be loaded, and a function that is not there, are told`() throws {
    let cubin = try Fixtures.bytes("gpu/scale.sm_80.cubin")
    let error = #expect(throws: CUDAError.self) { try CUDAModule(context, image: cubin) }
    #expect(error?.call == "cuModuleLoadData")
    #expect(error?.name == "CUDA_ERROR_INVALID_IMAGE")
    #expect(throws: CUDAError.self) { try CUDAModule(context, image: []) }
    #expect(throws: CUDAError.self) { try CUDAModule(context, path: "/nonexistent/kernel.cubin") }

    let paths = try GPUToolchain.standIn.get()
    let module = try CUDAModule(context, path: paths.image)
    let missing = #expect(throws: CUDAError.self) { try module.function("nothing") }
    #expect(missing?.description.contains("\"nothing\"") == true)
    let function = try module.function("fail")
    #expect(try function.attributes().maximumThreadsPerBlock == 1024)
    try function.allowDynamicShared(bytes: 64 << 10)
    let shared = #expect(throws: CUDAError.self) { try function.allowDynamicShared(bytes: 1 << 20) }
    #expect(shared?.reason.contains("fail wants 1048576 bytes of shared memory") == true)
  }
}
