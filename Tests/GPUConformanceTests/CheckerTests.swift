import Benchmarking
import KernelRuntime
import Kernels
import Tensors
import Testing
import Traces

/// The checker against kernels of which it is known what is wrong with them.
@Suite struct CheckerTests {
  private static let silu = SiluAndMul.definition(intermediateSize: 16, dtype: .bfloat16)

  /// Runs a kernel that computes rightly, then does `harm`.
  private func check(
    _ definition: Definition = silu, _ harm: @escaping @Sendable ([KernelArgument]) -> Void
  ) throws -> ConformanceResult {
    let oracle = try #require(KernelOracles.oracle(of: definition))
    let solution = KernelSolution(
      operation: definition.opType, flavor: .cpp, source: "here", availability: { _, _ in .available },
      build: { definition, context throws(KernelError) in
        let kernel = try oracle.build(definition, context)
        return SwiftKernel { arguments, stream throws(KernelError) in
          try kernel.run(arguments, on: stream)
          harm(arguments)
        }
      })
    let check = ConformanceCheck(
      definitions: [definition], solutions: [solution], device: ConformanceCPU(threads: 1))
    let results = try check.run()
    #expect(results.count == 1)
    return try #require(results.first)
  }

  private func sentences(_ result: ConformanceResult) -> [String] {
    if case .disagrees(let sentences) = result.verdict { return sentences }
    return []
  }

  @Test("a kernel without faults agrees, without any error")
  func right() throws {
    let result = try check { _ in }
    #expect(result.verdict == .agrees && result.worstError == 0 && result.worstElement == nil)
    #expect(result.calls == ConformanceWorkload.all(of: Self.silu).count && result.execution == .native)
  }

  @Test("an element that is two units off disagrees; one unit is allowed", arguments: [1, 2])
  func wrongElement(_ units: UInt16) throws {
    let definition = RMSNorm.definition(hiddenSize: 3, dtype: .bfloat16)
    let result = try check(definition) { arguments in
      let output = arguments[3].tensor
      if output.shape[0] != 5 { return }
      // The row's largest: its own unit is the row's.
      let values = output.floats.map(abs), last = (6..<9).max { values[$0] < values[$1] } ?? 6
      // Towards zero a unit may be half as large.
      output.elements(as: UInt16.self)[last] += units
    }
    #expect(result.worstError == Double(units))
    #expect(result.passes == (units == 1))
    if units == 2 {
      #expect(sentences(result).count == 1)
      #expect(sentences(result).first?.hasPrefix("5 rows: output[2, ") == true, "\(sentences(result))")
    }
  }

  @Test("NaN where a number is right is infinitely wrong")
  func notANumber() throws {
    let result = try check { arguments in
      if arguments[1].tensor.count > 0 { arguments[1].tensor.elements(as: UInt16.self)[0] = 0x7FC0 }
    }
    #expect(!result.passes && result.worstError == .infinity)
  }

  @Test("an element that is not written is found, and named as such")
  func missing() throws {
    let result = try check { arguments in
      if arguments[1].tensor.count > 16 { arguments[1].tensor.elements(as: UInt16.self)[17] = 0xFFFF }
    }
    #expect(!result.passes)
    #expect(
      sentences(result).first?.hasPrefix("5 rows: output[1, 1] is as it was before the call, the oracle has ") == true)
  }

  @Test("a write beyond an output, before it, or into an input is found", arguments: ["beyond", "before", "input"])
  func damage(_ where: String) throws {
    let result = try check { arguments in
      let (input, output) = (arguments[0].tensor, arguments[1].tensor)
      switch `where` {
      case "beyond": output.pointer.storeBytes(of: 1, toByteOffset: output.byteCount, as: UInt8.self)
      case "before": output.pointer.storeBytes(of: 1, toByteOffset: -1, as: UInt8.self)
      default: if input.count > 0 { input.pointer.storeBytes(of: 0x11, toByteOffset: 3, as: UInt8.self) }
      }
    }
    #expect(!result.passes && result.worstError == 0)
    let expected = ["beyond": "byte 160 of the output output", "before": "byte -1 of the output output"]
    #expect(sentences(result).first == "5 rows: \(expected[`where`] ?? "byte 3 of the input input") was changed")
  }

  @Test("a write between pages that lie apart is found")
  func damageBetweenPages() throws {
    let definition = KeyValueStore.definition(
      keyValueHeads: 1, headDimension: 8, pageSize: 4, cacheType: .float16, dtype: .float16)
    // The oracle reads caches without gaps: only what touches nothing but the gap comes through here.
    let solution = KernelSolution(
      operation: "kv_store", flavor: .cpp, source: "here", availability: { _, _ in .available },
      build: { _, _ throws(KernelError) in
        SwiftKernel { arguments, _ throws(KernelError) in
          let cache = arguments[5].tensor
          if cache.strides[0] > 32 { cache.pointer.storeBytes(of: 0, toByteOffset: 64, as: UInt8.self) }
        }
      })
    var check = ConformanceCheck(
      definitions: [definition], solutions: [solution], device: ConformanceCPU(threads: 1))
    check.workloads = { _ in [.rows(16, apart: true)] }
    let result = try #require(try check.run().first)
    #expect(sentences(result).contains("16 rows, apart: byte 64 of the output k_cache_out was changed"))
  }

  @Test("in place, an output holds the input's contents, and may change")
  func inPlace() throws {
    let definition = RMSNorm.definition(hiddenSize: 3, dtype: .bfloat16)
    var check = ConformanceCheck(
      definitions: [definition], solutions: [try #require(KernelOracles.oracle(of: definition))],
      device: ConformanceCPU(threads: 1))
    check.workloads = { _ in [.rows(4, inPlace: true)] }
    #expect(try check.run().map(\.verdict) == [.agrees])
  }

  @Test("an error is told with the call; one at bind means that the kernel was not built")
  func errors() throws {
    func solution(_ atBind: Bool) -> KernelSolution {
      KernelSolution(
        operation: "silu_and_mul", flavor: .cuda, source: "here", availability: { _, _ in .available },
        build: { definition, _ throws(KernelError) in
          if atBind { throw KernelError(.buildFailed, definition: definition.name, "no compiler") }
          return SwiftKernel { _, _ throws(KernelError) in throw KernelError(.runFailed, "no threads") }
        })
    }
    let check = ConformanceCheck(
      definitions: [Self.silu], solutions: [solution(true), solution(false)], device: ConformanceCPU(threads: 1))
    let results = try check.run()
    #expect(results[0].verdict == .notBuilt("no compiler"))
    #expect(results[0].execution == .notExecuted && results[0].calls == 0)
    #expect(sentences(results[1]).first == "5 rows: no threads" && results[1].execution == .emulation)
    #expect(!results[0].passes && !results[1].passes)
  }
}
