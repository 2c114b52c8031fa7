import Generation
import JSONText
import Tokenization

/// Log-probabilities in the two shapes of the two endpoints.
struct LogprobsWriter: Sendable {
  let prompts: any PromptEncoder

  /// A token as text; one that is not whole characters by its bytes (`bytes:\xe2\x80`), so that different tokens
  /// have different names.
  func name(_ bytes: [UInt8]) -> String {
    if let text = String(validating: bytes, as: UTF8.self) { return text }
    return "bytes:" + bytes.map { "\\x" + ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  /// JSON knows no infinity: impossible tokens get what OpenAI writes for very unlikely ones.
  func number(_ logprob: Float) -> String { logprob.isFinite ? "\(max(logprob, -9999))" : "-9999.0" }

  // MARK: chat

  /// `{"content":[…],"refusal":null}`
  func chat(_ logprobs: [TokenLogprobs]) -> String {
    var out = "{\"content\":["
    for (i, entry) in logprobs.enumerated() {
      if i > 0 { out += "," }
      out += "{"
      appendToken(entry.token, entry.logprob, to: &out)
      out += ",\"top_logprobs\":["
      for (j, top) in entry.top.enumerated() {
        out += j > 0 ? ",{" : "{"
        appendToken(top.token, top.logprob, to: &out)
        out += "}"
      }
      out += "]}"
    }
    return out + "],\"refusal\":null}"
  }

  private func appendToken(_ token: TokenID, _ logprob: Float, to out: inout String) {
    let bytes = prompts.bytes(of: token)
    out += "\"token\":"
    appendQuoted(name(bytes), to: &out)
    out += ",\"logprob\":\(number(logprob)),\"bytes\":["
    out += bytes.map(String.init).joined(separator: ",")
    out += "]"
  }

  // MARK: completions

  /// `{"tokens":[…],"token_logprobs":[…],"top_logprobs":[…],"text_offset":[…]}`
  /// - Parameter offset: where the first token begins in the text, in Unicode scalars; moved past the last one.
  func completion(_ logprobs: [TokenLogprobs], offset: inout Int) -> String {
    var tokens = "", values = "", tops = "", offsets = ""
    for (i, entry) in logprobs.enumerated() {
      let separator = i > 0 ? "," : ""
      let bytes = prompts.bytes(of: entry.token)
      tokens += separator
      appendQuoted(name(bytes), to: &tokens)
      values += separator + number(entry.logprob)
      tops += separator + top(entry, named: name(bytes))
      offsets += separator + String(offset)
      // A scalar begins at each byte that does not continue one.
      offset += bytes.count { $0 & 0xC0 != 0x80 }
    }
    return "{\"tokens\":[\(tokens)],\"token_logprobs\":[\(values)],\"top_logprobs\":[\(tops)],"
      + "\"text_offset\":[\(offsets)]}"
  }

  /// The most likely tokens and the chosen one, by name.
  private func top(_ entry: TokenLogprobs, named chosen: String) -> String {
    var object = JSONObject()
    for (token, logprob) in entry.top {
      let name = name(prompts.bytes(of: token))
      if object[name] == nil { object[name] = .number(JSONNumber(text: number(logprob))) }
    }
    if object[chosen] == nil { object[chosen] = .number(JSONNumber(text: number(entry.logprob))) }
    return JSONValue.object(object).compact
  }
}
