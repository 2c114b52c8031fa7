import KernelRuntime
import Kernels
import Tensors
import TestSupport
import Testing
import Traces

@testable import Benchmarking

struct WorkloadInputsTests {
  /// The bytes of all tensors, by name.
  static func bytes(_ inputs: WorkloadInputs) -> [String: [UInt8]] {
    var result: [String: [UInt8]] = [:]
    for (name, argument) in inputs.arguments {
      guard case .tensor(let tensor) = argument else { continue }
      result[name] = Array(UnsafeRawBufferPointer(start: tensor.pointer, count: tensor.byteCount))
    }
    return result
  }

  @Test func `there are definitions to try`() {
    #expect(KnownDefinitions.publicOnes.count == KnownDefinitions.files("definitions", ".json").count)
    #expect(KnownDefinitions.publicOnes.count > 60)
  }

  @Test("inputs are valid for shapes of every size", arguments: KnownDefinitions.all)
  func inputsAreValid(_ definition: Definition) throws {
    for (workload, _) in FuzzWorkloads.workloads(for: definition, seed: 11, count: 7, byteLimit: 1 << 18) {
      let inputs = try WorkloadInputs(definition, workload, seed: 5)
      #expect(InputValidity.problems(inputs) == [], "\(workload.axes)")
      let outputs = try inputs.outputTensors()
      #expect(outputs.names == definition.outputs.names)
      #expect(outputs.allSatisfy { InputValidity.sample($0.value).allSatisfy { $0 == 0 } })
    }
  }

  @Test("the same seed makes the same bits, another seed others", arguments: KnownDefinitions.rooms)
  func seedDecidesBits(_ definition: Definition) throws {
    let workload = FuzzWorkloads.workloads(for: definition, seed: 2, count: 6, byteLimit: 1 << 20)[5].workload
    let first = Self.bytes(try WorkloadInputs(definition, workload, seed: 1))
    #expect(first == Self.bytes(try WorkloadInputs(definition, workload, seed: 1)))
    let second = Self.bytes(try WorkloadInputs(definition, workload, seed: 2))
    let drawn = first.keys.filter { !["cos_sin_cache"].contains($0) && (first[$0]?.count ?? 0) > 64 }
    for name in drawn { #expect(first[name] != second[name], "\(name) does not depend on the seed") }
    // Inputs of one form differ from each other too.
    if let keys = first["k"] { #expect(keys != first["v"]) }
  }

  @Test(
    "every workload of the public data set can be made, or says why not",
    arguments: KnownDefinitions.files("workloads", ".jsonl"))
  func publicWorkloads(_ path: String) throws {
    let name = path.split(separator: "/").last.map { String($0.dropLast(".jsonl".count)) } ?? ""
    let definition = try KnownDefinitions.published(name)
    let lines = try String(decoding: Fixtures.bytes(String(path.dropFirst(Fixtures.folder.count + 1))), as: UTF8.self)
    for line in lines.split(separator: "\n").prefix(6) {
      let workload = try Trace(json: String(line)).workload
      let hasFiles = workload.inputs.contains { if case .safetensors = $0.value { true } else { false } }
      if hasFiles {
        let error = #expect(throws: WorkloadError.self) {
          try WorkloadInputs(definition, workload, seed: 1, root: Fixtures.path("flashinfer-trace"))
        }
        #expect([.file, .limit].contains(error?.code))
      }
      do {
        let inputs = try WorkloadInputs(definition, workload, seed: 1, synthesizesMissing: true, byteLimit: 8 << 20)
        #expect(InputValidity.problems(inputs) == [])
      } catch { #expect(error.code == .limit) }
    }
  }

  @Test func `scalars are taken as given, else by name`() throws {
    let attention = PagedAttention.definition(
      queryHeads: 2, keyValueHeads: 2, headDimension: 64, pageSize: 1, cacheType: .float32)
    let axes: OrderedMap<Int> = [
      "total_q": 1, "num_pages": 1, "len_indptr": 2, "batch_size": 1, "num_kv_indices": 1,
    ]
    let plain = try WorkloadInputs(attention, Workload(uuid: "a", axes: axes), seed: 1)
    #expect(plain.arguments["sm_scale"]?.scalar == 0.125)
    let given = try WorkloadInputs(
      attention, Workload(uuid: "a", axes: axes, inputs: ["sm_scale": .scalar(.float(0.5))]), seed: 1)
    #expect(given.arguments["sm_scale"]?.scalar == 0.5)
    let norm = try WorkloadInputs(
      RMSNorm.definition(hiddenSize: 4), Workload(uuid: "b", axes: ["batch_size": 1]), seed: 1)
    #expect(norm.arguments["eps"]?.scalar == 1e-5)
  }

  @Test func `a violated constraint is named`() {
    let attention = PagedAttention.definition(
      queryHeads: 2, keyValueHeads: 2, headDimension: 4, pageSize: 1, cacheType: .float32)
    let axes: OrderedMap<Int> = ["total_q": 1, "num_pages": 1, "len_indptr": 2, "batch_size": 5, "num_kv_indices": 1]
    let error = #expect(throws: WorkloadError.self) {
      try WorkloadInputs(attention, Workload(uuid: "a", axes: axes), seed: 1)
    }
    #expect(error?.code == .constraint)
    #expect(error?.reason.contains("len_indptr == batch_size + 1") == true)
  }

  @Test func `axes and inputs that do not fit are refused`() {
    let norm = RMSNorm.definition(hiddenSize: 8)
    func code(_ axes: OrderedMap<Int>, _ inputs: OrderedMap<WorkloadInput> = [:], limit: Int? = nil) -> WorkloadError
      .Code?
    {
      do {
        _ = try WorkloadInputs(norm, Workload(uuid: "a", axes: axes, inputs: inputs), seed: 1, byteLimit: limit)
        return nil
      } catch { return error.code }
    }
    #expect(code([:]) == .signature)
    #expect(code(["batch_size": 1, "hidden_size": 9]) == .signature)
    #expect(code(["batch_size": 1, "hidden_size": 8]) == nil)
    #expect(code(["batch_size": -1]) == .signature)
    #expect(code(["batch_size": .max]) == .limit)
    #expect(code(["batch_size": 1 << 40]) == .limit)
    #expect(code(["batch_size": 1000], limit: 1000) == .limit)
    #expect(code(["batch_size": 1], ["x": .random]) == .signature)
    #expect(code(["batch_size": 1], ["weight": .scalar(.int(1))]) == .signature)
    #expect(code(["batch_size": 1], ["eps": .safetensors(path: "a", tensorKey: "b")]) == .signature)
  }
}
