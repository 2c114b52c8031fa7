import Hummingbird

/// Answers errors, unknown routes and wrong methods with OpenAI's error object.
///
/// Other errors (a broken connection, malformed HTTP) pass: there is nobody to answer, or the server below answers.
struct ErrorObjects: RouterMiddleware {
  typealias Context = BasicRequestContext

  func handle(
    _ request: Request, context: BasicRequestContext, next: (Request, BasicRequestContext) async throws -> Response
  ) async throws -> Response {
    do {
      return try await next(request, context)
    } catch let error as APIError {
      if error.status.kind == .serverError {
        context.logger.warning("request failed", metadata: ["reason": "\(error.message)"])
      }
      return error.response
    } catch let error as HTTPError {
      return Self.translate(error, request).response
    }
  }

  private static func translate(_ error: HTTPError, _ request: Request) -> APIError {
    let path = request.uri.path
    guard error.status == .notFound else {
      return APIError(status: error.status, message: error.body ?? error.status.reasonPhrase)
    }
    if let allow = methods(of: path) {
      return APIError(
        status: .methodNotAllowed, message: "\(path) does not answer \(request.method.rawValue); use \(allow)",
        code: "method_not_allowed", allow: allow)
    }
    return APIError(
      status: .notFound, message: "there is no \(request.method.rawValue) \(path) on this server", code: "unknown_url")
  }

  private static func methods(of path: String) -> String? {
    switch path {
    case "/v1/chat/completions", "/v1/completions": "POST"
    case "/health", "/metrics", "/v1/models", "/admin": "GET"
    default: path.hasPrefix("/v1/models/") ? "GET" : nil
    }
  }
}
