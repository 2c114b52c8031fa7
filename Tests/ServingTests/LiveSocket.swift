import Glibc
import Logging
import ServiceLifecycle
import Serving
import Testing

/// A connection made with the system's own calls, so that it can be cut at any point.
///
/// Its calls block: use it from a thread of its own (`blocking`).
final class RawConnection {
  private var socket: Int32
  struct Failure: Error { let call: String, code: Int32 }

  /// - Parameter timeoutSeconds: how long a read waits before it is treated as the end.
  init(port: Int, timeoutSeconds: Int = 40) throws {
    socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard socket >= 0 else { throw Failure(call: "socket", code: errno) }
    var timeout = timeval(tv_sec: timeoutSeconds, tv_usec: 0)
    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
    let result = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard result == 0 else { throw Failure(call: "connect", code: errno) }
  }

  deinit { close() }

  func close() {
    if socket >= 0 { Glibc.close(socket) }
    socket = -1
  }

  /// Sends what the server takes; a server that has closed already is no error.
  func send(_ text: String) { sendBytes(Array(text.utf8)) }

  func sendBytes(_ bytes: [UInt8]) {
    var bytes = bytes[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      if count <= 0 { return }
      bytes = bytes.dropFirst(count)
    }
  }

  /// Reads until `condition` holds or the server closes or nothing comes in time.
  func read(until condition: (String) -> Bool = { _ in false }) -> String {
    var received: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65536)
    while !condition(String(decoding: received, as: UTF8.self)) {
      let count = recv(socket, &chunk, chunk.count, 0)
      if count <= 0 { break }
      received += chunk[..<count]
    }
    return String(decoding: received, as: UTF8.self)
  }

  /// A POST of a JSON body, as a well-behaved client writes it.
  static func post(_ path: String, _ body: String) -> String {
    "POST \(path) HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
      + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
  }

  static let health = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
}

/// Runs something that blocks on a thread of its own.
func blocking<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
  try await withCheckedThrowingContinuation { continuation in
    let box = Box { continuation.resume(with: Result(catching: body)) }
    var thread = pthread_t()
    let code = pthread_create(
      &thread, nil,
      { raw in
        Unmanaged<Box>.fromOpaque(raw!).takeRetainedValue().run()
        return nil
      }, Unmanaged.passRetained(box).toOpaque())
    precondition(code == 0, "no thread")
    pthread_detach(thread)
  }
}

private final class Box: Sendable {
  let run: @Sendable () -> Void
  init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

/// Runs a service on a free port of this machine while `body` runs.
func withServer<Value: Sendable>(
  _ client: ServiceClient, _ body: (_ port: Int, _ group: ServiceGroup) async throws -> Value
) async throws -> Value {
  var logger = Logger(label: "test")
  logger.logLevel = .critical
  let (ports, port) = AsyncStream<Int>.makeStream()
  let server = OpenAIServer(client.service, logger: logger) { port.yield($0) }
  let group = ServiceGroup(configuration: .init(services: [server], logger: logger))
  return try await withThrowingTaskGroup(of: Void.self) { tasks in
    tasks.addTask {
      defer { port.finish() }
      try await group.run()
    }
    var iterator = ports.makeAsyncIterator()
    let bound = try #require(await iterator.next())
    let value = try await body(bound, group)
    await group.triggerGracefulShutdown()
    try await tasks.waitForAll()
    return value
  }
}
