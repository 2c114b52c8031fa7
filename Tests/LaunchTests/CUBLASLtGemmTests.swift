import CUDADriver
import KernelRuntime
import Tensors
import TestSupport
import Testing
import Traces

/// Products by NVIDIA's library need a GPU; what they say where it is not does not.
@Suite struct CUBLASLtGemmTests {
  private func definition(_ type: DType) throws -> Definition {
    try Definition(
      name: "gemm_n8_k16", opType: "gemm", axes: ["M": .var, "N": .const(8), "K": .const(16)],
      inputs: ["A": .tensor("M", "K", dtype: type), "B": .tensor("N", "K", dtype: type)],
      outputs: ["C": .tensor("M", "N", dtype: type)], reference: "def run(A, B):\n  return A @ B.T")
  }

  private func reason(_ solution: KernelSolution, _ type: DType, _ device: Device) throws -> String {
    guard case .unavailable(let reason) = solution.availability(try definition(type), BindContext(device: device))
    else { return "" }
    return reason
  }

  @Test("a CPU is refused, and so is a device without driver")
  func noDevice() throws {
    let solution = CUBLASLtGemm.solution(devices: GPUDevices(driver: "/nonexistent/libcuda.so"), path: "libabsent.so")
    #expect(try reason(solution, .bfloat16, .cpu).contains("CUDA device only"))
    #expect(try reason(solution, .bfloat16, .cuda(ordinal: 0)).contains("/nonexistent/libcuda.so"))
    #expect(try reason(solution, .float32, .cuda(ordinal: 0)).contains("bfloat16 and float16"))
  }

  @Test("on a device the library's absence is said in the loader's words", .enabled(if: StandIn.isThere))
  func noLibrary() throws {
    let devices = GPUDevices(driver: try GPUToolchain.standIn.get().library)
    let solution = CUBLASLtGemm.solution(devices: devices, path: "libabsent.so")
    #expect(try reason(solution, .float16, .cuda(ordinal: 0)).contains("no cuBLASLt (libabsent.so"))
    #expect(throws: KernelError.self) {
      _ = try KernelLibrary(solutions: [solution], policy: KernelPolicy(preferred: [.cublasLt])).bind(
        definition(.float16), on: .cuda(ordinal: 0))
    }
  }
}
