import Generation
import HTTPTypes
import Hummingbird
import JSONText
import Scheduling
import Testing

@testable import Serving

@Suite("Service") struct ServiceTests {
  @Test("Models are listed and found by id, alias and percent-encoded name") func models() async throws {
    let client = ServiceClient()
    let model = "{\"id\":\"tiny\",\"object\":\"model\",\"created\":0,\"owned_by\":\"swiftlet\",\"max_model_len\":128}"
    #expect(try await client.get("/v1/models").body == "{\"object\":\"list\",\"data\":[\(model)]}")
    for name in ["tiny", "small", "t%69ny"] {
      #expect(try await client.get("/v1/models/\(name)").body == model)
    }
    for name in ["huge", "a/b", "a%2Fb", "%", "%zz", "tiny/"] {
      let answer = try await client.get("/v1/models/\(name)")
      #expect(answer.status == 404, "\(name)")
      #expect(answer.error?["code"] == .string("model_not_found"), "\(name)")
    }
  }

  @Test("Health is told truly: serving, engine dead, draining") func health() async throws {
    let client = ServiceClient()
    #expect(try await client.get("/health").body == "{\"status\":\"ok\"}")
    var dead = ScriptedGenerator.Script()
    dead.isHealthy = false
    #expect(try await ServiceClient(dead).get("/health").status == 503)
    client.service.state.drain()
    let draining = try await client.get("/health")
    #expect(draining.status == 503)
    #expect(draining.body == "{\"status\":\"draining\"}")
    let refused = try await client.chat()
    #expect(refused.status == 503)
    #expect(refused.error?["code"] == .string("shutting_down"))
    #expect(client.service.state.running == 0)
  }

  @Test("Unknown routes and wrong methods get error objects") func routes() async throws {
    let client = ServiceClient()
    for (method, path, status, code) in [
      (HTTPRequest.Method.get, "/", 404, "unknown_url"), (.post, "/v1/embeddings", 404, "unknown_url"),
      (.get, "/v1/chat/completions", 405, "method_not_allowed"), (.delete, "/v1/models", 405, "method_not_allowed"),
      (.put, "/v1/completions", 405, "method_not_allowed"), (.post, "/health", 405, "method_not_allowed"),
      (.delete, "/v1/models/tiny", 405, "method_not_allowed"),
    ] {
      let answer = try await client.send([(method, path, nil)])[0]
      #expect(answer.status == status, "\(method) \(path)")
      #expect(answer.error?["code"] == .string(code), "\(method) \(path)")
      #expect(answer.error?["type"] == .string("invalid_request_error"))
      #expect((answer.headers[.allow] != nil) == (status == 405))
    }
  }

  @Test("A request id is echoed when it is usable and made when not") func requestIDs() async throws {
    let client = ServiceClient()
    let name = HTTPField.Name("X-Request-Id")!
    #expect(try await client.get("/health", headers: [name: "abc-1"]).headers[name] == "abc-1")
    for bad in ["", "a b", String(repeating: "x", count: 129)] {
      let made = try await client.get("/nowhere", headers: [name: bad]).headers[name]
      #expect(made?.hasPrefix("req_") == true && made?.utf8.count == 28)
    }
  }

  @Test("With API keys, /v1 asks for one and /health does not") func apiKeys() async throws {
    var configuration = ServingConfiguration()
    configuration.apiKeys = ["sk-1", "sk-22"]
    let client = ServiceClient(.init(), configuration)
    #expect(try await client.get("/health").status == 200)
    #expect(try await client.get("/v1/models", headers: [.authorization: "Bearer sk-22"]).status == 200)
    #expect(try await client.get("/v1/models", headers: [.authorization: "bearer sk-1"]).status == 200)
    for wrong in ["Bearer sk-2", "Bearer sk-222", "Bearer ", "Basic sk-1", "sk-1"] {
      let answer = try await client.get("/v1/models", headers: [.authorization: wrong])
      #expect(answer.status == 401, "\(wrong)")
      #expect(answer.headers[.wwwAuthenticate] == "Bearer")
    }
    #expect(try await client.chat().error?["code"] == .string("missing_api_key"))
  }

