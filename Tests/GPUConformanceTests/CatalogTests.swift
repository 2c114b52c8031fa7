import Benchmarking
import KernelRuntime
import Kernels
import Testing
import Traces

/// The CPU's own solutions of definitions for GPUs.
@Suite struct CatalogTests {
  @Test(
    "every CPU solution that takes a definition for GPUs agrees with the oracle", arguments: GPUDefinitions.conformance)
  func agrees(_ definition: Definition) throws {
    var check = ConformanceCheck(
      definitions: [definition], solutions: KernelCatalog.solutions, device: ConformanceCPU(threads: 2))
    check.workloads = { ConformanceWorkload.few(of: $0) }
    let results = try check.run()
    for result in results { #expect(result.passes, "\(result.solution): \(result.verdict)") }
    #expect(results.contains { $0.execution == .native && $0.calls == 2 })
  }

  @Test("there are about sixty definitions, of all element types, and large ones of three families")
  func lists() {
    let names = GPUDefinitions.conformance.map(\.name)
    #expect(50...80 ~= names.count)
    for part in ["_bfloat16", "_float16", "_kvfloat8_e4m3fn", "_w24", "_cap30", "_alibi", "_shard", "_offset", "_d256"]
    {
      #expect(names.contains { $0.contains(part) }, "\(part)")
    }
    let large = Set(GPUDefinitions.benchmark.map(\.name))
    for name in [
      "rmsnorm_h4096_bfloat16", "qk_norm_h32_kv8_d128_bfloat16", "gemm_bf16_n4096_k14336_bfloat16",
      "gqa_paged_decode_h32_kv8_d128_ps16_kvfloat8_e4m3fn_bfloat16",
    ] { #expect(large.contains(name), "\(name)") }
  }
}
