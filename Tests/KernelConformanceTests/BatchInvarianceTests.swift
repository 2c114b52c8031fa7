import KernelRuntime
import Tensors
import Testing
import Traces

/// A result depends on its own row or sequence alone, bit for bit.
@Suite struct BatchInvarianceTests {
  @Test("a row has the same bits alone and in a batch", arguments: ConformanceCase.all)
  func rowAlone(_ pair: ConformanceCase) throws {
    let stream = CPUStream(threads: 2)
    let problem = try Problem(pair.definition, .ragged(of: pair.definition), seed: 99)
    let whole = try Execution(pair.solution, problem, on: stream)
    let rows = pair.definition.opType == "gqa_paged" ? Array(0..<problem.rowCount) : [0, 3, 16, problem.rowCount - 1]
    for row in rows {
      let alone = try problem.alone(row: row)
      let single = try Execution(pair.solution, alone, on: stream)
      for name in pair.definition.outputs.names {
        let a = try #require(whole.outputs[name]), b = try #require(single.outputs[name])
        #expect(
          sameBits(problem.part(of: a, row: row), alone.part(of: b, row: 0)), "\(name) of row \(row) differs: \(pair)")
      }
    }
  }

  @Test("the number of threads changes no bit", arguments: ConformanceCase.all)
  func threads(_ pair: ConformanceCase) throws {
    let one = CPUStream(threads: 1), more = [CPUStream(threads: 2), CPUStream(threads: 3)]
    for workload in WorkloadCase.all(of: pair.definition).suffix(2) {
      let problem = try Problem(pair.definition, workload, seed: 7)
      let expected = try Execution(pair.solution, problem, on: one)
      for stream in more {
        let found = try Execution(pair.solution, problem, on: stream)
        for name in pair.definition.outputs.names {
          let a = try #require(expected.outputs[name]), b = try #require(found.outputs[name])
          #expect(sameBits(a, b), "\(name) with \(stream.pool.threadCount) threads: \(pair), \(workload)")
        }
      }
    }
  }

  @Test(
    "the page size changes no bit of attention",
    arguments: ConformanceCase.all.filter {
      $0.definition.opType == "gqa_paged" && $0.definition.axes["page_size"]?.value == 16
    })
  func pageSize(_ pair: ConformanceCase) throws {
    let stream = CPUStream(threads: 2)
    let paged = try Problem(pair.definition, .ragged(of: pair.definition), seed: 21)
    let single = paged.withPagesOfOne()
    let expected = try Execution(pair.solution, paged, on: stream)
    let found = try Execution(pair.solution, single, on: stream)
    for name in pair.definition.outputs.names {
      let a = try #require(expected.outputs[name]), b = try #require(found.outputs[name])
      #expect(sameBits(a, b), "\(name) with pages of one position: \(pair)")
    }
  }
}
