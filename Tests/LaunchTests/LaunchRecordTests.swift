import JSONText
import KernelRuntime
import Testing

@Suite struct LaunchRecordTests {
  /// The example of docs/gpu-kernels.md.
  static let text = """
    {
      "format": 1,
      "solution": "rmsnorm_cuda", "operation": "rmsnorm", "definition": "rmsnorm_h4096_bfloat16", "language": "cuda",
      "target": "sm_90a",
      "toolchain": {"nvcc": "13.0.88"},
      "image": "kernel.cubin",
      "constants": {"hidden_size": 4096},
      "let": [["splits", "max(1, 2)"]],
      "scratch": [["partial_output", "batch_size * 4"]],
      "tensor_maps": [{"name": "k_map", "tensor": "k_cache", "type": "bfloat16", "extents": ["head_dim"], "strides": [],
        "box": [64], "element_strides": [1], "swizzle": 128, "interleave": 0, "l2_promotion": 128, "fill": 0}],
      "launches": [
        {
          "entry": "rmsnorm_kernel",
          "parameters": [{"name": "hidden_states", "type": "pointer"}, {"name": "eps", "type": "f32"},
            {"name": "batch_size", "type": "i32", "value": "batch_size * 2"}, {"name": "global_scratch", "type": "null"}],
          "grid": ["batch_size", "1", "1"], "block": ["256", "1", "1"], "shared": "0", "cluster": [1, 1, 1], "pdl": false,
          "when": "splits > 1"
        }
      ],
      "resources": [{"entry": "rmsnorm_kernel", "registers": 40, "spill_stores": 0, "spill_loads": 0, "stack": 0,
        "static_shared": 128}]
    }
    """

  @Test func `reads the documented example and writes it in the same order`() throws {
    let record = try LaunchRecord(json: Self.text)
    #expect(record.solution == "rmsnorm_cuda")
    #expect(record.targetNumber == 90)
    #expect(record.constants == [.init("hidden_size", 4096)])
    #expect(record.lets.map(\.name) == ["splits"])
    #expect(record.launches[0].parameters[2].value?.text == "batch_size * 2")
    #expect(record.launches[0].parameters[3].kind == .null)
    #expect(record.launches[0].when?.text == "splits > 1")
    #expect(record.tensorMaps[0].swizzle == 128)
    #expect(record.resources[0].staticShared == 128)
    #expect(try record.json == JSONValue(parsing: Self.text))
    #expect(try LaunchRecord(json: record.json.pretty) == record)
  }

  @Test func `fills in what a launch need not say`() throws {
    let record = try LaunchRecord(
      json: """
        {"format": 1, "solution": "s", "operation": "o", "definition": "d", "language": "cuda", "target": "emulated",
         "image": "kernel.so", "launches": [{"entry": "e", "parameters": [], "grid": [3], "block": ["32"]}]}
        """)
    let launch = record.launches[0]
    #expect(launch.grid.map(\.text) == ["3", "1", "1"])
    #expect(launch.block.map(\.text) == ["32", "1", "1"])
    #expect(launch.cluster == [1, 1, 1])
    #expect(launch.shared.constant == 0)
    #expect(!launch.pdl && launch.when == nil)
    #expect(record.targetNumber == nil)
  }

