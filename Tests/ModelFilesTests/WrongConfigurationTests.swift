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

  /// Keys of sizes, and what an error calls one that is out of range.
  static let sizes: [Case] = [
    ("hidden_size", "hidden size"), ("intermediate_size", "intermediate size"),
    ("num_hidden_layers", "number of layers"), ("num_key_value_heads", "number of key-value heads"),
    ("vocab_size", "vocabulary size"), ("max_position_embeddings", "context length"), ("head_dim", "head dimension"),
  ].flatMap { key, name in
    [
      Case(key, "0", subject: name, says: "is 0, expected 1 to"),
      Case(key, "-8", subject: name, says: "is -8, expected 1 to"),
      Case(key, "9223372036854775806", subject: name, says: "is 9223372036854775806, expected 1 to"),
      Case(key, "-9223372036854775808", subject: name, says: "is -9223372036854775808, expected 1 to"),
      Case(key, "1e30", says: "is a number, expected an integer"),
      Case(key, "2.5", says: "is a number, expected an integer"),
      Case(key, "\"32\"", says: "is a string, expected an integer"),
      Case(key, "[32]", says: "is an array, expected an integer"),
    ]
  }

  static let missing = [
    "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "vocab_size",
    "max_position_embeddings", "rms_norm_eps",
  ].flatMap { [Case($0, nil, says: "is missing"), Case($0, "null", says: "is missing")] }

  static let architecture = [
    Case("architectures", #"["GPT2LMHeadModel"]"#, .unknownArchitecture, says: "GPT2LMHeadModel; supported are Llama"),
    Case("model_type", "7", says: "is a number, expected a string"),
    Case("hidden_act", "\"gelu\"", .unsupported, says: "\"gelu\"; supported is silu"),
    Case("attention_bias", "true", .unsupported, says: "is true"),
    Case("attention_bias", "1", says: "is a number, expected true or false"),
    Case("mlp_bias", "true", .unsupported, says: "is true; supported is false"),
    Case("quantization_config", #"{"quant_method":"awq"}"#, .unsupported, says: "use GGUF"),
    Case("tie_word_embeddings", "\"no\"", says: "is a string, expected true or false"),
  ]

  static let numbers = [
    Case("num_attention_heads", "3", subject: "number of query heads", says: "no multiple of the 2 key-value heads"),
    Case("num_attention_heads", "32", subject: "head dimension", says: "is 1, expected an even number"),
    Case("num_key_value_heads", "3", subject: "number of query heads", says: "no multiple of the 3 key-value heads"),
    Case("head_dim", "15", subject: "head dimension", says: "is 15, expected an even number"),
    Case("rms_norm_eps", "NaN", subject: "norm epsilon", says: "is nan"),
    Case("rms_norm_eps", "0", subject: "norm epsilon", says: "is 0.0"),
    Case("rms_norm_eps", "-1e-5", subject: "norm epsilon", says: "expected a small positive number"),
    Case("rms_norm_eps", "1e-60", subject: "norm epsilon", says: "is 0.0"),
    Case("rms_norm_eps", "1e300", subject: "norm epsilon", says: "is inf"),
    Case("rms_norm_eps", "\"1e-5\"", says: "is a string, expected a number"),
    Case("rope_theta", "0", subject: "rope theta", says: "is 0.0, expected a positive number"),
    Case("rope_theta", "NaN", subject: "rope theta", says: "is nan"),
    Case("rope_theta", "Infinity", subject: "rope theta", says: "is inf"),
    Case("rope_theta", "-10000", subject: "rope theta", says: "is -10000.0"),
    Case("rope_theta", "true", says: "is a boolean, expected a number"),
  ]

  static let rope = [
    Case("rope_scaling", #"{"rope_type":"yarn","factor":4}"#, .unsupported, says: "\"yarn\"; supported are linear"),
    Case("rope_scaling", #"{"type":"dynamic","factor":4}"#, .unsupported, says: "\"dynamic\""),
    Case("rope_scaling", #"{"type":"linear"}"#, subject: "factor", says: "is missing"),
    Case("rope_scaling", #"{"type":"linear","factor":"4"}"#, subject: "factor", says: "expected a number"),
    Case("rope_scaling", #"{"type":"linear","factor":0}"#, subject: "rope scaling factor", says: "is 0.0"),
    Case("rope_scaling", #"{"type":"linear","factor":NaN}"#, subject: "rope scaling factor", says: "is nan"),
    Case("rope_scaling", #"{"rope_type":"llama3","factor":8}"#, subject: "low_freq_factor", says: "is missing"),
    Case(
      "rope_scaling",
      #"{"rope_type":"llama3","factor":8,"low_freq_factor":4,"high_freq_factor":4,"original_max_position_embeddings":8}"#,
      subject: "rope scaling", says: "low below high"),
  ]

  static let otherFiles = [
    Case("eos_token_id", "288", subject: "end token", says: "is 288, the vocabulary has 288 tokens"),
    Case("eos_token_id", "[2, -1]", subject: "end token", says: "is -1"),
    Case(
      "eos_token_id", "9223372036854775807", subject: "end token", says: "is 9223372036854775807",
      file: "generation_config.json"),
    Case("temperature", "-1", says: "is -1.0, expected 0.0 to 100.0", file: "generation_config.json"),
    Case("top_p", "1.5", says: "is 1.5", file: "generation_config.json"),
    Case("top_k", "\"many\"", says: "expected an integer", file: "generation_config.json"),
    Case("repetition_penalty", "NaN", says: "is nan", file: "generation_config.json"),
    Case("do_sample", "1", says: "expected true or false", file: "generation_config.json"),
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
      // An end token may stand in two files: the folder is named.
      let file = wrong.subject == "end token" ? folder.path : folder.path + "/" + wrong.file
      #expect(error.file == file, "\(error)")
    }
  }
}
