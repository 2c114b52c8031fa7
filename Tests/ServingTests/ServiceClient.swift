import Hummingbird
import HummingbirdTesting
import JSONText
import NIOCore
import Serving

/// A service with one scripted model, `tiny` (also `small`), and a way to ask it without a socket.
struct ServiceClient {
  let generator: ScriptedGenerator
  let service: OpenAIService

  init(
    _ script: ScriptedGenerator.Script = .init(), _ configuration: ServingConfiguration = ServingConfiguration()
  ) {
    generator = ScriptedGenerator(script)
    service = OpenAIService(
      models: [
        ServedModel(
          id: "tiny", aliases: ["small"], created: 1_700_000_000, stopTokenIDs: [256], prompts: ByteEncoder(),
          generator: generator)
      ], configuration: configuration)
  }

  struct Answer {
    let status: Int
    let headers: HTTPFields
    /// With the id and the time replaced by `ID` and `0`.
    let body: String
    var json: JSONValue { get throws { try JSONValue(parsing: body) } }
    var error: JSONValue? { try? json["error"] }
    /// The data of the events of a stream.
    var events: [String] {
      body.split(separator: "\n\n").map { $0.hasPrefix("data: ") ? String($0.dropFirst(6)) : "not an event: \($0)" }
    }
  }

  /// Sends requests one after another to the same router.
  func send(
    _ requests: [(method: HTTPRequest.Method, path: String, body: String?)], headers: HTTPFields = [:]
  ) async throws -> [Answer] {
    try await Application(router: service.router()).test(.router) { client in
      var answers: [Answer] = []
      for (method, path, body) in requests {
        let response = try await client.execute(
          uri: path, method: method, headers: headers, body: body.map { ByteBuffer(string: $0) })
        answers.append(
          Answer(
            status: response.status.code, headers: response.headers,
            body: Self.withoutTimes(String(buffer: response.body))))
      }
      return answers
    }
  }

  func get(_ path: String, headers: HTTPFields = [:]) async throws -> Answer {
    try await send([(.get, path, nil)], headers: headers)[0]
  }

  func post(_ path: String, _ body: String, headers: HTTPFields = [:]) async throws -> Answer {
    try await send([(.post, path, body)], headers: headers)[0]
  }

  func chat(_ fields: String = "") async throws -> Answer {
    try await post(
      "/v1/chat/completions",
      "{\"model\":\"tiny\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]\(fields.isEmpty ? "" : ",")\(fields)}")
  }

  func complete(_ fields: String) async throws -> Answer {
    try await post("/v1/completions", "{\"model\":\"tiny\",\(fields)}")
  }

  static func withoutTimes(_ body: String) -> String {
    body.replacing(/cmpl-[0-9a-f]{24}/, with: "cmpl-ID").replacing(/"created":\d+/, with: "\"created\":0")
  }
}
