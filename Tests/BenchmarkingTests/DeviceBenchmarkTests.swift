import CUDADriver
import JSONText
import KernelRuntime
import Kernels
import Tensors
import TestSupport
import Testing
import Traces

@testable import Benchmarking

/// What is measured on GPUs: the work of a size, what is expected of it, the clockwork itself over a stand-in driver, reports.
@Suite struct DeviceBenchmarkTests {
  @Test("the work of a size counts each row that is reached once")
  func costs() throws {
    let norm = DeviceWorkload(rows: RMSNorm.definition(hiddenSize: 4096, dtype: .bfloat16), "prefill", 100)
    #expect(norm.cost.bytes == Double(2 * 100 * 4096 * 2 + 4096 * 2))
    let table = Embedding.definition(format: .bf16, vocabularySize: 50_000, hiddenSize: 64, dtype: .bfloat16)
    #expect(DeviceWorkload(rows: table, "decode", 10).cost.bytes == Double(10 * 4 + 2 * 10 * 64 * 2))
    let gemm = Gemm.definition(format: .bf16, features: 32, inputs: 16, hasBias: false, dtype: .bfloat16)
    #expect(DeviceWorkload(rows: gemm, "decode", 8).cost.operations == Double(2 * 8 * 32 * 16))
    let decode = PagedAttention.definition(
      queryHeads: 8, keyValueHeads: 2, headDimension: 64, pageSize: 16, cacheType: .bfloat16, dtype: .bfloat16,
      stage: .decode)
    let work = DeviceWorkload(attention: decode, "decode", sequences: 4, queries: 1, context: 100).cost
    #expect(work.operations == Double(4 * 4 * 100 * 8 * 64))
    let keys = 2 * 4 * 100 * 2 * 64 * 2, queries = 4 * 8 * 64 * 2, lse = 4 * 8 * 4
    #expect(work.bytes == Double(keys + 2 * queries + lse))
  }

  @Test("of a causal prefill half of all pairs are computed")
  func causal() {
    let ragged = RaggedAttention.definition(
      queryHeads: 2, keyValueHeads: 1, headDimension: 64, dtype: .bfloat16)
    let work = DeviceWorkload(attention: ragged, "prefill", sequences: 1, queries: 100, context: 100).cost
    #expect(work.operations == Double(4 * (100 * 101 / 2) * 2 * 64))
  }

  @Test("a multiprocessor holds as many blocks as its scarcest resource allows")
  func occupancy() throws {
    let model = try #require(DeviceModel.known["h200"])
    let byRegisters = model.occupancy(threads: 256, registers: 128, shared: 0)
    #expect(byRegisters.blocks == 2 && byRegisters.limit == "registers")
    let byShared = model.occupancy(threads: 128, registers: 32, shared: 100 << 10)
    #expect(byShared.blocks == 2 && byShared.limit == "shared memory")
    let byWarps = model.occupancy(threads: 1024, registers: 16, shared: 0)
    #expect(byWarps.blocks == 2 && byWarps.limit == "warps")
  }

  @Test("sizes of a sweep rise, and every definition of a real model has sizes")
  func sizes() {
    for definition in GPUDefinitions.benchmark {
      let rows = DeviceWorkload.sweep(of: definition).map(\.cost.bytes)
      #expect(rows.count >= 4 && zip(rows, rows.dropFirst()).allSatisfy { $0 < $1 }, "\(definition.name)")
      #expect(!DeviceWorkload.all(of: definition).isEmpty)
      #expect(DeviceWorkload.all(of: definition).allSatisfy { $0.cost.bytes > 0 })
    }
  }

  /// The stand-in driver, or nil with a printed reason.
  private static let context: CUDAContext? = {
    do {
      return try CUDADriver(path: GPUToolchain.standIn.get().library).device(0).context()
    } catch {
      print("skipped: \(error)")
      return nil
    }
  }()

