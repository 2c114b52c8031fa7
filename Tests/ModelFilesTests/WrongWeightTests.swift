import Checkpoints
import TestSupport
import Testing

@testable import Models

@Suite("Weights that do not fit the configuration are refused by name")
struct WrongWeightTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let code: ModelLoadingError.Code
    let subject: String
    let says: String
    let change: @Sendable (inout GGUFBuilder) -> Void
    init(
      _ title: String, _ code: ModelLoadingError.Code, _ subject: String, says: String,
      _ change: @escaping @Sendable (inout GGUFBuilder) -> Void
    ) {
      (testDescription, self.code, self.subject, self.says, self.change) = (title, code, subject, says, change)
    }
  }

  private static func replace(_ name: String, _ tensor: GGUFBuilder.Tensor?, in file: inout GGUFBuilder) {
    guard let at = file.tensors.firstIndex(where: { $0.name == name }) else { return }
    file.tensors.replaceSubrange(at...at, with: tensor.map { [$0] } ?? [])
  }

  private static func set(_ key: String, _ value: GGUFBuilder.Value?, in file: inout GGUFBuilder) {
    file.keys.removeAll { $0.0 == key }
    if let value { file.keys.append((key, value)) }
  }

  static let weights = [
    Case("a missing projection", .badWeight, "tensor blk.0.attn_k.weight", says: "missing; expected shape [16, 32]") {
      replace("blk.0.attn_k.weight", nil, in: &$0)
    },
    Case("a missing embedding", .badWeight, "tensor token_embd.weight", says: "missing") {
      replace("token_embd.weight", nil, in: &$0)
    },
    Case("an embedding of one axis", .badWeight, "tensor token_embd.weight", says: "two dimensions") {
      replace("token_embd.weight", .init("token_embd.weight", [512], .q8_0), in: &$0)
    },
    Case("axes exchanged", .badWeight, "tensor blk.0.attn_k.weight", says: "has shape [32, 16], expected [16, 32]") {
      replace("blk.0.attn_k.weight", .init("blk.0.attn_k.weight", [16, 32], .f32), in: &$0)
    },
    Case("an axis more", .badWeight, "tensor output_norm.weight", says: "has shape [1, 32], expected [32]") {
      replace("output_norm.weight", .init("output_norm.weight", [32, 1], .f32), in: &$0)
    },
    Case("a quantised norm", .badWeight, "tensor output_norm.weight", says: "is Q8_0, expected F32, F16 or BF16") {
      replace("output_norm.weight", .init("output_norm.weight", [32], .q8_0), in: &$0)
    },
    Case("an unknown tensor", .badWeight, "tensor blk.0.attn_sinks.weight", says: "is not part of the llama") {
      $0.tensors.append(.init("blk.0.attn_sinks.weight", [2], .f32))
    },
    Case("a layer too many", .badWeight, "tensor blk.1.attn_norm.weight", says: "is not part of the llama") {
      $0.tensors.append(.init("blk.1.attn_norm.weight", [32], .f32))
    },
    Case("a layer too few", .badWeight, "tensor blk.1.attn_norm.weight", says: "missing; expected shape [32]") {
      set("llama.block_count", .uint32(2), in: &$0)
    },
    Case("rope_freqs of another type", .badWeight, "tensor rope_freqs.weight", says: "expected a vector of F32") {
      $0.tensors.append(.init("rope_freqs.weight", [8], .f16))
    },
  ]

  static let keys = [
    Case("no architecture", .badConfiguration, "general.architecture", says: "is missing") {
      set("general.architecture", nil, in: &$0)
    },
    Case("an unknown architecture", .unknownArchitecture, "general.architecture", says: "\"mamba\"; supported are") {
      set("general.architecture", .string("mamba"), in: &$0)
    },
    Case("an architecture that is a number", .badConfiguration, "general.architecture", says: "is uint32 5, expected") {
      set("general.architecture", .uint32(5), in: &$0)
    },
    Case("no block count", .badConfiguration, "llama.block_count", says: "is missing") {
      set("llama.block_count", nil, in: &$0)
    },
    Case("a block count in words", .badConfiguration, "llama.block_count", says: "is string \"one\", expected") {
      set("llama.block_count", .string("one"), in: &$0)
    },
    Case("heads for each layer", .badConfiguration, "llama.attention.head_count_kv", says: "expected an integer") {
      set("llama.attention.head_count_kv", .int32s([1]), in: &$0)
    },
    Case("no heads", .badConfiguration, "llama.attention.head_count", says: "is 0") {
      set("llama.attention.head_count", .uint32(0), in: &$0)
    },
    Case("partial rotation", .unsupported, "llama.rope.dimension_count", says: "is 8, the head dimension is 16") {
      set("llama.rope.dimension_count", .uint32(8), in: &$0)
    },
    Case("values of another size", .unsupported, "llama.attention.value_length", says: "is 8, the head dimension") {
      set("llama.attention.value_length", .uint32(8), in: &$0)
    },
    Case("yarn", .unsupported, "llama.rope.scaling.type", says: "\"yarn\"; supported are none and linear") {
      set("llama.rope.scaling.type", .string("yarn"), in: &$0)
    },
    Case("linear scaling without a factor", .badConfiguration, "llama.rope.scaling.factor", says: "is missing") {
      set("llama.rope.scaling.type", .string("linear"), in: &$0)
    },
    Case(
      "tokens that are numbers", .badConfiguration, "tokenizer.ggml.tokens", says: "array of int32, expected strings"
    ) {
      set("tokenizer.ggml.tokens", .int32s([1]), in: &$0)
    },
    Case("token types that are text", .badConfiguration, "tokenizer.ggml.token_type", says: "expected integers") {
      set("tokenizer.ggml.token_type", .strings(["a"]), in: &$0)
    },
    Case("an id that is text", .badConfiguration, "tokenizer.ggml.bos_token_id", says: "expected an integer") {
      set("tokenizer.ggml.bos_token_id", .string("1"), in: &$0)
    },
    Case("a token that is not UTF-8", .badCheckpoint, "key tokenizer.ggml.tokens", says: "not valid UTF-8") {
      let bad = GGUFBuilder.Value(type: 8, bytes: little(UInt64(1)) + [0xFF])
      set("tokenizer.ggml.tokens", .array(of: 8, [bad]), in: &$0)
    },
  ]

  @Test("In a GGUF file", arguments: weights + keys)
  func refused(_ wrong: Case) throws {
    let folder = try TemporaryFolder()
    var file = GGUFBuilder.smallLlama()
    wrong.change(&file)
    let path = try folder.write(file.build(), to: "model.gguf")
    do {
      _ = try ModelFiles.open(path)
      Issue.record("was opened")
    } catch {
      #expect(error.code == wrong.code && error.subject == wrong.subject && error.file == path, "\(error)")
      #expect(error.reason.contains(wrong.says), "\(error)")
    }
  }

  @Test("The file that these cases break is whole, and its features follow from its tensors")
  func whole() throws {
    let folder = try TemporaryFolder()
    var file = GGUFBuilder.smallLlama()
    let tied = try ModelFiles.open(try folder.write(file.build(), to: "tied.gguf"))
    #expect(tied.name == "small" && tied.stopTokenIDs == [0] && tied.configuration.tiesEmbeddings)
    file.tensors += [
      .init("output.weight", [32, 16], .q8_0),
      .init("rope_freqs.weight", [8], .f32, data: [Float](repeating: 2, count: 8).flatMap { little($0.bitPattern) }),
      .init("blk.0.attn_q.bias", [32], .f32), .init("blk.0.attn_k.bias", [16], .f32),
      .init("blk.0.attn_v.bias", [16], .f32),
    ]
    file.keys += [("tokenizer.ggml.eot_token_id", .uint32(3)), ("llama.attention.sliding_window", .uint32(8))]
    let untied = try ModelFiles.open(try folder.write(file.build(), to: "untied.gguf"))
    #expect(!untied.configuration.tiesEmbeddings && untied.configuration.hasQueryKeyValueBias)
    #expect(untied.configuration.ropeScaling == .perFrequency([Float](repeating: 2, count: 8)))
    #expect(untied.stopTokenIDs == [0, 3] && untied.configuration.slidingWindow == 8)
  }

  @Test("Missing, misshapen and unknown tensors of a Hugging Face folder are named")
  func huggingFace() throws {
    func refusal(_ tensors: [(name: String, dtype: String, shape: [Int], bytes: Int)]) throws -> ModelLoadingError? {
      let folder = try ModelFolder()
      try folder.folder.write(SafetensorsBuilder(tensors).build(), to: "model.safetensors")
      do { _ = try ModelFiles.open(folder.path) } catch { return error }
      return nil
    }
    let whole = try ModelFiles.open(Fixtures.path("families/llama"))
    var all: [(name: String, dtype: String, shape: [Int], bytes: Int)] = []
    for role in WeightRole.all(whole.configuration) {
      let weight = try whole.weight(role)
      all.append((weight.name, weight.format.rawValue, weight.shape, weight.byteCount))
    }
    #expect(try refusal(all) == nil)
    for i in all.indices {
      var tensors = all
      tensors.remove(at: i)
      let missing = try #require(try refusal(tensors))
      #expect(missing.code == .badWeight && missing.subject == "tensor " + all[i].name, "\(missing)")
      #expect(missing.reason == "missing; expected shape \(all[i].shape)")
      tensors = all
      tensors[i].shape.append(1)
      let misshapen = try #require(try refusal(tensors))
      #expect(misshapen.code == .badWeight && misshapen.subject == "tensor " + all[i].name, "\(misshapen)")
      #expect(misshapen.reason == "has shape \(tensors[i].shape), expected \(all[i].shape)")
    }
    let extra = try #require(try refusal(all + [("model.layers.0.self_attn.q_proj.bias", "F32", [32], 128)]))
    #expect(extra.code == .badWeight && extra.subject == "tensor model.layers.0.self_attn.q_proj.bias", "\(extra)")
    let ignored = try refusal(all + [("model.layers.0.self_attn.rotary_emb.inv_freq", "F32", [8], 32)])
    #expect(ignored == nil)
  }
}
