import CUDADriver
import Traces

/// CUDA C++ to cubins: through the compiler's library, or where that is not installed through nvcc.
final class CUDACompiler: Sendable {
  private let toolchain: KernelToolchain
  private let library = Once<Result<NVRTC, CUDAError>?>()
  /// How long nvcc may take.
  private let limit: Duration

  init(_ toolchain: KernelToolchain, limit: Duration = .seconds(300)) {
    (self.toolchain, self.limit) = (toolchain, limit)
  }

  /// What compiles, with its version: the member of a record's `toolchain`.
  var version: LaunchRecord.Member<String> {
    for (name, short) in [("nvidia-cuda-nvrtc", "nvrtc"), ("nvidia-cuda-nvcc", "nvcc")] {
      if let version = toolchain.versions[name] { return .init(short, version) }
    }
    return .init("nvcc", "unknown")
  }

  /// What is to be compiled.
  struct Job: Sendable {
    var text: String
    /// What messages call it.
    var name: String
    var target: String
    var macros: [LaunchRecord.Member<String>] = []
    /// Folders of headers, before CUDA's own.
    var includes: [String] = []
    /// TileLang's sources need a host's standard headers in a form for devices.
    var isTileLang = false
  }

  /// - Returns: the cubin, and what the assembler says of it.
  /// - Throws: `buildFailed` with the compiler's words.
  func compile(_ job: Job, in folder: String) throws(KernelError) -> (image: [UInt8], log: String) {
    let nvrtc = library {
      toolchain.versions["nvidia-cuda-nvrtc"] == nil
        ? nil
        : Result { () throws(CUDAError) in try NVRTC(path: toolchain.nvrtc) }
    }
    guard let nvrtc else { return try compileWithDriver(job, in: folder) }
    var options = ["--ptxas-options=-v"] + job.macros.map { "-D\($0.name)=\($0.value)" }
    var text = job.text
    if job.isTileLang {
      // Most of the time goes into the templates' headers: those of one target are read once.
      options += ["--device-as-default-execution-space", "-D__CUDACC_VER_MAJOR__=13", "--disable-warnings", "--pch"]
      text = "#include <tl_templates/cuda/nvrtc_std.h>\n" + text
    } else {
      text = Self.standardNames + "#line 1 \"\(job.name)\"\n" + text
    }
    options += (job.includes + toolchain.cudaIncludes).map { "-I\($0)" }
    do throws(CUDAError) {
      let made = try nvrtc.get().compile(text, name: job.name, target: job.target, options: options)
      return (made.image, made.log)
    } catch {
      throw KernelError(.buildFailed, Self.head(error.reason))
    }
  }

  /// What <cstdint> and <cmath> declare: the library has no standard headers.
  private static let standardNames = """
    #define INFINITY __builtin_bit_cast(float, 0x7f800000)
    #define NAN __builtin_bit_cast(float, 0x7fffffff)
    typedef signed char int8_t; typedef short int16_t; typedef int int32_t; typedef long long int64_t;
    typedef unsigned char uint8_t; typedef unsigned short uint16_t; typedef unsigned int uint32_t;
    typedef unsigned long long uint64_t; typedef unsigned long uintptr_t; typedef long intptr_t;

    """

  private func compileWithDriver(_ job: Job, in folder: String) throws(KernelError) -> (image: [UInt8], log: String) {
    let architecture = job.target.dropFirst("sm_".count), source = folder + "/nvcc.cu", image = folder + "/nvcc.cubin"
    CacheFiles.remove(source)
    try CacheFiles.write(job.text, to: source)
    defer { for file in [source, image] { CacheFiles.remove(file) } }
    var command = [
      toolchain.nvcc, "-std=c++17", "-gencode=arch=compute_\(architecture),code=sm_\(architecture)", "-Xptxas", "-v",
      "-cubin",
      "-o", image,
    ]
    if job.isTileLang { command.append("-w") }
    command += job.macros.map { "-D\($0.name)=\($0.value)" } + job.includes.flatMap { ["-I", $0] } + [source]
    let outcome: ChildProcess.Outcome
    do throws(KernelError) {
      outcome = try ChildProcess.run(command, within: limit)
    } catch {
      throw KernelError(.buildFailed, error.reason)
    }
    guard outcome.status == 0, let bytes = CacheFiles.read(image) else {
      throw KernelError(.buildFailed, Self.head("\n" + outcome.errors + outcome.output))
    }
    return (bytes, outcome.errors + outcome.output)
  }

  /// The first lines: later errors often follow from the first.
  static func head(_ text: String) -> String {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    return String(lines.prefix(40).joined(separator: "\n").prefix(6000))
  }
}
