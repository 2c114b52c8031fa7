import ArgumentParser
import Benchmarking
import FoundationEssentials
import Generation
import Glibc
import Logging
import Serving

struct Serve: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Serve a model over HTTP, as OpenAI's API does.",
    discussion:
      "Prints `listening on http://HOST:PORT` when requests are accepted; ends on SIGTERM or SIGINT after the running requests."
  )

  @OptionGroup var model: ModelOptions

  @Option(help: "Address to listen on. 0.0.0.0 makes the server reachable from other machines.")
  var host = "127.0.0.1"

  @Option(help: "Port to listen on; 0 takes a free one.")
  var port = 8000

  @Option(help: "File with API keys, one a line; requests must then carry one of them.")
  var apiKeyFile: String?

  @Option(help: "Seconds that running requests get to finish after SIGTERM or SIGINT.")
  var drainSeconds = 30

  @Option(help: "Requests that may wait; more are answered with 503.")
  var maxWaiting = 1024

  @Option(
    help: ArgumentHelp(
      "Where an operator may look at and switch kernels while serving: a port on 127.0.0.1, or HOST:PORT. Off by default.",
      valueName: "address"))
  var admin: String?

  @Option(
    help: ArgumentHelp(
      "Record the calls of kernels as workloads that can be run again, and how often each shape occurs.",
      valueName: "dir"))
  var traceWorkloads: String?

  @Option(help: "Largest size of what --trace-workloads writes, such as 512M. Default: 256M.")
  var traceLimit: String?

  @Flag(help: "Log every kernel that is chosen.")
  var verbose = false

  func validate() throws {
    if !(0...65535).contains(port) { throw ValidationError("--port is \(port); it must be 0 to 65535") }
    if drainSeconds < 0 { throw ValidationError("--drain-seconds is \(drainSeconds); it must not be negative") }
    _ = try RecordingOptions(directory: traceWorkloads, limit: traceLimit)
    if let admin { _ = try AdminAddress(admin, hasKeys: apiKeyFile != nil) }
    if !(0...1_000_000).contains(maxWaiting) {
      throw ValidationError("--max-waiting is \(maxWaiting); it must be 0 to 1000000")
    }
  }

  func run() async throws {
    var log = Logger(label: "swiftlet", factory: { StreamLogHandler.standardError(label: $0) })
    log.logLevel = verbose ? .debug : .notice
    let logger = log
    let recorder = try RecordingOptions(directory: traceWorkloads, limit: traceLimit)?.start { problem in
      logger.warning("recording workloads: \(problem)")
    }
    let loaded = try await LoadedModel.load(
      model, maxWaiting: maxWaiting, observer: recorder, log: log, report: { logger.notice("\($0)") })
    var configuration = ServingConfiguration()
    configuration.host = host
    configuration.port = port
    configuration.drainSeconds = drainSeconds
    configuration.apiKeys = try apiKeyFile.map(Self.keys)
    let name = model.servedName(of: loaded.files.name)
    let metrics = ServerMetrics(engine: loaded.engine, board: loaded.library.switchboard, model: name)
    let service = OpenAIService(
      models: [
        ServedModel(
          id: name, created: Int(time(nil)), stopTokenIDs: loaded.stopTokenIDs, defaults: loaded.samplingDefaults,
          prompts: loaded.prompts, generator: loaded.engine)
      ], configuration: configuration, metrics: { metrics.families() })
    let host = host
    let administration = try adminServer(loaded, keys: configuration.apiKeys, log: log)
    let server = OpenAIServer(service, logger: log, admin: administration) { port in
      let url = "http://\(host.contains(":") ? "[\(host)]" : host):\(port)"
      Terminal.print("listening on \(url)")
      Terminal.print("try: \(Self.example(url: url, model: name))")
    }
    do {
      try await server.runUntilSignal()
    } catch {
      await loaded.engine.shutdown()
      recorder?.close()
      throw error
    }
    await loaded.engine.shutdown()
    if let recorder {
      recorder.close()
      let found = recorder.statistics
      log.notice("recorded \(found.recorded) workloads of \(found.calls) kernel calls into \(traceWorkloads ?? "")")
    }
  }

  private func adminServer(_ loaded: LoadedModel, keys: [String]?, log: Logger) throws -> AdminServer? {
    guard let admin, let board = loaded.library.switchboard else { return nil }
    let address = try AdminAddress(admin, hasKeys: keys != nil)
    return AdminServer(
      KernelAdministration(loaded.library, board, options: model.kernelOptions, log: log), host: address.host,
      port: address.port, apiKeys: keys, logger: log
    ) { port in Terminal.print("admin on http://\(address.host):\(port)/admin") }
  }

  private static func example(url: String, model: String) -> String {
    "curl \(url)/v1/chat/completions -H 'Content-Type: application/json' -d '{\"model\": \"\(model)\", "
      + "\"messages\": [{\"role\": \"user\", \"content\": \"What is the capital of France?\"}], \"temperature\": 0}'"
  }

  private static func keys(_ file: String) throws -> [String] {
    guard let data = FileManager.default.contents(atPath: file), let text = String(data: data, encoding: .utf8) else {
      throw ValidationError("--api-key-file: cannot read \(file) as text")
    }
    let keys = text.split(whereSeparator: \.isNewline).map(String.init).filter { !$0.isEmpty }
    if keys.isEmpty { throw ValidationError("--api-key-file: \(file) holds no key") }
    return keys
  }
}
