import Generation
import JSONText
import Scheduling

/// Writes the answers of `POST /v1/chat/completions`.
struct ChatCompletionResponse: AnswerFormat {
  let header: AnswerHeader
  let includesUsage: Bool
  /// Nil when the request asked for no log-probabilities.
  let logprobs: LogprobsWriter?

  func complete(_ choices: [FinishedChoice], usage: Usage) -> String {
    var out = header.open(object: "chat.completion")
    for (index, choice) in choices.enumerated() {
      out += index > 0 ? "," : ""
      out += "{\"index\":\(index),\"message\":{\"role\":\"assistant\",\"content\":"
      appendQuoted(choice.text, to: &out)
      out += ",\"refusal\":null},\"logprobs\":\(logprobs?.chat(choice.logprobs) ?? "null")"
      out += ",\"finish_reason\":\"\(choice.reason.rawValue)\"}"
    }
    return out + "],\"usage\":\(usage.json)}"
  }

  func opening(choice: Int) -> String? {
    chunk(choice, delta: "{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null}", logprobs: "null", finish: "null")
  }

  mutating func delta(choice: Int, text: String, logprobs entries: [TokenLogprobs]) -> String {
    var delta = "{\"content\":"
    appendQuoted(text, to: &delta)
    return chunk(choice, delta: delta + "}", logprobs: logprobs?.chat(entries) ?? "null", finish: "null")
  }

  func finish(choice: Int, reason: FinishReason) -> String {
    chunk(choice, delta: "{}", logprobs: "null", finish: "\"\(reason.rawValue)\"")
  }

  func usage(_ usage: Usage) -> String {
    header.open(object: "chat.completion.chunk") + "],\"usage\":\(usage.json)}"
  }

  private func chunk(_ choice: Int, delta: String, logprobs: String, finish: String) -> String {
    header.open(object: "chat.completion.chunk")
      + "{\"index\":\(choice),\"delta\":\(delta),\"logprobs\":\(logprobs),\"finish_reason\":\(finish)}]"
      + (includesUsage ? ",\"usage\":null}" : "}")
  }
}