  /// What is replaced, with what, and the field that the error names.
  static let faults: [(from: String, to: String, field: String)] = [
    ("\"format\": 1", "\"format\": 2", "format"), ("\"format\": 1", "\"format\": \"1\"", "format"),
    ("\"format\": 1,", "", "format"), ("\"rmsnorm_cuda\"", "5", "solution"), ("\"rmsnorm\"", "\"\"", "operation"),
    ("\"rmsnorm_h4096_bfloat16\"", "null", "definition"), ("\"cuda\"", "[]", "language"),
    ("\"sm_90a\"", "\"sm90\"", "target"), ("\"sm_90a\"", "\"interpreted\"", "image"),
    ("{\"nvcc\": \"13.0.88\"}", "{\"nvcc\": 13}", "toolchain.nvcc"),
    ("\"kernel.cubin\"", "\"../kernel.cubin\"", "image"),
    ("\"kernel.cubin\"", "null", "image"), ("4096}", "\"4096\"}", "constants.hidden_size"),
    ("[\"splits\", \"max(1, 2)\"]", "[\"splits\"]", "let[0]"), ("max(1, 2)", "max(1", "let[0][1]"),
    ("[\"splits\"", "[\"hidden_size\"", "let[0]"), ("[\"splits\"", "[\"sm_count\"", "let[0]"),
    ("[\"splits\"", "[\"2x\"", "let[0]"), ("batch_size * 4\"", "batch_size *\"", "scratch[0][1]"),
    ("[\"partial_output\"", "[\"splits\"", "scratch[0]"), ("\"k_map\"", "\"splits\"", "tensor_maps[0].name"),
    ("\"type\": \"bfloat16\"", "\"type\": \"bf16\"", "tensor_maps[0].type"),
    ("\"extents\": [\"head_dim\"]", "\"extents\": []", "tensor_maps[0].extents"),
    ("\"extents\": [\"head_dim\"]", "\"extents\": [\"head_dim +\"]", "tensor_maps[0].extents[0]"),
    ("\"strides\": []", "\"strides\": [\"2\"]", "tensor_maps[0].strides"),
    ("\"box\": [64]", "\"box\": [512]", "tensor_maps[0].box[0]"),
    ("\"box\": [64]", "\"box\": [1.5]", "tensor_maps[0].box[0]"),
    ("\"element_strides\": [1]", "\"element_strides\": [0]", "tensor_maps[0].element_strides[0]"),
    ("\"swizzle\": 128", "\"swizzle\": 100", "tensor_maps[0].swizzle"),
    ("\"interleave\": 0", "\"interleave\": 5", "tensor_maps[0].interleave"),
    ("\"l2_promotion\": 128", "\"l2_promotion\": 1", "tensor_maps[0].l2_promotion"),
    ("\"fill\": 0", "\"fill\": 2", "tensor_maps[0].fill"), ("\"fill\": 0", "\"filling\": 0", "tensor_maps[0].filling"),
    ("\"entry\": \"rmsnorm_kernel\",\n", "", "launches[0].entry"),
    ("\"type\": \"f32\"", "\"type\": \"float\"", "launches[0].parameters[1].type"),
    ("\"name\": \"eps\"", "\"name\": \"hidden_states\"", "launches[0].parameters[1].name"),
    ("\"name\": \"eps\", ", "", "launches[0].parameters[1].name"),
    ("batch_size * 2", "batch_size ** 2", "launches[0].parameters[2].value"),
    ("\"type\": \"null\"", "\"type\": \"null\", \"value\": \"0\"", "launches[0].parameters[3].value"),
    ("\"grid\": [\"batch_size\", \"1\", \"1\"]", "\"grid\": [\"1\", \"1\", \"1\", \"1\"]", "launches[0].grid"),
    ("\"grid\": [\"batch_size\", \"1\", \"1\"]", "\"grid\": [\"1\", \"70000\", \"1\"]", "launches[0].grid[1]"),
    ("\"256\", \"1\", \"1\"", "\"2048\"", "launches[0].block[0]"),
    ("\"256\", \"1\", \"1\"", "\"1\", \"1\", \"65\"", "launches[0].block[2]"),
    ("\"shared\": \"0\"", "\"shared\": true", "launches[0].shared"),
    ("\"cluster\": [1, 1, 1]", "\"cluster\": [4, 8, 1]", "launches[0].cluster"),
    ("\"cluster\": [1, 1, 1]", "\"cluster\": [0, 1, 1]", "launches[0].cluster[0]"),
    ("\"pdl\": false", "\"pdl\": 0", "launches[0].pdl"), ("splits > 1", "splits >", "launches[0].when"),
    ("\"pdl\": false", "\"cooperative\": true", "launches[0].cooperative"),
    ("\"registers\": 40", "\"registers\": -1", "resources[0].registers"),
    ("\"resources\": [", "\"more\": 1, \"resources\": [", "more"),
    ("\"static_shared\": 128", "\"static_shared\": \"\"", "resources[0].static_shared"),
  ]

  @Test(arguments: faults.indices)
  func `names the field that is wrong`(index: Int) throws {
    let fault = Self.faults[index]
    let place = try #require(Self.text.range(ofText: fault.from), "\(fault.from) is not in the example")
    let broken = Self.text.replacing(place, with: fault.to)
    let error = #expect(throws: LaunchRecordError.self) { try LaunchRecord(json: broken) }
    #expect(error?.field == fault.field, "\(String(describing: error))")
  }

  @Test func `says that a text is not JSON, and that there are no launches`() {
    #expect(throws: LaunchRecordError.self) { try LaunchRecord(json: "{") }
    #expect(throws: LaunchRecordError.self) { try LaunchRecord(json: "[]") }
    let error = #expect(throws: LaunchRecordError.self) {
      try LaunchRecord(
        solution: "s", operation: "o", definition: "d", language: "cuda", target: "sm_80", image: "kernel.cubin",
        launches: [])
    }
    #expect(error?.field == "launches")
  }

  @Test(arguments: [
    ("sm_80", 80), ("sm_90a", 90), ("sm_100a", 100), ("sm_100f", 100), ("sm_90x", nil), ("emulated", nil),
  ])
  func `knows a target's number`(target: String, number: Int?) {
    #expect(LaunchRecord.targetNumber(target) == number)
  }
}

extension String {
  fileprivate func range(ofText other: String) -> Range<String.Index>? {
    var index = startIndex
    while index < endIndex {
      if self[index...].hasPrefix(other) { return index..<self.index(index, offsetBy: other.count) }
      index = self.index(after: index)
    }
    return nil
  }
  fileprivate func replacing(_ range: Range<String.Index>, with other: String) -> String {
    String(self[..<range.lowerBound]) + other + String(self[range.upperBound...])
  }
}
