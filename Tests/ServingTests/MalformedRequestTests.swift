import JSONText
import Testing

@testable import Serving

/// Requests that must be refused: body, status and the parameter that the error names.
@Suite("Malformed requests") struct MalformedRequestTests {
  static let chat: [(fields: String, param: String?)] = [
    ("\"temperature\":-0.1", "temperature"), ("\"temperature\":2.1", "temperature"),
    ("\"temperature\":1e999", "temperature"), ("\"temperature\":\"1\"", "temperature"),
    ("\"temperature\":[]", "temperature"), ("\"temperature\":NaN", nil), ("\"temperature\":Infinity", nil),
    ("\"top_p\":1.5", "top_p"), ("\"top_p\":-1", "top_p"), ("\"top_p\":0", "top_p"), ("\"top_p\":true", "top_p"),
    ("\"top_k\":-2", "top_k"), ("\"top_k\":1.5", "top_k"), ("\"top_k\":99999999999999999999", "top_k"),
    ("\"min_p\":1.01", "min_p"), ("\"repetition_penalty\":0", "repetition_penalty"),
    ("\"presence_penalty\":-2.5", "presence_penalty"), ("\"frequency_penalty\":9", "frequency_penalty"),
    ("\"seed\":1.5", "seed"), ("\"seed\":\"7\"", "seed"), ("\"seed\":18446744073709551616", "seed"),
    ("\"n\":0", "n"), ("\"n\":-1", "n"), ("\"n\":17", "n"), ("\"n\":1000000000", "n"), ("\"n\":\"2\"", "n"),
    ("\"max_tokens\":0", "max_tokens"), ("\"max_tokens\":-5", "max_tokens"), ("\"max_tokens\":1.5", "max_tokens"),
    ("\"max_tokens\":-99999999999999999999999", "max_tokens"), ("\"max_tokens\":1e3", "max_tokens"),
    ("\"max_completion_tokens\":0", "max_completion_tokens"),
    ("\"stop\":5", "stop"), ("\"stop\":[1]", "stop"), ("\"stop\":\"\"", "stop"),
    ("\"stop\":[\"a\",\"b\",\"c\",\"d\",\"e\"]", "stop"), ("\"stop\":{}", "stop"),
    ("\"stop\":\"\(String(repeating: "x", count: 1025))\"", "stop"),
    ("\"stop_token_ids\":[257]", "stop_token_ids"), ("\"stop_token_ids\":5", "stop_token_ids"),
    ("\"logit_bias\":{\"x\":1}", "logit_bias"), ("\"logit_bias\":{\"1\":101}", "logit_bias"),
    ("\"logit_bias\":{\"257\":1}", "logit_bias"), ("\"logit_bias\":{\"-1\":1}", "logit_bias"),
    ("\"logit_bias\":{\"99999999999\":1}", "logit_bias"), ("\"logit_bias\":[1]", "logit_bias"),
    ("\"logit_bias\":{\"1\":\"x\"}", "logit_bias"),
    ("\"logprobs\":5", "logprobs"), ("\"top_logprobs\":5", "top_logprobs"),
    ("\"logprobs\":true,\"top_logprobs\":21", "top_logprobs"),
    ("\"logprobs\":true,\"top_logprobs\":-1", "top_logprobs"),
    ("\"stream\":\"yes\"", "stream"), ("\"stream_options\":{}", "stream_options"),
    ("\"stream\":true,\"stream_options\":5", "stream_options"),
    ("\"stream\":true,\"stream_options\":{\"include_usage\":1}", "stream_options.include_usage"),
    ("\"ignore_eos\":1", "ignore_eos"), ("\"tools\":5", "tools"), ("\"tools\":[5]", "tools[0]"),
    ("\"tools\":[{}]", "tools[0].type"), ("\"tools\":[{\"type\":\"function\"}]", "tools[0].function.name"),
    ("\"tool_choice\":\"required\"", "tool_choice"),
    ("\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"f\"}}", "tool_choice"),
    ("\"response_format\":{\"type\":\"json_object\"}", "response_format"),
    ("\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{}}", "response_format"),
    ("\"response_format\":{}", "response_format"), ("\"response_format\":\"text\"", "response_format"),
    ("\"modalities\":[\"text\",\"audio\"]", "modalities"), ("\"audio\":{\"voice\":\"a\"}", "audio"),
    ("\"functions\":[]", "functions"), ("\"reasoning_effort\":\"high\"", "reasoning_effort"),
    ("\"guided_json\":{}", "guided_json"), ("\"chat_template\":\"{{ 1 }}\"", "chat_template"),
    ("\"min_tokens\":3", "min_tokens"), ("\"cache_salt\":\"\"", "cache_salt"), ("\"cache_salt\":1", "cache_salt"),
    ("\"priority\":\"high\"", "priority"), ("\"echo\":true", "echo"),
  ]

