import HTTPTypes
import Hummingbird

/// Sends back the `X-Request-Id` of the request, or a new one.
struct RequestIDs: RouterMiddleware {
  typealias Context = BasicRequestContext
  private static let name = HTTPField.Name("X-Request-Id")!

  func handle(
    _ request: Request, context: BasicRequestContext, next: (Request, BasicRequestContext) async throws -> Response
  ) async throws -> Response {
    let sent = request.headers[Self.name].flatMap { Self.isUsable($0) ? $0 : nil }
    var response = try await next(request, context)
    response.headers[Self.name] = sent ?? "req_" + AnswerHeader.randomHex()
    return response
  }

  /// 1 to 128 visible ASCII characters.
  static func isUsable(_ id: String) -> Bool {
    (1...128).contains(id.utf8.count) && id.utf8.allSatisfy { (0x21...0x7E).contains($0) }
  }
}