  @Test("A body over the limit is 413") func largeBody() async throws {
    var configuration = ServingConfiguration()
    configuration.maxBodyBytes = 1000
    let client = ServiceClient(.init(), configuration)
    let answer = try await client.chat("\"user\":\"\(String(repeating: "x", count: 1000))\"")
    #expect(answer.status == 413)
    #expect(answer.error?["message"] == .string("the body is larger than 1000 bytes"))
    #expect(try await client.chat().status == 200)
  }

  @Test(
    "Each refusal of the engine has its status and code",
    arguments: [
      (AdmissionError.overloaded(waiting: 9), 503, "overloaded", nil as String?),
      (.shuttingDown, 503, "shutting_down", nil), (.emptyPrompt, 400, nil, "messages"),
      (.promptTooLong(promptTokens: 9, limit: 8), 400, "context_length_exceeded", "messages"),
      (.unknownToken(9, vocabularySize: 5), 400, nil, "messages"),
      (.invalidParameter(parameter: "top_k", reason: "is odd"), 400, nil, "top_k"),
    ] as [(AdmissionError, Int, String?, String?)])
  func refusals(error: AdmissionError, status: Int, code: String?, param: String?) async throws {
    var script = ScriptedGenerator.Script()
    script.refusal = error
    for stream in ["", "\"stream\":true"] {
      let answer = try await ServiceClient(script).chat(stream)
      #expect(answer.status == status)
      #expect(answer.error?["code"] == code.map(JSONValue.string) ?? .null)
      #expect(answer.error?["param"] == param.map(JSONValue.string) ?? .null)
      #expect((answer.headers[.retryAfter] != nil) == (status == 503))
    }
  }

  @Test("When one of n answers is refused, the others are cancelled") func refusedFanOut() async throws {
    var script = ScriptedGenerator.Script()
    (script.refusal, script.refusesFrom, script.delay) = (.overloaded(waiting: 1), 2, .seconds(60))
    let client = ServiceClient(script)
    #expect(try await client.chat("\"n\":3").status == 503)
    try await eventually { client.generator.cancelled == 2 }
  }

  @Test("A failure is one final answer: 500 when nothing was sent, an error event then [DONE] in a stream")
  func failures() async throws {
    for (ending, status, type) in [
      ((FinishReason.failed, "a kernel failed" as String?), 500, "server_error"),
      ((.cancelled, nil), 503, "server_error"), (nil, 500, "server_error"),
    ] as [((FinishReason, String?)?, Int, String)] {
      var script = ScriptedGenerator.Script()
      script.ending = ending.map { (reason: $0.0, message: $0.1) }
      let client = ServiceClient(script)
      let whole = try await client.chat()
      #expect(whole.status == status)
      #expect(whole.error?["type"] == .string(type))
      for n in 1...2 {
        let events = try await client.chat("\"stream\":true,\"n\":\(n)").events
        #expect(events.last == "[DONE]")
        #expect(events.count { $0.hasPrefix("{\"error\":") } == 1)
        #expect(events.dropLast().last?.hasPrefix("{\"error\":") == true)
        #expect(!events.contains { $0.contains("\"finish_reason\":\"") })
      }
      if let message = ending?.1 { #expect(whole.error?["message"] == .string(message)) }
    }
  }
}

/// Waits up to ten seconds for something to become true.
func eventually(_ condition: () -> Bool, sourceLocation: SourceLocation = #_sourceLocation) async throws {
  for _ in 0..<1000 {
    if condition() { return }
    try await Task.sleep(for: .milliseconds(10))
  }
  Issue.record("did not become true in ten seconds", sourceLocation: sourceLocation)
}
