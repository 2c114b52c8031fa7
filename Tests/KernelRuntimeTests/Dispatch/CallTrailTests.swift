import Tensors
import Testing
import Traces

@testable import KernelRuntime

/// What is asked for before a call is what the call reads, and asking is harmless when it is no longer there.
@Suite struct CallTrailTests {
  /// Reads a weight of its own.
  private struct WeightedKernel: Kernel {
    let weight: Storage
    let padding = (0, 0, 0, 0)  // more than three words, as kernels with weights have
    var firstReads: [UnsafeRawPointer] { weight.firstReads }
    func run(_ arguments: [KernelArgument], on stream: any ExecutionStream) throws(KernelError) {}
  }

  private func library(_ weight: Storage) -> KernelLibrary {
    KernelLibrary(
      solutions: [
        KernelSolution(
          operation: "double", flavor: .swift, source: "", availability: { _, _ in .available },
          build: { _, _ throws(KernelError) in WeightedKernel(weight: weight) })
      ], policy: KernelPolicy(preferred: [.swift]))
  }

  @Test("a kernel's own first reads and the objects before them are in its trail")
  func coversTheCall() throws {
    let weight = Storage(byteCount: 64)
    let kernel = try library(weight).bind(Doubling.definition)
    for place in weight.firstReads { #expect(kernel.trail.contains(UInt(bitPattern: place))) }
    // Binding, signature, slot, plan, entry, counters, the kernel, and these.
    #expect(kernel.trail.count == 7 + weight.firstReads.count)
    #expect(!kernel.trail.contains(0))
  }

  @Test("two kernels have nothing but code in common")
  func isOfOneKernel() throws {
    let first = try library(Storage(byteCount: 64)).bind(Doubling.definition)
    let second = try library(Storage(byteCount: 64)).bind(Doubling.definition)
    #expect(Set(first.trail).isDisjoint(with: second.trail))
  }

  @Test("what is gone can be asked for")
  func outlivesTheKernel() throws {
    func trail() throws -> CallTrail {
      let weight = Storage(byteCount: 4 << 20)  // unmapped when it goes
      return CallTrail([try library(weight).bind(Doubling.definition)], tensors: [Tensor(.float32, [1 << 20])])
    }
    try trail().prefetch()
  }
}
