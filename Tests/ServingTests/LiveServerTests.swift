import Glibc
import Testing

@testable import Serving

private let question = "\"model\":\"tiny\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"

/// Requests that are not HTTP, or not what their headers say.
private let malformedHTTP: [String] = [
  "\r\n\r\n", "GARBAGE\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n",
  "GET /health HTTP/1.1\r\nbad header\r\n\r\n",
  "\u{0}\u{1}\u{2}\r\n\r\n", "POST /v1/completions HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n{}",
  "POST /v1/completions HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n{}",
  "POST /v1/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n{}",
  "POST /v1/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
  "POST /v1/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n{\"model\":",
  "POST /v1/completions HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\ngarbage\r\n",
  "POST /v1/completions HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
  "POST /v1/completions HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"mo",
  "GET /health HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "x", count: 200_000))\r\n\r\n",
  "GET /\(String(repeating: "x", count: 200_000)) HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET /health HTTP/1.1\r\nHost: a\r\n" + String(repeating: "A: b\r\n", count: 5000) + "\r\n",
  "GET /%zz%00%ff HTTP/1.1\r\nHost: a\r\n\r\n", "GET /v1/models/%ff%fe HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET ?#& HTTP/1.1\r\nHost: a\r\n\r\n", "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
  "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
]

