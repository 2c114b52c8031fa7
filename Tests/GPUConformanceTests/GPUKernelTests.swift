import Benchmarking
import FoundationEssentials
import KernelRuntime
import Kernels
import Testing
import Traces

/// The rooms' kernels for GPUs, executed here: one definition of each operation. `swiftlet kernels check` has them all.
@Suite struct GPUKernelTests {
  private static let root = String(#filePath.dropLast("/Tests/GPUConformanceTests/GPUKernelTests.swift".count))

  private static let builder: GPUKernelBuilder = {
    let named = ProcessInfo.processInfo.environment["SWIFTLET_KERNELS_TOOLCHAIN"].map { [$0] } ?? []
    return GPUKernelBuilder(
      sources: KernelSourceFolder(root: root + "/Kernels"),
      toolchain: KernelToolchain.find(named + [root + "/.venv-kernels"]),
      cache: ArtifactCache(root: root + "/.build/kernels-for-tests"))
  }()

  /// Why nothing of a language can be executed here.
  private static func problem(_ language: Language) -> String? {
    builder.toolchain.problem(for: language, emulated: true)
  }

  @Test("every source of a kernel for GPUs can be read")
  func sources() {
    #expect(Self.builder.sources.problems.map(\.description) == [])
  }

  @Test(
    "kernels in CUDA agree with the oracle when they are emulated",
    .enabled(if: problem(.cuda) == nil, Comment(rawValue: problem(.cuda) ?? "")))
  func cuda() throws { try check(.cuda, .emulation) }

  @Test(
    "kernels in Triton agree with the oracle when they are interpreted",
    .enabled(if: problem(.triton) == nil, Comment(rawValue: problem(.triton) ?? "")))
  func triton() throws { try check(.triton, .interpreter) }

  @Test(
    "kernels in TileLang agree with the oracle when they are emulated",
    .enabled(if: problem(.tilelang) == nil, Comment(rawValue: problem(.tilelang) ?? "")))
  func tileLang() throws { try check(.tilelang, .emulation) }

  /// Each kernel on the first definition that it takes.
  private func check(_ language: KernelFlavor, _ execution: KernelExecution) throws {
    let solutions = GPUKernels(builder: Self.builder).solutions.filter { $0.flavor == language }
    var seen = Set<String>()
    for definition in GPUDefinitions.conformance {
      let candidates = solutions.filter { solution in
        !seen.contains(solution.name) && solution.computes(definition)
          && solution.availability(definition, BindContext(device: .cpu)) == .available
      }
      if candidates.isEmpty { continue }
      seen.formUnion(candidates.map(\.name))
      var check = ConformanceCheck(
        definitions: [definition], solutions: candidates, device: ConformanceCPU(threads: 1))
      check.workloads = { Array(ConformanceWorkload.few(of: $0).prefix(1)) }
      for result in try check.run() {
        #expect(result.passes, "\(result.solution), \(definition.name): \(result.verdict)")
        #expect(result.execution == execution && result.calls == 1)
      }
    }
    #expect(!seen.isEmpty, "there is no kernel in \(language)")
  }
}
