import JSONText

/// A model's chat template: Jinja, as Hugging Face's `apply_chat_template` runs it, parsed once and rendered many times.
///
///     let template = try ChatTemplate(source: source)
///     let prompt = try template.render(messages: messages, addGenerationPrompt: true, bosToken: nil, eosToken: "</s>")
///
/// The interpreter is closed: a template sees the values given here, the functions of `GlobalFunction`, Jinja's filters
/// and tests, and nothing else. It cannot run for ever, fill memory or overflow the stack (`TemplateLimits`).
public struct ChatTemplate: Sendable {
  private let body: [Statement]
  /// The longest source that is read, in bytes.
  static let sourceLimit = 1 << 20

  /// - Throws: `.syntax` with line and column when the source does not parse; `.limit` when it is longer than 1 MiB.
  public init(source: String) throws(TemplateError) {
    guard source.utf8.count <= Self.sourceLimit else {
      throw TemplateError(kind: .limit, line: 1, message: "the template is longer than \(Self.sourceLimit) bytes")
    }
    var parser = try Parser(source)
    body = try parser.parseTemplate()
  }

  /// The prompt for a conversation.
  ///
  /// - Parameters:
  ///   - messages: what the template sees as `messages`. Every string in them is literal, keys included, except the
  ///     value of a message's own `role` when it is a plain word.
  ///   - tools: `tools`; `none` in the template when nil. All strings are literal.
  ///   - bosToken: `bos_token`, undefined when nil; so with `eosToken`. Not literal.
  ///   - extra: further variables, which may come from a request and are therefore literal. They do not replace the
  ///     ones above.
  ///   - now: what `strftime_now` prints; the local time when nil.
  /// - Throws: `.raised` when the template refuses the conversation, and the other kinds as `TemplateError` says.
  public func render(
    messages: [JSONValue], tools: [JSONValue]? = nil, addGenerationPrompt: Bool, bosToken: String?, eosToken: String?,
    extra: [String: JSONValue] = [:], now: CalendarTime? = nil, limits: TemplateLimits = TemplateLimits()
  ) throws(TemplateError) -> RenderedPrompt {
    var globals: [String: Value] = [:]
    for (name, value) in extra { globals[name] = try Value(value, literal: true) }
    for function in GlobalFunction.allCases { globals[function.rawValue] = .function(function) }
    var conversation: [Value] = []
    for message in messages { conversation.append(try Value(message: message)) }
    globals["messages"] = .list(ListValue(conversation))
    globals["tools"] =
      try tools.map { (tools) throws(TemplateError) in try Value(.array(tools), literal: true) } ?? Value.none
    globals["add_generation_prompt"] = .bool(addGenerationPrompt)
    globals["bos_token"] = bosToken.map(Value.string)
    globals["eos_token"] = eosToken.map(Value.string)

    let interpreter = Interpreter(globals: globals, limits: limits, now: now ?? .local())
    _ = try interpreter.run(body)
    let text = interpreter.out.text
    return RenderedPrompt(text: text.string, literalRanges: text.marks)
  }
}
