import KernelRuntime
import Tensors
import Testing
import Traces

@Suite("Kernels for GPUs on a CPU", .serialized, .enabled(if: Toolchain.all)) struct GPUExecutionTests {
  private static let folder = TemporaryFolder()
  private static let kernels = GPUKernels(builder: Scale.builder(folder, Scale.room(in: folder)))

  private func library(_ policy: KernelPolicy) -> KernelLibrary {
    KernelLibrary(solutions: Self.kernels.solutions, policy: policy)
  }

  /// x [3, width] of small numbers, scaled by 0.5.
  private func scaled(_ bound: BoundKernel, _ definition: Definition) throws -> [Float] {
    let width = definition.axes["width"]?.value ?? 0, dtype = definition.inputs["x"]?.dtype ?? .float32
    let x = Tensor(dtype, Shape([3, width])), y = Tensor(dtype, Shape([3, width]))
    for i in 0..<x.count { x.setBits(dtype.encode(Float(i % 37) - 18), at: i) }
    try bound.apply([.tensor(x), .scalar(0.5), .tensor(y)], on: CPUStream(threads: 1))
    return (0..<y.count).map { dtype.decode(y.bits(at: $0)) }
  }

  private func expected(_ count: Int, offset: Float = 0) -> [Float] {
    (0..<count).map { (Float($0 % 37) - 18) * 0.5 + offset }
  }

  @Test("compute what they should, in each language", arguments: KernelSourceFolder.languages)
  func execute(language: Language) throws {
    let policy = try KernelPolicy(list: language.rawValue)
    let plain = try Scale.definition()
    let bound = try library(policy).bind(plain)
    #expect(bound.solution == "scale_\(language)")
    #expect(try scaled(bound, plain) == expected(300))
    let tagged = try Scale.definition(.bfloat16, width: 33, tags: ["weight_offset:2"])
    #expect(try scaled(library(policy).bind(tagged), tagged) == expected(99, offset: 2))
  }

  @Test("take each other's place when one word of kernels.yaml changes, with the same results")
  func switching() throws {
    let definition = try Scale.definition()
    var results: [[Float]] = [], used: [String] = []
    let text = "default: [cuda]\nscale: LANGUAGE\n"
    for word in ["cuda", "triton", "tilelang"] {
      let policy = try KernelPolicy(yaml: text.replacing("LANGUAGE", with: word), file: "kernels.yaml")
      let bound = try library(policy).bind(definition)
      used.append(bound.solution)
      results.append(try scaled(bound, definition))
    }
    #expect(used == ["scale_cuda", "scale_triton", "scale_tilelang"])
    #expect(results[0] == results[1] && results[1] == results[2] && results[0] == expected(300))
  }

  @Test("are never chosen on a CPU by themselves")
  func auto() throws {
    let error = failure { _ = try library(.auto).bind(Scale.definition()) }
    #expect(error?.code == .noCandidate)
    #expect(error?.reason.contains("a CPU only emulates it; to have that, name cuda in the list") == true)
  }

  @Test("without a compiler say what is missing, and how to get it")
  func missing() throws {
    let folder = TemporaryFolder()
    let builder = GPUKernelBuilder(
      sources: Scale.room(in: folder), toolchain: KernelToolchain(root: folder.path + "/venv"),
      cache: ArtifactCache(root: folder.path + "/cache"))
    let library = KernelLibrary(
      solutions: GPUKernels(builder: builder).solutions, policy: try KernelPolicy(list: "cuda,triton"))
    let error = failure { _ = try library.bind(Scale.definition()) }
    #expect(
      error?.reason.contains("there is no kernels toolchain at \(folder.path)/venv: make kernels-toolchain") == true)
  }
}
