import Kernels
import Tensors
import Testing
import Traces

@testable import Benchmarking

struct FuzzWorkloadsTests {
  @Test func `the corners come first, then edges of tiles with every pattern`() {
    let workloads = FuzzWorkloads.workloads(for: RMSNorm.definition(hiddenSize: 8), seed: 1, count: 60)
    #expect(workloads.count == 60)
    #expect(workloads.prefix(2).map { $0.workload.axes["batch_size"] } == [0, 1])
    #expect(Set(workloads.map(\.values)) == Set(ValuePattern.allCases))
    #expect(workloads.dropFirst(6).allSatisfy { FuzzWorkloads.edges.contains($0.workload.axes["batch_size"] ?? -1) })
    #expect(Set(workloads.map { "\($0.workload.axes) \($0.values)" }).count == 60)
    #expect(
      FuzzWorkloads.edges.contains(127) && FuzzWorkloads.edges.contains(257) && !FuzzWorkloads.edges.contains(100))
    let again = FuzzWorkloads.workloads(for: RMSNorm.definition(hiddenSize: 8), seed: 1, count: 60)
    #expect(again.map(\.workload) == workloads.map(\.workload))
  }

  @Test func `attention gets empty requests`() throws {
    let attention = KnownDefinitions.rooms[6]
    #expect(attention.opType == "gqa_paged")
    let hasEmpty = try FuzzWorkloads.workloads(for: attention, seed: 1, count: 20).contains { workload, _ in
      let offsets = try WorkloadInputs(attention, workload, seed: 1).tensor("qo_indptr")?.integers ?? []
      return offsets.count > 2 && zip(offsets, offsets.dropFirst()).contains { $0 == $1 }
    }
    #expect(hasEmpty)
  }

  @Test func `a failing workload shrinks to the smallest that still fails`() {
    let attention = KnownDefinitions.rooms[6]
    let failing = Workload(
      uuid: "f",
      axes: ["total_q": 200, "num_pages": 90, "len_indptr": 9, "batch_size": 8, "num_kv_indices": 60])
    var calls = 0
    let smallest = FuzzWorkloads.minimised(failing, definition: attention) { workload in
      calls += 1
      return (workload.axes["total_q"] ?? 0) >= 33 && (try? WorkloadInputs(attention, workload, seed: 1)) != nil
    }
    #expect(smallest.axes["total_q"] == 33)
    #expect(smallest.axes["num_kv_indices"] == 3)
    #expect(smallest.axes["num_pages"] == 3)
    #expect(smallest.axes["len_indptr"] == 2 && smallest.axes["batch_size"] == 1)
    #expect(calls <= 200)
    let norm = RMSNorm.definition(hiddenSize: 8)
    let kept = FuzzWorkloads.minimised(Workload(uuid: "f", axes: ["batch_size": 77]), definition: norm) {
      $0.axes["batch_size"] == 77
    }
    #expect(kept.axes["batch_size"] == 77)
    let none = FuzzWorkloads.minimised(Workload(uuid: "f", axes: ["batch_size": 77]), definition: norm) { _ in true }
    #expect(none.axes["batch_size"] == 0)
  }

  @Test func `patterns change values, and only of plain random inputs`() throws {
    let definition = Sampler.definition(vocabularySize: 10)
    let original = try WorkloadInputs(definition, Workload(uuid: "w", axes: ["batch_size": 8]), seed: 1)
    let before = WorkloadInputsTests.bytes(original)
    for pattern in ValuePattern.allCases {
      var changed = original
      changed.apply(pattern)
      let after = WorkloadInputsTests.bytes(changed), values = try #require(changed.tensor("logits")).values
      for name in ["temperature", "top_k", "top_p", "min_p", "uniform"] { #expect(before[name] == after[name]) }
      switch pattern {
      case .normal: #expect(before == after)
      case .huge: #expect(values.contains { abs($0) > 1e11 } && values.allSatisfy { $0.isFinite })
      case .denormal: #expect(values.contains { $0.isSubnormal } && values.allSatisfy { abs($0) < 1e-37 })
      case .zeros: #expect(values.allSatisfy { $0 == 0 })
      case .negativeInfinityRows:
        #expect(values[10..<20].filter { $0 == -.infinity }.count == 9)
        #expect(values[..<10].allSatisfy { $0.isFinite })
      case .alternatingSigns:
        #expect(values.enumerated().allSatisfy { $0.offset & 1 == 0 ? $0.element >= 0 : $0.element <= 0 })
      }
      // The original's tensors are untouched.
      #expect(WorkloadInputsTests.bytes(original) == before)
    }
  }
}
