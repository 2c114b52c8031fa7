import KernelRuntime
import Synchronization
import Tensors
import Testing

@Suite(.enabled(if: StandIn.isThere, StandIn.absence)) struct EmulatedLaunchTests {
  private let standIn: StandIn
  private let stream = CPUStream(threads: 1)
  init() throws { standIn = try StandIn() }

  @Test func `tensors on the CPU are used where they lie`() throws {
    let kernel = try EmulatedLaunch(
      StandIn.sumsRecord(), image: standIn.image, definition: StandIn.sums, on: standIn.context)
    for columns in [3, 17] {
      let input = counting([4, columns]), sums = Tensor(.float32, [4])
      try kernel.run([.tensor(input), .tensor(sums)], on: stream)
      #expect(
        sums.floats
          == (0..<4).map { row in
            input.floats[(row * columns)..<((row + 1) * columns)].reduce(0, +) * (columns > 16 ? 2 : 1)
          })
    }
  }

  @Test func `misaligned tensors are copied there and back, and what is only read is not written`() throws {
    let kernel = try EmulatedLaunch(
      StandIn.scaleRecord(), image: standIn.image, definition: StandIn.scale, on: standIn.context)
    let memory = counting([100])
    let input = Tensor(viewing: memory.storage, .float32, [3, 8], byteOffset: 4)
    let output = Tensor(viewing: Storage(byteCount: 200), .float32, [3, 8], byteOffset: 12)
    try kernel.run([.tensor(input), .scalar(3), .tensor(output)], on: stream)
    #expect(output.floats == (1...24).map { Float($0) * 3 })
    #expect(memory.floats == (0..<100).map(Float.init))

    // In place, both at one misaligned place, with something on each side.
    let increment = try EmulatedLaunch(
      StandIn.incrementRecord(), image: standIn.image, definition: StandIn.increment, on: standIn.context)
    let numbers = Tensor([Int32](0..<10), [10])
    let inner = Tensor(viewing: numbers.storage, .int32, [7], byteOffset: 4)
    try increment.run([.tensor(inner), .scalar(10), .tensor(inner)], on: stream)
    #expect(numbers.int32s == [0, 11, 12, 13, 14, 15, 16, 17, 8, 9])
    // Out of place: the input's contents are there, the input stays.
    let other = Tensor(.int32, [10])
    try increment.run([.tensor(numbers), .scalar(1), .tensor(other)], on: stream)
    #expect(other.int32s == [1, 12, 13, 14, 15, 16, 17, 18, 9, 10])
    #expect(numbers.int32s[0] == 0)
  }

  @Test func `several threads may call one kernel`() async throws {
    let kernel = try EmulatedLaunch(
      StandIn.sumsRecord(), image: standIn.image, definition: StandIn.sums, on: standIn.context)
    let wrong = await withTaskGroup(of: Int.self) { group in
      for rows in 1...6 {
        group.addTask {
          let stream = CPUStream(threads: 1)
          let input = counting([rows, 2]), sums = Tensor(.float32, [rows])
          guard (try? kernel.run([.tensor(input), .tensor(sums)], on: stream)) != nil else { return 1 }
          return sums.floats == (0..<rows).map { Float(4 * $0 + 1) } ? 0 : 1
        }
      }
      return await group.reduce(0, +)
    }
    #expect(wrong == 0)
  }

  @Test func `a fault names kernel, block and thread, and the next call runs`() throws {
    let record = try StandIn.record(
      StandIn.sums, [StandIn.launch("fail", [.init("sums", .pointer)], grid: "select(batch_size > 1, 2, 0)")])
    let kernel = try EmulatedLaunch(record, image: standIn.image, definition: StandIn.sums, on: standIn.context)
    func call(_ rows: Int) throws {
      try kernel.run([.tensor(counting([rows, 2])), .tensor(Tensor(.float32, [rows]))], on: stream)
    }
    let error = #expect(throws: KernelError.self) { try call(64) }
    #expect(error?.code == .runFailed)
    #expect(error?.reason.contains("kernel 'fail', block (") == true)
    #expect(error?.reason.contains("thread (3, 0, 0)") == true)
    try call(1)
  }

  @Test func `what was compiled for a GPU is not executed here`() throws {
    let record = try StandIn.record(
      StandIn.sums, target: "sm_80", [StandIn.launch("fail", [.init("sums", .pointer)], grid: "1")])
    let error = #expect(throws: KernelError.self) {
      try EmulatedLaunch(record, image: standIn.image, definition: StandIn.sums, on: standIn.context)
    }
    #expect(error?.reason == "compiled for sm_80, which the CPU does not execute; expected emulated")
  }
}