  /// A kernel that copies its input on the stream that it is called on.
  private struct Copy: Kernel {
    func run(_ arguments: [KernelArgument], on stream: any ExecutionStream) throws(KernelError) {
      guard let stream = stream as? CUDAStream else { throw KernelError(.runFailed, "no stream of a GPU") }
      let input = arguments[0].tensor, output = arguments[1].tensor
      do throws(CUDAError) {
        try stream.driverStream.copy(
          from: UInt64(UInt(bitPattern: input.pointer)), to: UInt64(UInt(bitPattern: output.pointer)),
          byteCount: output.byteCount)
      } catch { throw KernelError(.runFailed, "\(error)") }
    }
  }

  private func solution(
    _ name: String, _ build: @escaping @Sendable () throws(KernelError) -> any Kernel
  ) -> KernelSolution {
    KernelSolution(
      operation: "silu_and_mul", flavor: KernelFlavor(rawValue: name), source: "", availability: { _, _ in .available },
      build: { _, _ throws(KernelError) in try build() })
  }

  @Test(
    "kernels are timed from graphs over several sets of arguments; one that fails says why",
    .enabled(if: context != nil))
  func timed() throws {
    struct Failing: Kernel {
      func run(_ arguments: [KernelArgument], on stream: any ExecutionStream) throws(KernelError) {
        throw KernelError(.runFailed, "it does not like \(arguments.count) arguments")
      }
    }
    let stream = try CUDAStream(try #require(Self.context))
    var bench = DeviceBenchmark(
      definitions: [SiluAndMul.definition(intermediateSize: 64, dtype: .bfloat16)],
      solutions: [solution("cuda") { Copy() }, solution("triton") { Failing() }])
    bench.samples = 3
    bench.workloads = { [DeviceWorkload(rows: $0, "decode", 4)] }
    let measured = try bench.run(on: stream)
    #expect(measured.count == 2)
    #expect(measured[0].isGraph && measured[0].timing?.count == 3 && (measured[0].timing?.median ?? 0) > 0)
    #expect(measured[1].timing == nil && measured[1].failure?.contains("does not like 2 arguments") == true)

    let ceilings = try DeviceCeilings.measure(on: stream, library: "libabsent.so", copyBytes: 1 << 20)
    #expect(ceilings.copyBandwidth > 0 && ceilings.matrixRate == nil)
    #expect(ceilings.matrixReason?.contains("libabsent.so") == true)
    let report = DeviceReport(measurements: measured, ceilings: ceilings, device: "a <device>", commit: "abc")
    #expect(report.table.contains("silu_and_mul_cuda") && report.table.contains("% of the ceiling"))
    #expect(report.table.contains("does not like"))
    #expect(report.svg.contains("a &lt;device&gt;") && report.svg.hasSuffix("</svg>\n"))
    let read = try JSONValue(parsing: Array(report.json.pretty.utf8))
    #expect(read["measurements"]?.array?.count == 2 && read["commit"]?.string == "abc")
  }

  @Test("sets of arguments lie apart, with indices within what they index", .enabled(if: context != nil))
  func arguments() throws {
    let stream = try CUDAStream(try #require(Self.context))
    let decode = PagedAttention.definition(
      queryHeads: 4, keyValueHeads: 1, headDimension: 64, pageSize: 16, cacheType: .bfloat16, dtype: .bfloat16,
      stage: .decode)
    let workload = DeviceWorkload(attention: decode, "decode", sequences: 3, queries: 1, context: 40)
    let made = try DeviceArguments(workload, byteLimit: 1 << 20, on: stream)
    #expect(made.sets.count > 1)
    let names = decode.inputs.names
    func numbers(_ set: Int, _ name: String) throws -> [Int32] {
      let copy = try stream.hostCopy(of: made.sets[set][try #require(names.firstIndex(of: name))].tensor)
      return (0..<copy.count).map { copy.elements(as: Int32.self)[$0] }
    }
    #expect(try numbers(0, "kv_indptr") == [0, 3, 6, 9])
    #expect(try numbers(1, "kv_indices").sorted() == Array(0..<9))
    #expect(try numbers(1, "kv_last_page_len") == [8, 8, 8])
    #expect(Set(made.sets.map { $0[0].tensor.pointer }).count == made.sets.count)
  }
}
