import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import ServiceLifecycle

/// An `OpenAIService` on a socket.
///
///     try await OpenAIServer(service) { port in print("listening on \(port)") }.runUntilSignal()
///
/// On graceful shutdown it first reports itself not ready and refuses new generations, lets the running ones end, and
/// then closes the socket.
public struct OpenAIServer: Service {
  let service: OpenAIService
  let logger: Logger
  let admin: AdminServer?
  let onServerRunning: @Sendable (_ port: Int) async -> Void

  /// - admin: served beside, on its own address. onServerRunning: called once with the bound port when connections are
  ///   accepted.
  public init(
    _ service: OpenAIService, logger: Logger = Logger(label: "swiftlet.serving"), admin: AdminServer? = nil,
    onServerRunning: @escaping @Sendable (_ port: Int) async -> Void = { _ in }
  ) {
    (self.service, self.logger, self.admin, self.onServerRunning) = (service, logger, admin, onServerRunning)
  }

  /// Serves until the surrounding service group shuts down or the task is cancelled.
  /// - Throws: what binding the address throws, for example when the port is taken.
  public func run() async throws {
    let configuration = service.configuration
    let http = HTTP1Channel.Configuration(
      idleTimeout: .seconds(Int64(configuration.idleSeconds)),
      httpDecoderConfiguration: .init(
        maxHeaderFieldSize: configuration.maxHeaderBytes, maxHeaderListSize: configuration.maxHeaderListBytes,
        maxHeaderFieldCount: configuration.maxHeaders))
    var serverConfiguration = ApplicationConfiguration(
      address: .hostname(configuration.host, port: configuration.port), serverName: "swiftlet")
    serverConfiguration.availableConnectionsDelegate = MaximumAvailableConnections(configuration.maxConnections)
    let application = Application(
      router: service.router(), server: .http1(configuration: http), configuration: serverConfiguration,
      onServerRunning: { [onServerRunning] channel in await onServerRunning(channel.localAddress?.port ?? 0) },
      logger: logger)
    let beside: [any Service] = admin.map { [$0] } ?? []
    // Services stop in reverse order: the drain ends before the socket is closed.
    try await ServiceGroup(
      configuration: .init(services: beside + [application, Drain(state: service.state)], logger: logger)
    ).run()
  }

  /// Serves until SIGTERM or SIGINT; requests that then run get `drainSeconds` to end.
  public func runUntilSignal() async throws {
    var configuration = ServiceGroupConfiguration(
      services: [self], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
    configuration.maximumGracefulShutdownDuration = .seconds(service.configuration.drainSeconds)
    try await ServiceGroup(configuration: configuration).run()
  }
}

/// Waits for the shutdown to begin, then for the running requests to end.
private struct Drain: Service {
  let state: ServerState

  func run() async throws {
    try? await gracefulShutdown()
    state.drain()
    while state.running > 0, !Task.isCancelled { try? await Task.sleep(for: .milliseconds(20)) }
  }
}