  static let messages: [(messages: String, param: String)] = [
    ("null", "messages"), ("5", "messages"), ("[]", "messages"), ("{}", "messages"), ("\"hi\"", "messages"),
    ("[5]", "messages[0]"), ("[null]", "messages[0]"), ("[{}]", "messages[0].role"),
    ("[{\"role\":\"user\"}]", "messages[0].content"), ("[{\"content\":\"x\"}]", "messages[0].role"),
    ("[{\"role\":\"wizard\",\"content\":\"x\"}]", "messages[0].role"),
    ("[{\"role\":5,\"content\":\"x\"}]", "messages[0].role"),
    ("[{\"role\":\"user\",\"content\":null}]", "messages[0].content"),
    ("[{\"role\":\"user\",\"content\":5}]", "messages[0].content"),
    ("[{\"role\":\"user\",\"content\":{}}]", "messages[0].content"),
    ("[{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"assistant\"}]", "messages[1].content"),
    ("[{\"role\":\"user\",\"content\":[5]}]", "messages[0].content[0]"),
    ("[{\"role\":\"user\",\"content\":[{}]}]", "messages[0].content[0].type"),
    ("[{\"role\":\"user\",\"content\":[{\"type\":\"text\"}]}]", "messages[0].content[0].text"),
    (
      "[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"x\"}}]}]",
      "messages[0].content[0].type"
    ),
    ("[{\"role\":\"user\",\"content\":\"x\",\"name\":5}]", "messages[0].name"),
    ("[{\"role\":\"user\",\"content\":\"x\",\"tool_calls\":[{}]}]", "messages[0].tool_calls"),
    ("[{\"role\":\"assistant\",\"tool_calls\":[{}]}]", "messages[0].tool_calls[0].function.name"),
    ("[{\"role\":\"user\",\"content\":\"raise\"}]", "messages"),
  ]

  static let completions: [(fields: String, param: String)] = [
    ("\"x\":1", "prompt"), ("\"prompt\":null", "prompt"), ("\"prompt\":5", "prompt"), ("\"prompt\":[]", "prompt"),
    ("\"prompt\":\"\"", "prompt"), ("\"prompt\":[[]]", "prompt"), ("\"prompt\":[1.5]", "prompt"),
    ("\"prompt\":[257]", "prompt"), ("\"prompt\":[-1]", "prompt"), ("\"prompt\":[1,\"a\"]", "prompt"),
    ("\"prompt\":[\"a\",1]", "prompt[1]"), ("\"prompt\":[[1],\"a\"]", "prompt[1]"), ("\"prompt\":[{}]", "prompt[0]"),
    ("\"prompt\":[[1],[999999999999999999999]]", "prompt[1]"), ("\"prompt\":\"a\",\"suffix\":\"b\"", "suffix"),
    ("\"prompt\":\"a\",\"best_of\":2", "best_of"), ("\"prompt\":\"a\",\"logprobs\":6", "logprobs"),
    ("\"prompt\":\"a\",\"logprobs\":true", "logprobs"), ("\"prompt\":\"a\",\"logprobs\":1,\"echo\":true", "echo"),
    ("\"prompt\":\"a\",\"max_tokens\":-1", "max_tokens"),
    ("\"prompt\":\(String(describing: Array(repeating: "a", count: 65)))", "prompt"),
    ("\"prompt\":\(String(describing: Array(repeating: "a", count: 64))),\"n\":3", "n"),
  ]

