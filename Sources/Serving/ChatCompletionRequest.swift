import JSONText

/// The body of `POST /v1/chat/completions`.
struct ChatCompletionRequest: Sendable {
  var messages: [JSONValue]
  /// Nil when there are none or the request forbids calling them.
  var tools: [JSONValue]?
  /// Nil is as many as fit the context.
  var maxTokens: Int?
  var shared: SamplingFields
  var stream: StreamFields

  init(_ fields: FieldReader, model: ServedModel, limits: RequestLimits) throws(APIError) {
    messages = try ChatMessages.read(fields, limits: limits)
    let newer = try fields.int("max_completion_tokens", in: 1...Int.max)
    let older = try fields.int("max_tokens", in: 1...Int.max)
    maxTokens = newer ?? older
    shared = try SamplingFields(fields, model: model, limits: limits)
    stream = try StreamFields(fields)
    shared.sampling.topLogprobs = try Self.logprobs(fields, limits: limits)
    tools = try Self.tools(fields, limits: limits)
    try Self.refuseUnsupported(fields)
  }

  private static func logprobs(_ fields: FieldReader, limits: RequestLimits) throws(APIError) -> Int? {
    let wanted = try fields.bool("logprobs") ?? false
    let top = try fields.int("top_logprobs", in: 0...limits.topLogprobs)
    if !wanted, let top, top > 0 {
      throw .invalid("top_logprobs", "'top_logprobs' is only allowed when 'logprobs' is true")
    }
    return wanted ? top ?? 0 : nil
  }

  /// The tools are shown to the model; a call that it writes is part of the text of the answer.
  private static func tools(_ fields: FieldReader, limits: RequestLimits) throws(APIError) -> [JSONValue]? {
    let tools = try fields.array("tools", limit: limits.tools)
    for (i, tool) in (tools ?? []).enumerated() {
      guard let object = tool.object else {
        throw .invalid("tools[\(i)]", "'tools[\(i)]' must be an object, found \(tool.kind)")
      }
      let tool = FieldReader(object, path: "tools[\(i)]")
      guard try tool.string("type") == "function" else {
        throw .invalid(tool.param("type"), "'\(tool.param("type"))' must be \"function\"")
      }
      guard let function = try tool.object("function"), try function.string("name") != nil else {
        throw .invalid(tool.param("function.name"), "'\(tool.param("function.name"))' is required")
      }
    }
    switch fields.value("tool_choice") {
    case nil, .string("auto"): return tools?.isEmpty == false ? tools : nil
    case .string("none"): return nil
    default:
      throw .unsupported(
        "tool_choice", "'tool_choice' must be \"auto\" or \"none\": this server cannot force a call yet")
    }
  }

  private static func refuseUnsupported(_ fields: FieldReader) throws(APIError) {
    if let format = try fields.object("response_format") {
      guard try format.string("type") == "text" else {
        throw .unsupported(
          "response_format", "'response_format.type' must be \"text\": this server cannot enforce a JSON answer yet")
      }
    }
    for (i, modality) in (try fields.array("modalities", limit: 8) ?? []).enumerated()
    where modality != .string("text") {
      throw .unsupported(
        "modalities", "'modalities[\(i)]' must be \"text\", found \(FieldReader.describe(modality))")
    }
    try fields.refuse("reasoning_effort", unless: .string("none"))
    try fields.refuse("verbosity", unless: .string("medium"))
    try fields.refuse("echo", unless: .bool(false))
  }
}
