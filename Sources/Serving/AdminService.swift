import Hummingbird
import HummingbirdCore
import JSONText
import Logging
import NIOCore
import ServiceLifecycle

/// What an operator may ask of a running server, on an address of its own.
public protocol ServerAdministration: Sendable {
  /// The names of the actions that change something, each `POST /admin/<name>`.
  var actions: [String] { get }
  /// The answer to `GET /admin`.
  func state() -> JSONValue
  /// Does one action.
  /// - fields: the request's JSON object; empty when it had no body.
  /// - Throws: `AdministrationError`; nothing has changed then.
  func perform(_ action: String, _ fields: JSONObject) async throws(AdministrationError) -> JSONValue
}

/// Why an action was not done: a sentence for the operator.
public struct AdministrationError: Error, Sendable, Hashable, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}

/// The admin address: off unless asked for, never the address of the public API.
public struct AdminServer: Service {
  private let administration: any ServerAdministration
  private let host: String, port: Int
  private let apiKeys: [String]?
  private let logger: Logger
  private let onServerRunning: @Sendable (Int) async -> Void
  private static let maxBodyBytes = 1 << 20

  /// - apiKeys: when not nil, one of them must come with each request.
  public init(
    _ administration: any ServerAdministration, host: String, port: Int, apiKeys: [String]?, logger: Logger,
    onServerRunning: @escaping @Sendable (_ port: Int) async -> Void = { _ in }
  ) {
    (self.administration, self.host, self.port, self.apiKeys) = (administration, host, port, apiKeys)
    (self.logger, self.onServerRunning) = (logger, onServerRunning)
  }

  /// The routes, without a socket.
  public func router() -> Router<BasicRequestContext> {
    let router = Router()
    router.middlewares.add(ErrorObjects())
    if let apiKeys { router.middlewares.add(APIKeys(apiKeys)) }
    let administration = administration
    router.get("/admin") { _, _ in Response.json(administration.state().pretty + "\n") }
    for action in administration.actions {
      router.post("/admin/\(action)") { request, _ in
        let fields = try await Self.fields(of: request)
        do {
          let answer = try await administration.perform(action, fields)
          return Response.json(answer.pretty + "\n")
        } catch let error as AdministrationError {
          throw APIError(status: .conflict, message: error.description, code: "not_done")
        }
      }
    }
    return router
  }

  private static func fields(of request: Request) async throws -> JSONObject {
    let body: ByteBuffer
    do { body = try await request.body.collect(upTo: maxBodyBytes) } catch is NIOTooManyBytesError {
      throw APIError(status: .contentTooLarge, message: "the body is larger than \(maxBodyBytes) bytes")
    }
    if body.readableBytes == 0 { return JSONObject() }
    let value: JSONValue
    do { value = try JSONValue(parsing: Array(body.readableBytesView)) } catch {
      throw APIError(status: .badRequest, message: "the body is not JSON: \(error)")
    }
    guard let object = value.object else {
      throw APIError(status: .badRequest, message: "the body is not a JSON object")
    }
    return object
  }

  public func run() async throws {
    let configuration = ApplicationConfiguration(address: .hostname(host, port: port), serverName: "swiftlet-admin")
    try await Application(
      router: router(), configuration: configuration,
      onServerRunning: { [onServerRunning] channel in await onServerRunning(channel.localAddress?.port ?? 0) },
      logger: logger
    ).run()
  }
}
