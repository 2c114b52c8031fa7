import JSONText
import Scheduling
import Tokenization

/// The fields about sampling and stopping that both endpoints share.
struct SamplingFields: Sendable {
  var sampling: SamplingParameters
  var stop: StopConditions
  /// Answers per prompt.
  var choices: Int
  /// Requests share computed prefixes only with those of the same salt.
  var cacheSalt = ""
  /// Where the server orders requests by priority: larger goes first.
  var priority = 0

  init(_ fields: FieldReader, model: ServedModel, limits: RequestLimits) throws(APIError) {
    try Self.refuseUnsupported(fields)
    choices = try fields.int("n", in: 1...limits.choices) ?? 1
    sampling = model.defaults
    sampling.topLogprobs = nil
    if let value = try fields.float("temperature", in: 0...2) {
      // Below this a division by the temperature overflows, and the draw is the greedy one anyway.
      sampling.temperature = value < 1e-4 ? 0 : value
    }
    if let value = try fields.float("top_p", in: 0...1) {
      guard value > 0 else {
        throw .invalid("top_p", "'top_p' must be greater than 0 and at most 1", code: "decimal_out_of_range")
      }
      sampling.topP = value
    }
    if let value = try fields.int("top_k", in: -1...Int(Int32.max)) { sampling.topK = max(value, 0) }
    if let value = try fields.float("min_p", in: 0...1) { sampling.minP = value }
    if let value = try fields.float("repetition_penalty", in: 0.01...10) { sampling.repetitionPenalty = value }
    if let value = try fields.float("presence_penalty", in: -2...2) { sampling.presencePenalty = value }
    if let value = try fields.float("frequency_penalty", in: -2...2) { sampling.frequencyPenalty = value }
    if let value = try fields.int("seed", in: Int.min...Int.max) {
      sampling.seed = UInt64(bitPattern: Int64(value))
    }
    if let bias = try fields.object("logit_bias") {
      sampling.logitBias = try Self.logitBias(bias, vocabularySize: model.prompts.vocabularySize, limits: limits)
    }
    stop = try Self.stop(fields, model: model, limits: limits)
    if let salt = try fields.string("cache_salt") {
      guard (1...limits.cacheSaltBytes).contains(salt.utf8.count) else {
        throw .invalid(
          "cache_salt", "'cache_salt' must have 1 to \(limits.cacheSaltBytes) bytes, found \(salt.utf8.count)")
      }
      cacheSalt = salt
    }
    priority = try fields.int("priority", in: -1_000_000...1_000_000) ?? 0
  }

  /// The parameters of one of several answers: the same request draws the same answers, each its own.
  func sampling(ofChoice index: Int) -> SamplingParameters {
    var sampling = sampling
    if let seed = sampling.seed { sampling.seed = seed &+ UInt64(index) &* 0x9E37_79B9_7F4A_7C15 }
    return sampling
  }

  private static func logitBias(
    _ fields: FieldReader, vocabularySize: Int, limits: RequestLimits
  ) throws(APIError) -> [TokenID: Float] {
    guard fields.object.count <= limits.logitBiases else {
      throw .invalid(
        "logit_bias", "'logit_bias' must have at most \(limits.logitBiases) entries, found \(fields.object.count)")
    }
    var biases: [TokenID: Float] = [:]
    for (key, value) in fields.object.members {
      guard let id = TokenID(key), id >= 0, Int(id) < vocabularySize else {
        throw .invalid(
          "logit_bias",
          "the keys of 'logit_bias' must be token ids from 0 to \(vocabularySize - 1), found "
            + FieldReader.describe(.string(key)))
      }
      biases[id] = try FieldReader.float(value, in: -100...100, param: "logit_bias")
    }
    return biases
  }

  private static func stop(
    _ fields: FieldReader, model: ServedModel, limits: RequestLimits
  ) throws(APIError) -> StopConditions {
    var stop = StopConditions()
    stop.tokenIDs = model.stopTokenIDs
    if let value = fields.value("stop") {
      let elements: [JSONValue]
      switch value {
      case .string: elements = [value]
      case .array(let array): elements = array
      default: throw fields.wrongType("stop", value, expected: "a string or an array of strings")
      }
      guard elements.count <= limits.stopStrings else {
        throw .invalid(
          "stop", "'stop' must have at most \(limits.stopStrings) strings, found \(elements.count)",
          code: "array_too_long")
      }
      for element in elements {
        guard let string = element.string else {
          throw fields.wrongType("stop", element, expected: "a string or an array of strings")
        }
        guard (1...limits.stopStringBytes).contains(string.utf8.count) else {
          throw .invalid(
            "stop", "a stop string must have 1 to \(limits.stopStringBytes) bytes, found \(string.utf8.count)")
        }
        stop.strings.append(string)
      }
    }
    for value in try fields.array("stop_token_ids", limit: limits.stopTokenIDs) ?? [] {
      stop.tokenIDs.insert(
        TokenID(
          clamping: try FieldReader.int(
            value, in: 0...max(0, model.prompts.vocabularySize - 1), param: "stop_token_ids")))
    }
    stop.ignoresStopTokens = try fields.bool("ignore_eos") ?? false
    return stop
  }

  /// Extensions of other servers, known to change the answer: better refused than ignored.
  private static func refuseUnsupported(_ fields: FieldReader) throws(APIError) {
    for name in [
      "guided_json", "guided_regex", "guided_choice", "guided_grammar", "structured_outputs", "json_schema", "regex",
      "ebnf", "grammar", "stop_regex", "logits_processors", "prompt_embeds", "chat_template", "chat_template_kwargs",
      "lora_path", "web_search_options", "functions", "function_call", "audio",
    ] { try fields.refuse(name) }
    try fields.refuse("min_tokens", unless: .int(0))
    try fields.refuse("use_beam_search", unless: .bool(false))
    try fields.refuse("include_stop_str_in_output", unless: .bool(false))
    try fields.refuse("skip_special_tokens", unless: .bool(true))
    try fields.refuse("add_generation_prompt", unless: .bool(true))
    try fields.refuse("continue_final_message", unless: .bool(false))
  }
}

/// `stream` and `stream_options`.
struct StreamFields: Sendable {
  var streams: Bool
  /// Whether a stream ends with a chunk that holds the token counts.
  var includesUsage = false

  init(_ fields: FieldReader) throws(APIError) {
    streams = try fields.bool("stream") ?? false
    guard let options = try fields.object("stream_options") else { return }
    guard streams else {
      throw .invalid("stream_options", "'stream_options' is only allowed when 'stream' is true")
    }
    includesUsage = try options.bool("include_usage") ?? false
  }
}