/// What only a socket shows: clients that leave, malformed HTTP, shutting down.
@Suite("Live server", .serialized, .timeLimit(.minutes(2))) struct LiveServerTests {
  private func client(
    pieces: Int = 4, delay: Duration = .zero, _ change: (inout ServingConfiguration) -> Void = { _ in }
  ) -> ServiceClient {
    var script = ScriptedGenerator.Script()
    script.pieces = Array(repeating: "word ", count: pieces)
    script.delay = delay
    var configuration = ServingConfiguration()
    configuration.port = 0
    change(&configuration)
    return ServiceClient(script, configuration)
  }

  @Test("A stream arrives event by event and ends with [DONE]") func stream() async throws {
    let client = client(pieces: 5, delay: .milliseconds(5))
    try await withServer(client) { port, _ in
      let text = try await blocking {
        let connection = try RawConnection(port: port)
        connection.send(RawConnection.post("/v1/chat/completions", "{\(question),\"stream\":true}"))
        return connection.read()
      }
      #expect(text.hasPrefix("HTTP/1.1 200 OK\r\n"))
      #expect(text.contains("Content-Type: text/event-stream"))
      #expect(text.components("word ") == 5)
      #expect(text.components("data: [DONE]\n\n") == 1)
    }
    #expect(client.generator.cancelled == 0)
    #expect(client.service.state.running == 0)
  }

  @Test(
    "A client that leaves cancels its work at once, while streaming, waiting, and with several answers",
    arguments: [
      ("chat/completions", "\(question),\"stream\":true", 1), ("chat/completions", question, 1),
      ("completions", "\"model\":\"tiny\",\"prompt\":\"a\",\"stream\":true,\"n\":3", 3),
      ("completions", "\"model\":\"tiny\",\"prompt\":[\"a\",\"b\"],\"n\":2", 4),
      ("chat/completions", "\(question),\"user\":\"\(String(repeating: "x", count: 1_000_000))\"", 1),
    ])
  func disconnect(endpoint: String, fields: String, generations: Int) async throws {
    // Nothing is written for 30 seconds after the first piece: only the closing itself can tell the server.
    let client = client(pieces: 100, delay: .seconds(30))
    try await withServer(client) { port, _ in
      let connection = try RawConnection(port: port)
      connection.send(RawConnection.post("/v1/\(endpoint)", "{\(fields),\"max_tokens\":50}"))
      try await eventually { client.generator.requests.count == generations }
      connection.close()
      let start = ContinuousClock.now
      try await eventually { client.generator.cancelled == generations }
      #expect(start.duration(to: .now) < .seconds(5))
      try await eventually { client.service.state.running == 0 }
      let health = try await blocking {
        let connection = try RawConnection(port: port)
        connection.send(RawConnection.health)
        return connection.read()
      }
      #expect(health.hasPrefix("HTTP/1.1 200 OK"))
    }
    #expect(client.generator.finished == 0)
  }

  @Test("Malformed HTTP never stops the server, and is never answered with success", arguments: malformedHTTP)
  func malformed(request: String) async throws {
    let client = client()
    try await withServer(client) { port, _ in
      let answer = try await blocking {
        let connection = try RawConnection(port: port, timeoutSeconds: 1)
        connection.send(request)
        return connection.read { $0.contains("\r\n\r\n") }
      }
      #expect(answer.isEmpty || answer.hasPrefix("HTTP/1.1 4"), "\(answer.prefix(80))")
      let health = try await blocking {
        let connection = try RawConnection(port: port)
        connection.send(RawConnection.health)
        return connection.read()
      }
      #expect(health.hasPrefix("HTTP/1.1 200 OK"))
    }
    #expect(client.generator.requests.isEmpty)
  }

  @Test("Bytes that are not UTF-8 are refused as a bad body") func notUTF8() async throws {
    let client = client()
    try await withServer(client) { port, _ in
      let answer = try await blocking {
        let connection = try RawConnection(port: port)
        connection.send(
          "POST /v1/completions HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 15\r\n\r\n{\"model\":\"")
        connection.sendBytes([0xC3, 0x28, 0xFF])
        connection.send("\"}")
        return connection.read()
      }
      #expect(answer.hasPrefix("HTTP/1.1 400 Bad Request"))
      #expect(answer.contains("\"code\":\"invalid_json\""))
    }
  }

  @Test("An error keeps the connection usable; an oversized body is refused without being stored") func keepAlive()
    async throws
  {
    let client = client { $0.maxBodyBytes = 1000 }
    try await withServer(client) { port, _ in
      let answers = try await blocking {
        let connection = try RawConnection(port: port)
        var answers: [String] = []
        for body in ["{", String(repeating: " ", count: 200_000), "{}"] {
          connection.send(RawConnection.post("/v1/completions", body))
          answers.append(connection.read { $0.contains("}}") })
        }
        return answers
      }
      #expect(answers.map { $0.split(separator: " ").dropFirst().first } == ["400", "413", "400"])
    }
  }

  @Test("A client that reads only after sending everything gets its 413") func largeBody() async throws {
    let client = client()
    try await withServer(client) { port, _ in
      let answer = try await blocking {
        let connection = try RawConnection(port: port)
        let size = 32 << 20
        connection.send(
          "POST /v1/completions HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: \(size)\r\n\r\n")
        connection.sendBytes(Array(repeating: 0x20, count: size))
        return connection.read()
      }
      #expect(answer.hasPrefix("HTTP/1.1 413"))
    }
  }

  @Test("Shutting down lets a stream end, refuses new work, reports not ready and then closes") func drain()
    async throws
  {
    let client = client(pieces: 20, delay: .milliseconds(50))
    let text = try await withServer(client) { port, group in
      async let stream = blocking {
        let connection = try RawConnection(port: port)
        connection.send(RawConnection.post("/v1/chat/completions", "{\(question),\"stream\":true}"))
        return connection.read()
      }
      try await eventually { client.generator.produced > 0 }
      await group.triggerGracefulShutdown()
      try await eventually { client.service.state.isDraining }
      let others = try await blocking {
        try [RawConnection.health, RawConnection.post("/v1/chat/completions", "{\(question)}")].map { request in
          let connection = try RawConnection(port: port)
          connection.send(request)
          return connection.read { $0.contains("}") }
        }
      }
      #expect(others[0].hasPrefix("HTTP/1.1 503") && others[0].contains("draining"))
      #expect(others[1].hasPrefix("HTTP/1.1 503") && others[1].contains("shutting_down"))
      return try await stream
    }
    #expect(text.components("word ") == 20)
    #expect(text.hasSuffix("data: [DONE]\n\n\r\n0\r\n\r\n"))
    #expect(client.generator.cancelled == 0)
  }
}

extension String {
  /// How often `part` occurs.
  fileprivate func components(_ part: String) -> Int { ranges(of: part).count }
}
