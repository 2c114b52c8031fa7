import JSONText
import TestSupport
import Testing

@testable import Models

@Suite("Wrong configurations are refused with the key that is wrong")
struct WrongConfigurationTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let key: String
    let value: JSONValue?
    let code: ModelLoadingError.Code
    /// What the error must name; nil is the key itself.
    let subject: String?
    let says: String
    var file = "config.json"

    /// - Parameter value: as JSON text; nil removes the key.
    init(
      _ key: String, _ value: String?, _ code: ModelLoadingError.Code = .badConfiguration, subject: String? = nil,
      says: String, file: String = "config.json"
    ) {
      (self.key, self.code, self.subject, self.says, self.file) = (key, code, subject, says, file)
      self.value = value.map { try! JSONValue(parsing: Array($0.utf8)) }
    }

    var testDescription: String { "\(key) = \((value?.compact ?? "absent").prefix(40)) in \(file)" }
  }

  static let sizes: [Case] = [
    "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
    "vocab_size", "max_position_embeddings", "head_dim",
  ].flatMap { key in
    [
      Case(key, "0", says: "is 0"), Case(key, "-8", says: "is -8"),
      Case(key, "9223372036854775806", says: "is 9223372036854775806"),
      Case(key, "-9223372036854775808", says: "is -9223372036854775808"),
      Case(key, "1e30", says: "is 1e30, expected an integer"), Case(key, "2.5", says: "is 2.5, expected an integer"),
      Case(key, "\"32\"", says: "is the string \"32\", expected an integer"),
      Case(key, "[32]", says: "is an array, expected an integer"),
    ]
  }

  static let missing = [
    "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "vocab_size",
    "max_position_embeddings", "rms_norm_eps",
  ].flatMap { [Case($0, nil, says: "is missing"), Case($0, "null", says: "is missing")] }

  static let architecture = [
    Case("architectures", #"["GPT2LMHeadModel"]"#, .unknownArchitecture, says: "GPT2LMHeadModel; supported are Llama"),
    Case("architectures", "\"LlamaForCausalLM\"", says: "expected a list of strings"),
    Case("architectures", "[1]", says: "expected a list of strings"),
    Case("architectures", "[\"a\\u0001b\"]", .unknownArchitecture, says: "a\\u{1}b"),
    Case("model_type", "7", says: "is 7, expected a string"),
    Case("hidden_act", "\"gelu\"", .unsupported, says: "\"gelu\"; supported is silu"),
    Case("attention_bias", "true", .unsupported, says: "is true"),
    Case("attention_bias", "1", says: "is 1, expected true or false"),
    Case("mlp_bias", "true", .unsupported, says: "is true; supported is false"),
    Case("quantization_config", #"{"quant_method":"awq"}"#, .unsupported, says: "use GGUF"),
    Case("partial_rotary_factor", "0.5", .unsupported, says: "is 0.5; supported is 1"),
    Case("tie_word_embeddings", "\"no\"", says: "is the string \"no\", expected true or false"),
  ]

  static let numbers = [
    Case("num_attention_heads", "3", says: "is 3, expected a divisor of hidden_size, which is 32"),
    Case("num_attention_heads", "32", subject: "head_dim", says: "is 1, expected an even number"),
    Case("num_key_value_heads", "3", subject: "num_attention_heads", says: "no multiple of the 3 key-value heads"),
    Case("head_dim", "15", says: "is 15, expected an even number"),
    Case("rms_norm_eps", "NaN", says: "is nan"), Case("rms_norm_eps", "0", says: "is 0.0"),
    Case("rms_norm_eps", "-1e-5", says: "expected a small positive number"),
    Case("rms_norm_eps", "1e-60", says: "is 0.0"), Case("rms_norm_eps", "1e300", says: "is inf"),
    Case("rms_norm_eps", "\"1e-5\"", says: "the string \"1e-5\", expected a number"),
    Case("rope_theta", "0", says: "is 0.0, expected a positive number"), Case("rope_theta", "NaN", says: "is nan"),
    Case("rope_theta", "Infinity", says: "is inf"), Case("rope_theta", "-10000", says: "is -10000.0"),
    Case("rope_theta", "true", says: "is a boolean, expected a number"),
  ]

  static let rope = [
    Case("rope_scaling", #"{"rope_type":"yarn","factor":4}"#, .unsupported, says: "\"yarn\"; supported are linear"),
    Case("rope_scaling", #"{"type":"dynamic","factor":4}"#, .unsupported, says: "\"dynamic\""),
    Case("rope_scaling", "\"linear\"", says: "is the string \"linear\", expected an object"),
    Case("rope_parameters", "[4]", says: "is an array, expected an object"),
    Case("rope_scaling", #"{"type":"linear"}"#, subject: "factor", says: "is missing"),
    Case("rope_scaling", #"{"type":"linear","factor":"4"}"#, subject: "factor", says: "expected a number"),
    Case("rope_scaling", #"{"type":"linear","factor":0}"#, says: "has the factor 0.0"),
    Case("rope_scaling", #"{"type":"linear","factor":NaN}"#, says: "has the factor nan"),
    Case("rope_scaling", #"{"rope_type":"llama3","factor":8}"#, subject: "low_freq_factor", says: "is missing"),
    Case(
      "rope_scaling",
      #"{"rope_type":"llama3","factor":8,"low_freq_factor":4,"high_freq_factor":4,"original_max_position_embeddings":8}"#,
      says: "low below high"),
  ]

  static let otherFiles = [
    Case("eos_token_id", "288", says: "is 288, the vocabulary has 288 tokens"),
    Case("eos_token_id", "[2, -1]", says: "is -1"),
    Case("eos_token_id", "\"2\"", says: "the string \"2\", expected an integer or a list of them"),
    Case("eos_token_id", "[2,\"3\"]", says: "is an array, expected an integer or a list of them"),
    Case("eos_token_id", "9223372036854775807", says: "is 9223372036854775807", file: "generation_config.json"),
    Case("temperature", "-1", says: "is -1.0, expected 0.0 to 100.0", file: "generation_config.json"),
    Case("top_p", "1.5", says: "is 1.5", file: "generation_config.json"),
    Case("top_k", "\"many\"", says: "expected an integer", file: "generation_config.json"),
    Case("repetition_penalty", "NaN", says: "is nan", file: "generation_config.json"),
    Case("do_sample", "1", says: "expected true or false", file: "generation_config.json"),
    Case("chat_template", "5", says: "is a number, expected a string", file: "tokenizer_config.json"),
  ]

  @Test("In a Hugging Face folder", arguments: sizes + missing + architecture + numbers + rope + otherFiles)
  func refused(_ wrong: Case) throws {
    let folder = try ModelFolder()
    try folder.set(wrong.key, wrong.value, in: wrong.file)
    do {
      _ = try ModelFiles.open(folder.path)
      Issue.record("was opened")
    } catch {
      #expect(error.code == wrong.code && error.subject == wrong.subject ?? wrong.key, "\(error)")
      #expect(error.reason.contains(wrong.says), "\(error)")
      #expect(error.file == folder.path + "/" + wrong.file, "\(error)")
    }
  }
}
