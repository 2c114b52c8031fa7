import Hummingbird
import JSONText
import Scheduling

/// An answer that is not a result: OpenAI's error object and the HTTP status it goes with.
struct APIError: Error, Sendable, Hashable {
  var status: HTTPResponse.Status
  /// What was wrong, where, and what would be right.
  var message: String
  var type = "invalid_request_error"
  /// The request field at fault, as a path: `messages[0].content`.
  var param: String?
  /// A word that programs can test.
  var code: String?
  /// Seconds after which the same request may succeed.
  var retryAfter: Int?
  /// The methods that a 405 answer lists.
  var allow: String?

  /// A field whose value cannot be used.
  static func invalid(_ param: String?, _ message: String, code: String? = nil) -> APIError {
    APIError(status: .badRequest, message: message, param: param, code: code)
  }

  /// A field that would change the answer and that this server does not act on.
  static func unsupported(_ param: String, _ message: String? = nil) -> APIError {
    .invalid(
      param, message ?? "'\(param)' is not supported by this server; leave it out", code: "unsupported_parameter")
  }

  static func tooLong(promptTokens: Int, limit: Int, param: String) -> APIError {
    .invalid(
      param,
      "this model's maximum context length is \(limit) tokens, but the prompt has \(promptTokens) tokens and at least "
        + "1 is needed for the answer; shorten the prompt", code: "context_length_exceeded")
  }

  static func `internal`(_ message: String) -> APIError {
    APIError(status: .internalServerError, message: message, type: "server_error")
  }

  static func unavailable(_ message: String, code: String) -> APIError {
    APIError(status: .serviceUnavailable, message: message, type: "server_error", code: code, retryAfter: 1)
  }

  static let drained = APIError.unavailable("the server is shutting down", code: "shutting_down")

  /// - Parameter promptParam: the field that the prompt came from.
  init(_ error: AdmissionError, promptParam: String) {
    switch error {
    case .emptyPrompt: self = .invalid(promptParam, "the prompt has no tokens; give at least one")
    case .promptTooLong(let tokens, let limit):
      self = .tooLong(promptTokens: tokens, limit: limit, param: promptParam)
    case .unknownToken(let token, let size):
      self = .invalid(promptParam, "token id \(token) is not in the vocabulary (0 to \(size - 1))")
    case .invalidParameter(let parameter, let reason): self = .invalid(parameter, "'\(parameter)' \(reason)")
    case .overloaded(let waiting):
      self = .unavailable("the queue is full (\(waiting) requests are waiting); try again later", code: "overloaded")
    case .shuttingDown: self = .drained
    }
  }

  /// - Parameter promptParam: the field that the prompt came from.
  init(_ error: PromptError, promptParam: String) {
    switch error {
    case .refused(let message): self = .invalid(promptParam, message)
    case .broken(let message): self = .internal(message)
    }
  }

  init(
    status: HTTPResponse.Status, message: String, type: String = "invalid_request_error", param: String? = nil,
    code: String? = nil, retryAfter: Int? = nil, allow: String? = nil
  ) {
    (self.status, self.message, self.type, self.param) = (status, message, type, param)
    (self.code, self.retryAfter, self.allow) = (code, retryAfter, allow)
  }

  /// `{"error":{…}}`
  var json: String {
    var out = "{\"error\":{\"message\":"
    appendQuoted(message, to: &out)
    out += ",\"type\":"
    appendQuoted(type, to: &out)
    out += ",\"param\":"
    appendOptional(param, to: &out)
    out += ",\"code\":"
    appendOptional(code, to: &out)
    return out + "}}"
  }

  var response: Response {
    var response = Response.json(json, status: status)
    if let retryAfter { response.headers[.retryAfter] = String(retryAfter) }
    if let allow { response.headers[.allow] = allow }
    if status == .unauthorized { response.headers[.wwwAuthenticate] = "Bearer" }
    return response
  }
}

/// Appends a string literal or `null`.
func appendOptional(_ string: String?, to out: inout String) {
  if let string { appendQuoted(string, to: &out) } else { out += "null" }
}

extension Response {
  static func json(_ text: String, status: HTTPResponse.Status = .ok) -> Response {
    Response(
      status: status, headers: [.contentType: "application/json"],
      body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
  }
}
