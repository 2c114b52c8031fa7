import Glibc
import JSONText
import Scheduling

/// What all parts of one answer have in common: each chunk of a stream repeats it.
struct AnswerHeader: Sendable {
  let id: String
  /// Seconds since 1970.
  let created: Int
  let model: String

  /// - Parameter prefix: `chatcmpl-` or `cmpl-`.
  init(prefix: String, model: String) {
    (id, created, self.model) = (prefix + Self.randomHex(), time(nil), model)
  }

  init(id: String, created: Int, model: String) { (self.id, self.created, self.model) = (id, created, model) }

  /// `{"id":…,"object":…,"created":…,"model":…,"choices":[`
  func open(object: String) -> String {
    var out = "{\"id\":"
    appendQuoted(id, to: &out)
    out += ",\"object\":\"\(object)\",\"created\":\(created),\"model\":"
    appendQuoted(model, to: &out)
    return out + ",\"choices\":["
  }

  /// 24 random hexadecimal digits.
  static func randomHex() -> String {
    let digits =
      String(UInt64.random(in: .min ... .max), radix: 16) + String(UInt64.random(in: .min ... .max), radix: 16)
    return String((String(repeating: "0", count: 24) + digits).suffix(24))
  }
}

extension Usage {
  /// The counts of nothing.
  static let zero = Usage(promptTokens: 0, completionTokens: 0, cachedTokens: 0)

  /// OpenAI's usage object.
  var json: String {
    "{\"prompt_tokens\":\(promptTokens),\"completion_tokens\":\(completionTokens),"
      + "\"total_tokens\":\(promptTokens + completionTokens),"
      + "\"prompt_tokens_details\":{\"cached_tokens\":\(cachedTokens)}}"
  }
}
