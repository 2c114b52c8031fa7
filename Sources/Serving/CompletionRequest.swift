import JSONText
import Tokenization

/// The body of `POST /v1/completions`.
struct CompletionRequest: Sendable {
  enum Prompt: Sendable {
    case text(String)
    case tokens([TokenID])
  }
  /// One or more; each is answered `n` times.
  var prompts: [Prompt]
  var maxTokens: Int
  /// Whether each answer begins with its prompt.
  var echoes: Bool
  var shared: SamplingFields
  var stream: StreamFields

  init(_ fields: FieldReader, model: ServedModel, limits: RequestLimits) throws(APIError) {
    shared = try SamplingFields(fields, model: model, limits: limits)
    stream = try StreamFields(fields)
    maxTokens = try fields.int("max_tokens", in: 1...Int.max) ?? 16
    echoes = try fields.bool("echo") ?? false
    shared.sampling.topLogprobs = try fields.int("logprobs", in: 0...min(5, limits.topLogprobs))
    if echoes, shared.sampling.topLogprobs != nil {
      throw .unsupported("echo", "'echo' together with 'logprobs' is not supported: prompts are not scored")
    }
    try fields.refuse("suffix", unless: .string(""))
    try fields.refuse("response_format", unless: .object(JSONObject([("type", .string("text"))])))
    if let best = try fields.int("best_of", in: 1...limits.choices), best != shared.choices {
      throw .unsupported("best_of", "'best_of' must be equal to 'n' (\(shared.choices)), found \(best)")
    }
    prompts = try Self.prompts(fields, vocabularySize: model.prompts.vocabularySize, limits: limits)
    guard prompts.count * shared.choices <= limits.sequences else {
      throw .invalid(
        "n", "prompts times 'n' must be at most \(limits.sequences), found \(prompts.count) times \(shared.choices)")
    }
  }

  private static func prompts(
    _ fields: FieldReader, vocabularySize: Int, limits: RequestLimits
  ) throws(APIError) -> [Prompt] {
    let expected = "a string, an array of strings, an array of token ids, or an array of such arrays"
    guard let value = fields.value("prompt") else { throw .invalid("prompt", "'prompt' is required: \(expected)") }
    if let text = value.string { return [.text(text)] }
    guard let elements = value.array else { throw fields.wrongType("prompt", value, expected: expected) }
    guard let first = elements.first else { throw .invalid("prompt", "'prompt' must not be empty: give \(expected)") }
    if case .number = first { return [.tokens(try tokens(elements, "prompt", vocabularySize: vocabularySize))] }
    guard elements.count <= limits.prompts else {
      throw .invalid(
        "prompt", "'prompt' must have at most \(limits.prompts) prompts, found \(elements.count)",
        code: "array_too_long")
    }
    var prompts: [Prompt] = []
    for (i, element) in elements.enumerated() {
      switch (first, element) {
      case (.string, .string(let text)): prompts.append(.text(text))
      case (.array, .array(let ids)):
        prompts.append(.tokens(try tokens(ids, "prompt[\(i)]", vocabularySize: vocabularySize)))
      default: throw .invalid("prompt[\(i)]", "'prompt' must be \(expected); 'prompt[\(i)]' is \(element.kind)")
      }
    }
    return prompts
  }

  private static func tokens(
    _ elements: [JSONValue], _ param: String, vocabularySize: Int
  ) throws(APIError) -> [TokenID] {
    var tokens: [TokenID] = []
    tokens.reserveCapacity(elements.count)
    for element in elements {
      tokens.append(TokenID(clamping: try FieldReader.int(element, in: 0...max(0, vocabularySize - 1), param: param)))
    }
    return tokens
  }
}
