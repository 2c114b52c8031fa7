import HTTPTypes
import Hummingbird
import HummingbirdTesting
import JSONText
import Logging
import Synchronization
import Testing

@testable import Serving

/// The operator's address and the metrics.
@Suite struct AdminTests {
  private func server(keys: [String]? = nil) -> AdminServer {
    AdminServer(ScriptedAdministration(), host: "127.0.0.1", port: 0, apiKeys: keys, logger: Logger(label: "test"))
  }

  private func send(
    _ server: AdminServer, _ method: HTTPRequest.Method, _ path: String, _ body: String? = nil, key: String? = nil
  ) async throws -> (status: Int, body: JSONValue) {
    let application = Application(router: server.router())
    return try await application.test(.router) { client in
      let headers: HTTPFields = key.map { [.authorization: "Bearer \($0)"] } ?? [:]
      return try await client.execute(
        uri: path, method: method, headers: headers, body: body.map { ByteBuffer(string: $0) }
      ) { response in
        (response.status.code, try JSONValue(parsing: String(buffer: response.body)))
      }
    }
  }

  @Test("the state is told, an action gets its fields, and its answer comes back")
  func actions() async throws {
    let state = try await send(server(), .get, "/admin")
    #expect(state.status == 200 && state.body["kernels"]?.array?.count == 0)
    let done = try await send(server(), .post, "/admin/switch", "{\"definition\": \"d\", \"n\": 1}")
    #expect(done.status == 200)
    #expect(done.body["did"] == .string("switch definition,n"))
    #expect(try await send(server(), .post, "/admin/switch").body["did"] == .string("switch "))
  }

  @Test("what is not done is answered with the reason, and nothing else is known")
  func refusals() async throws {
    let refused = try await send(server(), .post, "/admin/rollback")
    #expect(refused.status == 409)
    #expect(refused.body["error"]?["message"] == .string("no switch is left to take back"))
    for body in ["{", "[1]", "\"x\"", "nul"] {
      #expect(try await send(server(), .post, "/admin/switch", body).status == 400, "\(body)")
    }
    #expect(try await send(server(), .post, "/admin/explode").status == 404)
    #expect(try await send(server(), .get, "/other").status == 404)
    let large = "{\"a\": \"" + String(repeating: "x", count: 2 << 20) + "\"}"
    #expect(try await send(server(), .post, "/admin/switch", large).status == 413)
  }

  @Test("with keys configured, one of them is needed")
  func keys() async throws {
    #expect(try await send(server(keys: ["secret"]), .get, "/admin").status == 401)
    #expect(try await send(server(keys: ["secret"]), .get, "/admin", key: "wrong").status == 401)
    #expect(try await send(server(keys: ["secret"]), .get, "/admin", key: "secret").status == 200)
  }

  @Test("metrics are Prometheus's text, with labels escaped")
  func metrics() {
    var calls = MetricFamily("swiftlet:kernel_calls_total", .counter, "Calls,\nby \\ solution.")
    calls.add(3, [.init("solution", "a\"b\\c\nd"), .init("reason", "exact")])
    calls.add(.infinity, [.init("le", "+Inf")], suffix: "_bucket")
    let text = MetricFamily.text([calls, MetricFamily("up", .gauge, "Whether.", 0.5)])
    #expect(
      text == """
        # HELP swiftlet:kernel_calls_total Calls,\\nby \\\\ solution.
        # TYPE swiftlet:kernel_calls_total counter
        swiftlet:kernel_calls_total{solution="a\\"b\\\\c\\nd",reason="exact"} 3
        swiftlet:kernel_calls_total_bucket{le="+Inf"} +Inf
        # HELP up Whether.
        # TYPE up gauge
        up 0.5

        """)
  }

  @Test("metrics need no key")
  func metricsRoute() async throws {
    var configuration = ServingConfiguration()
    configuration.apiKeys = ["secret"]
    let service = OpenAIService(
      models: [], configuration: configuration, metrics: { [MetricFamily("up", .gauge, "Whether.", 1)] })
    try await Application(router: service.router()).test(.router) { client in
      try await client.execute(uri: "/metrics", method: .get) { response in
        #expect(response.status == .ok)
        #expect(response.headers[.contentType] == "text/plain; version=0.0.4; charset=utf-8")
        #expect(String(buffer: response.body).hasSuffix("up 1\n"))
      }
      try await client.execute(uri: "/v1/models", method: .get) { #expect($0.status == .unauthorized) }
    }
  }
}

private struct ScriptedAdministration: ServerAdministration {
  let actions = ["switch", "rollback"]
  func state() -> JSONValue { .object(JSONObject([("kernels", .array([]))])) }
  func perform(_ action: String, _ fields: JSONObject) async throws(AdministrationError) -> JSONValue {
    if action == "rollback" { throw AdministrationError("no switch is left to take back") }
    return .object(JSONObject([("did", .string("\(action) \(fields.keys.joined(separator: ","))"))]))
  }
}
