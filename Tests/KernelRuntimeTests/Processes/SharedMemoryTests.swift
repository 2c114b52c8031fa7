import Glibc
import KernelRuntime
import Tensors
import Testing

@Suite("Shared memory") struct SharedMemoryTests {
  @Test("is zeroed, and at least a byte")
  func fresh() throws {
    for count in [0, 1, 4096, 100_000] {
      let memory = try SharedMemory(byteCount: count)
      #expect(memory.byteCount == max(count, 1))
      #expect(UnsafeRawBufferPointer(start: memory.pointer, count: memory.byteCount).allSatisfy { $0 == 0 })
    }
  }

  @Test("another process sees what was written, and we see what it writes")
  func otherProcess() throws {
    let memory = try SharedMemory(byteCount: 8)
    memory.tensor(.int8, [4]).elements(as: UInt8.self).update(repeating: 0x61, count: 4)
    let child = try ChildProcess(["/bin/sh", "-c", "cat <&3; printf zz 1<>/dev/fd/3"], passing: [memory.descriptor])
    #expect(Array(try child.receiveAll(within: .seconds(10)).prefix(4)) == [0x61, 0x61, 0x61, 0x61])
    #expect(child.wait() == 0)
    #expect(Array(UnsafeRawBufferPointer(start: memory.pointer, count: 3)) == [0x7A, 0x7A, 0x61])
  }

  @Test("grows: both mappings show the same bytes, new ones are zero, and the old one stays valid")
  func growing() throws {
    let small = try SharedMemory(byteCount: 100)
    let large = try small.grown(to: 1_000_000)
    small.pointer.storeBytes(of: 7, toByteOffset: 50, as: UInt8.self)
    #expect(large.byteCount == 1_000_000)
    #expect(large.pointer.load(fromByteOffset: 50, as: UInt8.self) == 7)
    #expect(large.pointer.load(fromByteOffset: 999_999, as: UInt8.self) == 0)
    // Asking for less gives the same length.
    #expect(try large.grown(to: 5).byteCount == 1_000_000)
  }

  @Test("a tensor over it keeps it alive")
  func tensors() throws {
    let tensor = try SharedMemory(byteCount: 64).tensor(.float32, [2, 2], byteOffset: 16)
    tensor.elements(as: Float.self)[3] = 5
    #expect(tensor.floats == [0, 0, 0, 5])
  }

  @Test("what is no memory is refused, and more than there can be as well")
  func refused() throws {
    #expect(failure { _ = try SharedMemory(adopting: -1) }?.code == .runFailed)
    #expect(failure { _ = try SharedMemory(byteCount: Int.max) }?.code == .runFailed)
    let memory = try SharedMemory(byteCount: 10)
    #expect(failure { _ = try memory.grown(to: Int.max) }?.code == .runFailed)
  }
}
