import KernelRuntime
import Tensors
import Testing

/// What a CPU stream keeps between calls of kernels.
@Suite struct CPUStreamTests {
  private final class Numbers { var count = 0 }
  private final class Others {}

  @Test("an object of each type is kept, and made once")
  func kept() {
    let stream = CPUStream(threads: 1)
    stream.kept { Numbers() }.count = 7
    _ = stream.kept { Others() }
    #expect(stream.kept { Numbers() }.count == 7)
    #expect(CPUStream(threads: 1).kept { Numbers() }.count == 0)
  }

  @Test("a form of an input is found again while the input is read, and by its own name only")
  func forms() throws {
    let stream = CPUStream(threads: 1), input = Tensor(.float32, [4, 32]), other = Tensor(.float32, [4, 32])
    func isMade(_ form: String, of tensor: Tensor) -> Bool {
      stream.form(form, of: tensor, byteCount: 256).isMade
    }
    #expect(!isMade("a", of: input) && !isMade("a", of: input), "nobody said that it does not change")
    try stream.reading(input) { () throws(KernelError) in
      #expect(!isMade("a", of: input))
      #expect(isMade("a", of: input))
      #expect(!isMade("a", of: other), "another tensor")
      #expect(!isMade("a", of: input.narrow(0, from: 0, count: 2)), "another view")
      #expect(isMade("a", of: input.narrow(0, from: 0, count: 4)), "the same view")
      #expect(!isMade("b", of: input), "another form, in the place of the first")
      #expect(!isMade("a", of: input))
    }
    #expect(!isMade("a", of: input), "it may have changed since")
  }

  @Test("scratch memory does not touch a form, and a form grows")
  func memory() throws {
    let stream = CPUStream(threads: 1), input = Tensor(.float32, [4, 32])
    try stream.reading(input) { () throws(KernelError) in
      let form = stream.form("a", of: input, byteCount: 8 << 20).memory
      form.initializeMemory(as: UInt8.self, repeating: 5, count: 8 << 20)
      stream.scratch(byteCount: 16 << 20).initializeMemory(as: UInt8.self, repeating: 9, count: 16 << 20)
      let again = stream.form("a", of: input, byteCount: 8 << 20)
      #expect(again.isMade && again.memory == form)
      #expect(UnsafeRawBufferPointer(start: form, count: 8 << 20).allSatisfy { $0 == 5 })
    }
  }

  @Test("an error ends the reading")
  func error() {
    let stream = CPUStream(threads: 1), input = Tensor(.float32, [4, 32])
    #expect(throws: KernelError.self) {
      try stream.reading(input) { () throws(KernelError) in
        _ = stream.form("a", of: input, byteCount: 64)
        throw KernelError(.runFailed, "as planned")
      }
    }
    #expect(!stream.form("a", of: input, byteCount: 64).isMade)
  }
}
