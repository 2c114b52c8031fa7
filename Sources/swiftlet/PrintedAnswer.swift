import ArgumentParser
import Generation
import JSONText
import Logging
import Scheduling

extension Logger {
  /// Warnings and worse, on standard error.
  static var quiet: Logger {
    var log = Logger(label: "swiftlet", factory: { StreamLogHandler.standardError(label: $0) })
    log.logLevel = .warning
    return log
  }
}

extension JSONValue {
  /// A chat message.
  static func message(role: String, _ content: String) -> JSONValue {
    .object(JSONObject([("role", .string(role)), ("content", .string(content))]))
  }
}

/// What one request answered, after it was printed as it came.
struct PrintedAnswer {
  var text = ""
  var usage = Usage(promptTokens: 0, completionTokens: 0, cachedTokens: 0)
  var reason = FinishReason.stop
  /// Time to the first token, and from it to the last.
  var firstToken = Duration.zero, rest = Duration.zero

  /// - Throws: when the engine refuses the request or the request fails.
  static func print(_ request: GenerationRequest, from engine: Engine) async throws -> PrintedAnswer {
    var answer = PrintedAnswer()
    let clock = ContinuousClock(), start = clock.now
    var first: ContinuousClock.Instant?
    let events: AsyncStream<GenerationEvent>
    do { events = try engine.generate(request) } catch { throw ValidationError(error.sentence) }
    for await event in events {
      switch event {
      case .delta(let text, _, _):
        if first == nil { first = clock.now }
        Terminal.write(text)
        answer.text += text
      case .finished(let reason, let usage, let message):
        (answer.reason, answer.usage) = (reason, usage)
        if reason == .failed { throw ValidationError("the request failed: \(message ?? "no reason given")") }
      }
    }
    answer.firstToken = (first ?? clock.now) - start
    answer.rest = clock.now - (first ?? clock.now)
    return answer
  }

  var statistics: String {
    func seconds(_ duration: Duration) -> Double {
      Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
    }
    func rate(_ tokens: Int, _ duration: Duration) -> String {
      seconds(duration) > 0 ? "\(Int(Double(tokens) / seconds(duration))) tokens/s" : "-"
    }
    return "prompt \(usage.promptTokens) tokens, first token after \(Int(seconds(firstToken) * 1000)) ms; "
      + "output \(usage.completionTokens) tokens, \(rate(max(0, usage.completionTokens - 1), rest)); ended by \(reason.rawValue)"
  }
}

extension AdmissionError {
  /// For a person at a terminal.
  var sentence: String {
    switch self {
    case .emptyPrompt: "the prompt has no tokens"
    case .promptTooLong(let count, let limit): "the prompt has \(count) tokens; with one new token it must fit \(limit)"
    case .unknownToken(let token, let size): "token \(token) is not in the vocabulary of \(size)"
    case .invalidParameter(let parameter, let reason): "\(parameter): \(reason)"
    case .overloaded(let waiting): "\(waiting) requests are waiting already"
    case .shuttingDown: "the engine is shutting down"
    }
  }
}
