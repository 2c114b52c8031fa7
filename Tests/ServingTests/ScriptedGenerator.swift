import Generation
import JSONText
import Scheduling
import Serving
import Synchronization
import Tokenization

/// Answers every request with the same pieces, one token each, and counts what happens to the requests.
final class ScriptedGenerator: TextGenerator {
  struct Script: Sendable {
    var pieces = ["Hello", ",", " world", "!"]
    /// Between two pieces.
    var delay = Duration.zero
    /// After the pieces.
    var ending: (reason: FinishReason, message: String?)? = (.stop, nil)
    /// Refuse instead, from the n-th request on.
    var refusal: AdmissionError?
    var refusesFrom = 0
    var isHealthy = true
  }
  private struct State {
    var requests: [GenerationRequest] = []
    var cancelled = 0, finished = 0, produced = 0
  }
  let script: Script
  private let state = Mutex(State())

  init(_ script: Script = Script()) { self.script = script }

  let contextLength = 128
  var isHealthy: Bool { script.isHealthy }
  var requests: [GenerationRequest] { state.withLock { $0.requests } }
  var cancelled: Int { state.withLock { $0.cancelled } }
  var finished: Int { state.withLock { $0.finished } }
  var produced: Int { state.withLock { $0.produced } }

  func generate(_ request: GenerationRequest) throws(AdmissionError) -> AsyncStream<GenerationEvent> {
    if let refusal = script.refusal, requests.count >= script.refusesFrom { throw refusal }
    state.withLock { $0.requests.append(request) }
    let (stream, continuation) = AsyncStream<GenerationEvent>.makeStream()
    let task = Task { [self] in
      let pieces = stopped(at: request.stop.strings)
      for piece in pieces.pieces.prefix(request.maxTokens) {
        if script.delay > .zero { try? await Task.sleep(for: script.delay) }
        if Task.isCancelled { return }
        state.withLock { $0.produced += 1 }
        continuation.yield(
          .delta(text: piece, tokens: [token(of: piece)], logprobs: logprobs(piece, request.sampling.topLogprobs)))
      }
      if let (reason, message) = pieces.stops ? (.stop, nil) : script.ending {
        let short =
          request.maxTokens < pieces.pieces.count || (request.maxTokens == pieces.pieces.count && !pieces.stops)
        let usage = Usage(
          promptTokens: request.prompt.count, completionTokens: min(request.maxTokens, pieces.pieces.count),
          cachedTokens: 2)
        state.withLock { $0.finished += 1 }
        continuation.yield(.finished(short && reason == .stop ? .length : reason, usage, message: message))
      }
      continuation.finish()
    }
    continuation.onTermination = { [self] why in
      if case .cancelled = why { state.withLock { $0.cancelled += 1 } }
      task.cancel()
    }
    return stream
  }

  private func stopped(at strings: [String]) -> (pieces: [String], stops: Bool) {
    for i in script.pieces.indices {
      for string in strings {
        let text = script.pieces[...i].joined()
        if let range = text.firstRange(of: string) {
          let rest = text[..<range.lowerBound].dropFirst(script.pieces[..<i].joined().count)
          return (Array(script.pieces[..<i]) + [String(rest)], true)
        }
      }
    }
    return (script.pieces, false)
  }

  private func token(of piece: String) -> TokenID { TokenID(piece.utf8.first ?? 0) }

  private func logprobs(_ piece: String, _ top: Int?) -> [TokenLogprobs] {
    guard let top else { return [] }
    let alternatives = (0..<top).map { (token: TokenID(65 + $0), logprob: -0.5 - Float($0)) }
    return [TokenLogprobs(token: token(of: piece), logprob: -0.25, top: alternatives)]
  }
}

/// One token per byte; 256 ends an answer.
struct ByteEncoder: PromptEncoder {
  let vocabularySize = 257

  func encodeChat(messages: [JSONValue], tools: [JSONValue]?) throws(PromptError) -> [TokenID] {
    var text = ""
    if let tools { text += JSONValue.array(tools).compact + "\n" }
    for message in messages {
      if message["content"]?.string == "raise" { throw .refused("the template refused: no raising") }
      text += "\(message["role"]?.string ?? "?"):\(message["content"]?.string ?? "-")\n"
    }
    return text.utf8.map(TokenID.init)
  }
  func encodeCompletion(_ text: String) throws(PromptError) -> [TokenID] { text.utf8.map(TokenID.init) }
  func bytes(of token: TokenID) -> [UInt8] { token < 256 ? [UInt8(token)] : [] }
}
