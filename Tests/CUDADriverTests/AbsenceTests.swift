import CUDADriver
import Testing

@Suite struct AbsenceTests {
  @Test func `a missing driver is a sentence with the loader's words`() {
    let path = "/nonexistent/libcuda.so.1"
    let error = #expect(throws: CUDAError.self) { try CUDADriver(path: path) }
    #expect(error?.code == .notLoaded)
    #expect(error?.description.contains("/nonexistent/libcuda.so.1") == true)
    #expect(error?.description.contains("No such file") == true)
    let absence = CUDADriver.absence(path: path)
    #expect(absence?.hasPrefix("no CUDA driver (") == true)
    #expect(absence?.contains("No such file") == true)
  }

  @Test func `a library that is no driver says which function it lacks`() {
    let error = #expect(throws: CUDAError.self) { try CUDADriver(path: "libc.so.6") }
    #expect(error?.code == .functionMissing)
    #expect(error?.call == "cuInit")
    #expect(error?.description.contains("libc.so.6 has no such function") == true)
  }

  @Test func `missing NVRTC and cuBLASLt are sentences as well`() {
    let error = #expect(throws: CUDAError.self) { try NVRTC(path: "/nonexistent/libnvrtc.so.13") }
    #expect(error?.code == .notLoaded)
    #expect(error?.reason.contains("/nonexistent/libnvrtc.so.13") == true)
    let absence = CUBLASLt.absence(path: "/nonexistent/libcublasLt.so.13")
    #expect(absence?.hasPrefix("no cuBLASLt (") == true)
    #expect(absence?.contains("No such file") == true)
  }

  @Test func `a lost context is told apart from other errors`() {
    let lost = CUDAError(
      .status(700), call: "cuStreamSynchronize", name: "CUDA_ERROR_ILLEGAL_ADDRESS", isContextLost: true,
      "an address")
    #expect(
      lost.description
        == "cuStreamSynchronize: CUDA_ERROR_ILLEGAL_ADDRESS (700): an address; the device's context is lost, and each "
        + "later call on it fails: start the process anew")
    let refused = CUDAError(.status(2), call: "cuMemAlloc_v2", name: "CUDA_ERROR_OUT_OF_MEMORY", "out of memory")
    #expect(!refused.isContextLost && refused.isOutOfMemory)
  }
}
