import Generation
import Hummingbird
import JSONText
import Scheduling
import Tokenization

/// The OpenAI-compatible HTTP face of one or more models, without a socket: see `OpenAIServer` for one.
///
///     let service = OpenAIService(models: [model], configuration: ServingConfiguration())
///     let router = service.router()
///
/// Every request gets exactly one answer; a client that goes away cancels its work, streaming or not.
public struct OpenAIService: Sendable {
  /// By id and alias.
  let modelsByName: [String: ServedModel]
  /// In the order in which they are listed.
  let models: [ServedModel]
  public let configuration: ServingConfiguration
  let state = ServerState()
  private let metrics: @Sendable () -> [MetricFamily]

  /// - metrics: what `GET /metrics` answers, asked anew each time.
  public init(
    models: [ServedModel], configuration: ServingConfiguration = ServingConfiguration(),
    metrics: @escaping @Sendable () -> [MetricFamily] = { [] }
  ) {
    (self.models, self.configuration, self.metrics) = (models, configuration, metrics)
    var byName: [String: ServedModel] = [:]
    for model in models { for name in model.aliases + [model.id] { byName[name] = model } }
    modelsByName = byName
  }

  /// The routes, with error objects for everything else.
  public func router() -> Router<BasicRequestContext> {
    let router = Router(options: .autoGenerateHeadEndpoints)
    router.middlewares.add(RequestIDs())
    router.middlewares.add(ErrorObjects())
    if let keys = configuration.apiKeys { router.middlewares.add(APIKeys(keys)) }
    router.get("/health") { _, _ in health() }
    router.get("/metrics") { _, _ in Response.metrics(metrics()) }
    router.get("/v1/models") { _, _ in Response.json(ModelList.json(models)) }
    router.get("/v1/models/**") { request, _ in
      let name = ModelList.name(inPath: request.uri.path)
      return Response.json(ModelList.json(try model(named: name)))
    }
    router.post("/v1/chat/completions") { request, _ in try await chatCompletions(request) }
    router.post("/v1/completions") { request, _ in try await completions(request) }
    return router
  }

  func model(named name: String) throws(APIError) -> ServedModel {
    if let model = modelsByName[name] { return model }
    throw APIError(
      status: .notFound,
      message: "the model \(FieldReader.describe(.string(name))) does not exist; this server has: "
        + models.map(\.id).joined(separator: ", "),
      param: "model", code: "model_not_found")
  }

  private func health() -> Response {
    if state.isDraining { return .json("{\"status\":\"draining\"}", status: .serviceUnavailable) }
    guard models.allSatisfy({ $0.generator.isHealthy }) else {
      return .json("{\"status\":\"unhealthy\"}", status: .serviceUnavailable)
    }
    return .json("{\"status\":\"ok\"}")
  }

  // MARK: generation

  private func chatCompletions(_ request: Request) async throws -> Response {
    let ticket = try state.admit()
    var request = request
    let fields = try await body(of: &request)
    let model = try model(of: fields)
    let body = try ChatCompletionRequest(fields, model: model, limits: configuration.limits)
    let header = AnswerHeader(prefix: "chatcmpl-", model: model.id)
    let prompt: [TokenID]
    do {
      prompt = try model.prompts.encodeChat(messages: body.messages, tools: body.tools)
    } catch { throw APIError(error, promptParam: "messages") }
    let answer = try start(
      [prompt], promptParam: "messages", maxTokens: body.maxTokens, body.shared, model: model, id: header.id)
    let format = ChatCompletionResponse(
      header: header, includesUsage: body.stream.includesUsage,
      logprobs: body.shared.sampling.topLogprobs == nil ? nil : LogprobsWriter(prompts: model.prompts))
    return try await respond(to: request, answer, format, body.stream, ticket)
  }

  private func completions(_ request: Request) async throws -> Response {
    let ticket = try state.admit()
    var request = request
    let fields = try await body(of: &request)
    let model = try model(of: fields)
    let body = try CompletionRequest(fields, model: model, limits: configuration.limits)
    let header = AnswerHeader(prefix: "cmpl-", model: model.id)
    var prompts: [[TokenID]] = [], echoed: [String] = []
    for prompt in body.prompts {
      var echo = ""
      switch prompt {
      case .text(let text):
        do {
          prompts.append(try model.prompts.encodeCompletion(text))
        } catch { throw APIError(error, promptParam: "prompt") }
        if body.echoes { echo = text }
      case .tokens(let tokens):
        prompts.append(tokens)
        if body.echoes { echo = String(decoding: tokens.flatMap { model.prompts.bytes(of: $0) }, as: UTF8.self) }
      }
      echoed += Array(repeating: echo, count: body.shared.choices)
    }
    let answer = try start(
      prompts, promptParam: "prompt", maxTokens: body.maxTokens, body.shared, model: model, id: header.id)
    let format = CompletionResponse(
      header: header, includesUsage: body.stream.includesUsage,
      logprobs: body.shared.sampling.topLogprobs == nil ? nil : LogprobsWriter(prompts: model.prompts), echoed: echoed)
    return try await respond(to: request, answer, format, body.stream, ticket)
  }

  /// How much of a body that is too large is read before the connection is given up.
  private static let droppedBodyBytes = 256 << 20

  private func body(of request: inout Request) async throws -> FieldReader {
    // A body that is too large is read to its end and dropped: many clients look for an answer only after that.
    let limit = configuration.maxBodyBytes
    var buffer = ByteBuffer(), count = 0
    for try await chunk in request.body {
      count += chunk.readableBytes
      if count <= limit {
        buffer.writeImmutableBuffer(chunk)
      } else {
        buffer = ByteBuffer()
        if count > max(limit, Self.droppedBodyBytes) { break }
      }
    }
    guard count <= limit else {
      throw APIError(status: .contentTooLarge, message: "the body is larger than \(limit) bytes")
    }
    // Nobody reads the body again; an empty one cannot hold up the watch for the closing of the connection.
    request.body = RequestBody(buffer: ByteBuffer())
    return try buffer.withUnsafeReadableBytes { bytes throws(APIError) in
      try FieldReader(body: bytes.bindMemory(to: UInt8.self))
    }
  }

  private func model(of fields: FieldReader) throws(APIError) -> ServedModel {
    guard let name = try fields.string("model") else { throw .invalid("model", "'model' is required: a string") }
    return try model(named: name)
  }

  /// Starts all generations of a request, or none.
  private func start(
    _ prompts: [[TokenID]], promptParam: String, maxTokens: Int?, _ shared: SamplingFields, model: ServedModel,
    id: String
  ) throws(APIError) -> Answer {
    var streams: [AsyncStream<GenerationEvent>] = []
    for prompt in prompts {
      guard !prompt.isEmpty else { throw APIError(AdmissionError.emptyPrompt, promptParam: promptParam) }
      let room = model.contextLength - prompt.count
      guard room > 0 else {
        throw .tooLong(promptTokens: prompt.count, limit: model.contextLength, param: promptParam)
      }
      for choice in 0..<shared.choices {
        var request = GenerationRequest(
          id: prompts.count * shared.choices > 1 ? "\(id)-\(streams.count)" : id, prompt: prompt,
          maxTokens: min(maxTokens ?? room, room))
        request.sampling = shared.sampling(ofChoice: choice)
        request.stop = shared.stop
        do {
          streams.append(try model.generator.generate(request))
        } catch { throw APIError(error, promptParam: promptParam) }
      }
    }
    return Answer(streams: streams, choicesPerPrompt: shared.choices)
  }
}