  static let bodies: [String] = [
    "", " ", "{", "[]", "null", "5", "\"x\"", "{\"model\"", "{\"model\":\"tiny\"", "{\"model\":\"tiny\",}", "{}x",
    "{'model':'tiny'}", "{\"model\":\"\\ud800\"}", "{\"model\":\"a\u{1}b\"}", "{\"n\":01}", "{\"n\":--1}",
    String(repeating: "[", count: 100_000), "{\"messages\":" + String(repeating: "{\"a\":", count: 100_000),
  ]

  private func check(_ answer: ServiceClient.Answer, _ param: String?, _ request: String) {
    #expect(answer.status == 400, "\(request)")
    #expect(answer.error?["param"] == param.map(JSONValue.string) ?? .null, "\(request)")
    #expect(answer.error?["type"] == .string("invalid_request_error"), "\(request)")
    #expect(answer.error?["message"]?.string?.isEmpty == false, "\(request)")
    switch answer.error?["code"] {
    case .null, .string: break
    default: Issue.record("code is neither null nor a string: \(request)")
    }
  }

  @Test("Each bad field of a chat request is named") func chatFields() async throws {
    let client = ServiceClient()
    for (fields, param) in Self.chat { check(try await client.chat(fields), param, fields) }
    #expect(client.generator.requests.isEmpty)
    #expect(try await client.chat().status == 200)
  }

  @Test("Each bad message is named") func chatMessages() async throws {
    let client = ServiceClient()
    for (messages, param) in Self.messages {
      let answer = try await client.post("/v1/chat/completions", "{\"model\":\"tiny\",\"messages\":\(messages)}")
      check(answer, param, messages)
    }
    #expect(try await client.chat().status == 200)
  }

  @Test("Each bad field of a completion request is named") func completionFields() async throws {
    let client = ServiceClient()
    for (fields, param) in Self.completions { check(try await client.complete(fields), param, fields) }
    #expect(client.generator.requests.isEmpty)
    #expect(try await client.complete("\"prompt\":\"a\"").status == 200)
  }

  @Test("A body that is not one JSON object is refused, however deep", arguments: ["chat/completions", "completions"])
  func bodies(endpoint: String) async throws {
    let client = ServiceClient()
    for body in Self.bodies { check(try await client.post("/v1/\(endpoint)", body), nil, String(body.prefix(40))) }
    #expect(try await client.chat().status == 200)
  }

  @Test("The model must be named and known") func model() async throws {
    let client = ServiceClient()
    for (model, status) in [("", 400), ("\"model\":5,", 400), ("\"model\":\"huge\",", 404), ("\"model\":\"\",", 404)] {
      let answer = try await client.post("/v1/completions", "{\(model)\"prompt\":\"a\"}")
      #expect(answer.status == status)
      #expect(answer.error?["param"] == .string("model"))
      if status == 404 { #expect(answer.error?["code"] == .string("model_not_found")) }
    }
  }

  @Test("A prompt that fills the context is refused with both numbers") func tooLong() async throws {
    let client = ServiceClient()
    let answer = try await client.complete("\"prompt\":\"\(String(repeating: "x", count: 128))\"")
    check(answer, "prompt", "128 tokens")
    #expect(answer.error?["code"] == .string("context_length_exceeded"))
    #expect(answer.error?["message"]?.string?.contains("length is 128 tokens, but the prompt has 128 tokens") == true)
    #expect(try await client.complete("\"prompt\":\"\(String(repeating: "x", count: 127))\"").status == 200)
    #expect(client.generator.requests.map(\.maxTokens) == [1])
    let chat = try await client.post(
      "/v1/chat/completions",
      "{\"model\":\"tiny\",\"messages\":[{\"role\":\"user\",\"content\":\"\(String(repeating: "x", count: 200))\"}]}")
    check(chat, "messages", "long chat")
  }
}
