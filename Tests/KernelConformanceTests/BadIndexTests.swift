import KernelRuntime
import Tensors
import Testing
import Traces

/// Indices that leave their array are answered with an error that names them; nothing is read or written there.
@Suite struct BadIndexTests {
  /// Places in an input, and values that are wrong there.
  struct Fault: Sendable, CustomStringConvertible {
    let input: String, index: Int
    let values: [Int32]
    var description: String { "\(input)[\(index)] = \(values)" }
  }

  /// One entry an operation; sizes are those of the ragged case.
  private static func faults(_ problem: Problem) -> [Fault] {
    func size(_ axis: String) -> Int32 { Int32(problem.definition.axes[axis]?.value ?? problem.axes[axis] ?? 0) }
    let far: [Int32] = [-1, .min, .max]
    return switch problem.definition.opType {
    case "embedding": [0, 34].map { Fault(input: "tokens", index: $0, values: far + [size("vocab_size")]) }
    case "rope": [0, 34].map { Fault(input: "positions", index: $0, values: far + [size("max_seq_len")]) }
    case "kv_store":
      [0, 34].map { Fault(input: "slots", index: $0, values: far + [size("num_pages") * size("page_size")]) }
    case "gqa_paged":
      [
        Fault(input: "qo_indptr", index: 0, values: far + [1, 4]),
        Fault(input: "qo_indptr", index: 5, values: far + [23, size("total_q") - 1, size("total_q") + 1]),
        Fault(input: "kv_indptr", index: 0, values: far), Fault(input: "kv_indptr", index: 1, values: [-1, 0, .max]),
        Fault(input: "kv_indptr", index: 5, values: far + [size("num_kv_indices") + 1]),
        Fault(input: "kv_indices", index: 0, values: far + [size("num_pages")]),
        Fault(input: "kv_indices", index: Int(size("num_kv_indices")) - 1, values: far + [size("num_pages")]),
        Fault(input: "kv_last_page_len", index: 0, values: far + [0, size("page_size") + 1]),
      ]
    default: []
    }
  }

  private static let operations: Set = ["embedding", "rope", "kv_store", "gqa_paged"]

  @Test(
    "a bad index is refused by name, and no output is touched",
    arguments: ConformanceCase.all.filter { operations.contains($0.definition.opType) })
  func badIndex(_ pair: ConformanceCase) throws {
    let stream = CPUStream(threads: 2)
    let whole = try Problem(pair.definition, .ragged(of: pair.definition), seed: 5)
    for fault in Self.faults(whole) {
      for value in fault.values {
        var problem = whole
        let changed = try #require(whole.tensors[fault.input]?.int32s)
        let tensor = Tensor(changed, [changed.count])
        tensor.elements(as: Int32.self)[fault.index] = value
        problem.tensors[fault.input] = tensor
        let error = #expect(throws: KernelError.self, "\(pair): \(fault.input)[\(fault.index)] = \(value)") {
          _ = try Execution(pair.solution, problem, on: stream)
        }
        #expect(error?.code == .runFailed)
        #expect(error?.definition == pair.definition.name)
        let reason = error?.reason ?? ""
        #expect(reason.contains("\(fault.input)[") || reason.contains("queries"), "\(fault): \(reason)")
      }
    }
  }

  @Test(
    "a row of logits without a largest finite value is refused by number",
    arguments: ConformanceCase.all.filter { $0.definition.opType == "sampling" })
  func badLogits(_ pair: ConformanceCase) throws {
    let stream = CPUStream(threads: 2), size = try #require(pair.definition.axes["vocab_size"]?.value)
    let rowsOfFaults: [[Float]] = [
      [Float](repeating: -.infinity, count: size), [Float](repeating: .nan, count: size),
      [Float](repeating: 1, count: size - 1) + [.nan], [.infinity] + [Float](repeating: 1, count: size - 1),
    ]
    for logits in rowsOfFaults {
      var problem = try Problem(pair.definition, .rows(4), seed: 3)
      let changed = Tensor(try #require(problem.tensors["logits"]).floats, [4, size])
      for i in 0..<size { changed.elements(as: Float.self)[2 * size + i] = logits[i] }
      problem.tensors["logits"] = changed
      let error = #expect(throws: KernelError.self) { _ = try Execution(pair.solution, problem, on: stream) }
      #expect(error?.code == .runFailed)
      #expect(error?.reason.hasPrefix("row 2 ") == true)
    }
  }

  @Test(
    "sampling parameters beyond their range give a token or an error, never a crash",
    arguments: ConformanceCase.all.filter { $0.definition.opType == "sampling" })
  func strangeParameters(_ pair: ConformanceCase) throws {
    let stream = CPUStream(threads: 2), size = try #require(pair.definition.axes["vocab_size"]?.value)
    let strange: [Float] = [.nan, .infinity, -.infinity, -1, 2, 0x1p-140, 3e38, 0, 1]
    for name in ["temperature", "top_p", "min_p", "uniform"] {
      var problem = try Problem(pair.definition, .rows(strange.count), seed: 8)
      problem.tensors["temperature"] = Tensor([Float](repeating: 0.8, count: strange.count), [strange.count])
      problem.tensors["top_k"] = Tensor((0..<Int32(strange.count)).map { $0 % 3 == 0 ? .min : $0 - 4 }, [strange.count])
      problem.tensors[name] = Tensor(strange, [strange.count])
      do throws(any Error) {
        let found = try Execution(pair.solution, problem, on: stream)
        #expect(found.damage == [])
        #expect(try #require(found.outputs["samples"]).int32s.allSatisfy { 0..<size ~= Int($0) }, "\(name): \(pair)")
      } catch let error as KernelError {
        #expect(error.code == .runFailed)
      }
    }
  }
}
