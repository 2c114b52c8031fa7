import Generation
import JSONText
import Scheduling

/// Writes the answers of `POST /v1/completions`.
struct CompletionResponse: AnswerFormat {
  let header: AnswerHeader
  let includesUsage: Bool
  /// Nil when the request asked for no log-probabilities.
  let logprobs: LogprobsWriter?
  /// By choice: the prompt that the answer begins with, empty unless the request asked for it.
  let echoed: [String]
  /// By choice: where the next token begins in the text, in Unicode scalars.
  private var offsets: [Int]

  init(header: AnswerHeader, includesUsage: Bool, logprobs: LogprobsWriter?, echoed: [String]) {
    (self.header, self.includesUsage, self.logprobs, self.echoed) = (header, includesUsage, logprobs, echoed)
    offsets = Array(repeating: 0, count: echoed.count)
  }

  func complete(_ choices: [FinishedChoice], usage: Usage) -> String {
    var out = header.open(object: "text_completion")
    for (index, choice) in choices.enumerated() {
      var offset = 0
      out += index > 0 ? "," : ""
      out += "{\"index\":\(index),\"text\":"
      appendQuoted(echoed[index] + choice.text, to: &out)
      out += ",\"logprobs\":\(logprobs?.completion(choice.logprobs, offset: &offset) ?? "null")"
      out += ",\"finish_reason\":\"\(choice.reason.rawValue)\"}"
    }
    return out + "],\"usage\":\(usage.json)}"
  }

  func opening(choice: Int) -> String? {
    echoed[choice].isEmpty ? nil : chunk(choice, text: echoed[choice], logprobs: "null", finish: "null")
  }

  mutating func delta(choice: Int, text: String, logprobs entries: [TokenLogprobs]) -> String {
    let logprobs = logprobs?.completion(entries, offset: &offsets[choice]) ?? "null"
    return chunk(choice, text: text, logprobs: logprobs, finish: "null")
  }

  func finish(choice: Int, reason: FinishReason) -> String {
    chunk(choice, text: "", logprobs: "null", finish: "\"\(reason.rawValue)\"")
  }

  func usage(_ usage: Usage) -> String { header.open(object: "text_completion") + "],\"usage\":\(usage.json)}" }

  private func chunk(_ choice: Int, text: String, logprobs: String, finish: String) -> String {
    var out = header.open(object: "text_completion") + "{\"index\":\(choice),\"text\":"
    appendQuoted(text, to: &out)
    out += ",\"logprobs\":\(logprobs),\"finish_reason\":\(finish)}]"
    return out + (includesUsage ? ",\"usage\":null}" : "}")
  }
}
