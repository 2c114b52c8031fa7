import Hummingbird

/// Asks for one of the configured keys on every path but `/health` and `/metrics`, which monitors read.
struct APIKeys: RouterMiddleware {
  typealias Context = BasicRequestContext
  private let keys: [[UInt8]]

  init(_ keys: [String]) { self.keys = keys.map { Array($0.utf8) } }

  func handle(
    _ request: Request, context: BasicRequestContext, next: (Request, BasicRequestContext) async throws -> Response
  ) async throws -> Response {
    if ["/health", "/metrics"].contains(request.uri.path) { return try await next(request, context) }
    guard let header = request.headers[.authorization], header.lowercased().hasPrefix("bearer ") else {
      throw APIError(
        status: .unauthorized, message: "an API key is required: send the header 'Authorization: Bearer <key>'",
        code: "missing_api_key")
    }
    guard accepts(Array(header.utf8.dropFirst("bearer ".utf8.count))) else {
      throw APIError(status: .unauthorized, message: "the API key is not known to this server", code: "invalid_api_key")
    }
    return try await next(request, context)
  }

  /// Looks at every byte of every key, so that the time taken says nothing about where a wrong key differs.
  func accepts(_ candidate: [UInt8]) -> Bool {
    var accepted = false
    for key in keys {
      var difference = UInt8(key.count == candidate.count ? 0 : 1)
      for (i, byte) in key.enumerated() { difference |= byte ^ (i < candidate.count ? candidate[i] : 0) }
      accepted = difference == 0 || accepted
    }
    return accepted
  }
}
