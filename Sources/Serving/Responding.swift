import Hummingbird

extension OpenAIService {
  /// Answers with one object or with a stream of events; either way the closing of the connection cancels the answer.
  ///
  /// Watching for it uses the connection up, so the answer says that it closes.
  func respond(
    to request: Request, _ answer: Answer, _ format: some AnswerFormat, _ stream: StreamFields,
    _ ticket: ServerState.Ticket
  ) async throws -> Response {
    guard stream.streams else {
      let text = try await request.body.consumeWithCancellationOnInboundClose { _ in
        try await answer.collect(as: format)
      }
      var response = Response.json(text)
      response.headers[.connection] = "close"
      withExtendedLifetime(ticket) {}
      return response
    }
    let body = ResponseBody { writer in
      // The writer is used by one task at a time: the one inside, then this one.
      nonisolated(unsafe) var events = writer
      try await request.body.consumeWithCancellationOnInboundClose { _ in
        do {
          try await answer.stream(as: format, includingUsage: stream.includesUsage) { chunk in
            try await events.write(Self.event(chunk))
          }
        } catch let error as APIError {
          try await events.write(Self.event(error.json))
        }
        try Task.checkCancellation()
        try await events.write(Self.event("[DONE]"))
      }
      try await events.finish(nil)
      withExtendedLifetime(ticket) {}
    }
    return Response(
      status: .ok,
      headers: [.contentType: "text/event-stream", .cacheControl: "no-cache", .connection: "close"], body: body)
  }

  /// One server-sent event.
  static func event(_ data: String) -> ByteBuffer {
    var buffer = ByteBuffer()
    buffer.reserveCapacity(data.utf8.count + 8)
    buffer.writeString("data: ")
    buffer.writeString(data)
    buffer.writeString("\n\n")
    return buffer
  }
}
