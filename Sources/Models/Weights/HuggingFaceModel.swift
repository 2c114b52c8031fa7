import Checkpoints
import JSONText

/// Reads a model out of a Hugging Face folder: `config.json`, `generation_config.json`, `tokenizer.json`,
/// `tokenizer_config.json`, `chat_template.jinja` and safetensors weights.
enum HuggingFaceModel {
  static func read(_ folder: String) throws(ModelLoadingError) -> ModelContents {
    let file = folder + "/config.json"
    guard let config = try JSONFile.read(file) else {
      throw ModelLoadingError(.unreadable, file: file, "cannot be read")
    }
    let fields = JSONFields(file: file, object: config)
    let configuration = try HuggingFaceConfiguration.read(fields)
    let checkpoint: SafetensorsCheckpoint
    do { checkpoint = try SafetensorsCheckpoint.open(folder) } catch { throw ModelLoadingError(error) }
    let generation = try JSONFile.read(folder + "/generation_config.json")
    let tokenizerConfig = try JSONFile.read(folder + "/tokenizer_config.json")
    let generationFields = generation.map { JSONFields(file: folder + "/generation_config.json", object: $0) }
    let stops = try endTokens(generationFields) + endTokens(fields)
    let tokenizerJSON = try JSONFile.bytes(folder + "/tokenizer.json")
    return ModelContents(
      name: String(folder.split(separator: "/").last ?? "model"), file: folder, configuration: configuration,
      tensors: checkpoint.tensors, weightName: { $0.huggingFaceName },
      isIgnorable: { $0.hasSuffix(".rotary_emb.inv_freq") },
      tokenizer: tokenizerJSON.map {
        .huggingFace(tokenizerJSON: $0, configuration: tokenizerConfig.map { .object($0) })
      }
        ?? .absent,
      chatTemplate: try template(folder, tokenizerConfig),
      stopTokenIDs: try ConfigurationChecks.stopTokens(
        stops, vocabularySize: configuration.vocabularySize),
      generationDefaults: try generationFields.map { (fields) throws(ModelLoadingError) in try defaults(fields) }
        ?? GenerationDefaults())
  }

  private static func endTokens(_ fields: JSONFields?) throws(ModelLoadingError) -> [StopToken] {
    guard let fields else { return [] }
    let key = "eos_token_id"
    return (try fields.optionalInts(key) ?? []).map { StopToken(file: fields.file, key: key, id: $0) }
  }

  /// `chat_template.jinja`, else `chat_template` of the tokenizer's configuration: a string, or named ones of which
  /// `default` is taken.
  private static func template(_ folder: String, _ config: JSONObject?) throws(ModelLoadingError) -> String? {
    if let bytes = try JSONFile.bytes(folder + "/chat_template.jinja") {
      guard let text = String(validating: bytes, as: UTF8.self) else {
        throw ModelLoadingError(.badConfiguration, file: folder + "/chat_template.jinja", "is not valid UTF-8")
      }
      return text
    }
    guard let found = config?["chat_template"], !found.isNull else { return nil }
    if let text = found.string { return text }
    guard let named = found.array else {
      throw ModelLoadingError(
        .badConfiguration, file: folder + "/tokenizer_config.json", subject: "chat_template",
        "is \(found.kind), expected a string or a list of named templates")
    }
    return named.first { $0["name"]?.string == "default" }?["template"]?.string
  }

  private static func defaults(_ fields: JSONFields) throws(ModelLoadingError) -> GenerationDefaults {
    var defaults = GenerationDefaults()
    // Without sampling the recommendation is the most likely token; the other fields then mean nothing.
    if let samples = try fields.optionalBool("do_sample"), !samples {
      defaults.temperature = 0
      return defaults
    }
    func number(_ key: String, _ range: ClosedRange<Double>) throws(ModelLoadingError) -> Float? {
      guard let value = try fields.optionalDouble(key) else { return nil }
      guard range.contains(value) else {
        throw ModelLoadingError(
          .badConfiguration, file: fields.file, subject: key,
          "is \(value), expected \(range.lowerBound) to \(range.upperBound)")
      }
      return Float(value)
    }
    defaults.temperature = try number("temperature", 0...100)
    defaults.topP = try number("top_p", 0.000001...1)
    defaults.minP = try number("min_p", 0...1)
    defaults.repetitionPenalty = try number("repetition_penalty", 0.01...100)
    defaults.topK = try fields.optionalInt("top_k").map { max(0, $0) }
    return defaults
  }
}
