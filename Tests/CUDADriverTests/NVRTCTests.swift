import CUDADriver
import Glibc
import TestSupport
import Testing

private let library: Result<String, GPUToolchain.Absence> = GPUToolchain.found.flatMap { toolchain in
  let path = toolchain.cuda + "/lib/libnvrtc.so.13"
  return access(path, R_OK) == 0 ? .success(path) : .failure(GPUToolchain.Absence("no \(path)"))
}

private var absence: Comment {
  if case .failure(let reason) = library { "\(reason)" } else { "there" }
}

private let isThere: Bool = {
  if case .failure(let reason) = library { print("skipped: \(reason)") }
  return (try? library.get()) != nil
}()

@Suite(.enabled(if: isThere, absence)) struct NVRTCTests {
  private static let source = """
    #include "factor.h"
    extern "C" __global__ void scale(float* values, int count) {
      int i = blockIdx.x * blockDim.x + threadIdx.x;
      if (i < count) values[i] *= FACTOR * EXTRA;
    }
    """

  @Test func `a source with headers and options becomes a cubin, or PTX`() throws {
    let compiler = try NVRTC(path: library.get())
    #expect(compiler.version.major >= 12)
    let headers = [(name: "factor.h", text: "#define FACTOR 3.0f\n")]
    let cubin = try compiler.compile(Self.source, headers: headers, target: "sm_90a", options: ["-DEXTRA=2"])
    #expect(cubin.image.starts(with: [0x7f, 0x45, 0x4c, 0x46]))
    #expect(cubin.log.isEmpty)
    let ptx = try compiler.compile(Self.source, headers: headers, target: "compute_80", options: ["-DEXTRA=2"])
    #expect(String(decoding: ptx.image, as: UTF8.self).contains(".entry scale"))
  }

  @Test func `a mistake is told in the compiler's words, with its line`() throws {
    let compiler = try NVRTC(path: library.get())
    let error = #expect(throws: CUDAError.self) {
      try compiler.compile("\n__global__ void f() { undefined_thing; }", name: "mistake.cu", target: "sm_80")
    }
    #expect(error?.name == "NVRTC_ERROR_COMPILATION")
    #expect(error?.call == "nvrtcCompileProgram")
    #expect(error?.reason.contains("mistake.cu(2)") == true)
    #expect(error?.reason.contains("undefined_thing") == true)
    let option = #expect(throws: CUDAError.self) {
      try compiler.compile("", target: "sm_80", options: ["--no-such-option"])
    }
    #expect(option?.reason.contains("--no-such-option") == true)
    #expect(throws: CUDAError.self) { try compiler.compile("a\0b", target: "sm_80") }
  }
}
