import KernelRuntime
import Kernels
import Tensors
import Testing
import Traces

/// Calls that disagree with the definition are refused before the kernel runs, naming the argument and the axis.
@Suite struct BoundKernelTests {
  private let kernel: BoundKernel
  private let stream = CPUStream(threads: 1)

  init() throws {
    let library = KernelLibrary(solutions: KernelCatalog.solutions, policy: KernelPolicy(preferred: [.swift]))
    kernel = try library.bind(RMSNorm.definition(hiddenSize: 8))
  }

  private func floats(_ shape: Shape) -> KernelArgument { .tensor(Tensor(.float32, shape)) }

  @Test("a call that fits runs")
  func fits() throws {
    for rows in [0, 1, 3] {
      try kernel.apply([floats([rows, 8]), floats([8]), .scalar(1), floats([rows, 8])], on: stream)
    }
  }

  @Test(
    "a call that does not fit names the argument and the axis",
    arguments: [
      (0, "hidden_states: axis 1 (hidden_size) is 9, expected 8"), (1, "weight: axis 0 (hidden_size) is 7, expected 8"),
      (2, "eps is a scalar, found a tensor"), (3, "output: axis 0 (batch_size) is 4, expected 3"),
      (4, "output is int32, expected float32"), (5, "hidden_states has shape [24], expected 2 axes"),
      (6, "weight is a tensor, found a scalar"),
      (7, "3 arguments, expected 4: hidden_states, weight, eps, output"),
      (8, "5 arguments, expected 4: hidden_states, weight, eps, output"),
      (9, "0 arguments, expected 4: hidden_states, weight, eps, output"),
    ])
  func disagrees(_ fault: Int, reason: String) {
    var arguments = [floats([3, 8]), floats([8]), .scalar(1e-5), floats([3, 8])]
    switch fault {
    case 0: arguments[0] = floats([3, 9])
    case 1: arguments[1] = floats([7])
    case 2: arguments[2] = floats([1])
    case 3: arguments[3] = floats([4, 8])
    case 4: arguments[3] = .tensor(Tensor(.int32, [3, 8]))
    case 5: arguments[0] = floats([24])
    case 6: arguments[1] = .scalar(1)
    case 7: arguments.removeLast()
    case 8: arguments.append(.scalar(0))
    default: arguments = []
    }
    let error = #expect(throws: KernelError.self) { try kernel.apply(arguments, on: stream) }
    #expect(error?.code == .signatureMismatch)
    #expect(error?.description == "rmsnorm_h8 / rmsnorm_swift: \(reason)")
  }

  @Test("a stream of another device is refused")
  func otherDevice() {
    let error = #expect(throws: KernelError.self) { try kernel.apply([], on: OtherStream()) }
    #expect(error?.reason == "bound for cpu, called on cuda:0")
  }

  @Test("scratch memory is aligned and large enough, and keeps its place while it suffices")
  func scratch() {
    let small = stream.scratch(byteCount: 100)
    #expect(UInt(bitPattern: small) % 64 == 0)
    #expect(stream.scratch(byteCount: 1 << 20) == small)
    let large = stream.scratch(byteCount: 5 << 20)
    large.storeBytes(of: 7, toByteOffset: (5 << 20) - 8, as: Int.self)
    #expect(UInt(bitPattern: large) % 64 == 0)
  }
}

/// A stream of a device that this machine need not have.
private final class OtherStream: ExecutionStream {
  var device: Device { .cuda(ordinal: 0) }
  var phase: KernelPhase?
  func synchronize() {}
}
