import Generation
import JSONText
import Scheduling
import Testing

@testable import Serving

@Suite("Completions") struct CompletionTests {
  @Test("A whole answer has OpenAI's form, field for field") func wholeAnswer() async throws {
    let client = ServiceClient()
    let answer = try await client.complete("\"prompt\":\"abc\"")
    #expect(
      answer.body == """
        {"id":"cmpl-ID","object":"text_completion","created":0,"model":"tiny","choices":[{"index":0,\
        "text":"Hello, world!","logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":3,\
        "completion_tokens":4,"total_tokens":7,"prompt_tokens_details":{"cached_tokens":2}}}
        """)
    #expect(client.generator.requests.first?.maxTokens == 16)
    #expect(client.generator.requests.first?.prompt == [97, 98, 99])
  }

  @Test("A stream is text, then the reason, then [DONE], with the counts when asked for") func stream() async throws {
    let events = try await ServiceClient().complete(
      "\"prompt\":\"abc\",\"stream\":true,\"max_tokens\":1,\"stream_options\":{\"include_usage\":true}"
    ).events
    let head = "{\"id\":\"cmpl-ID\",\"object\":\"text_completion\",\"created\":0,\"model\":\"tiny\",\"choices\":"
    #expect(
      events == [
        "\(head)[{\"index\":0,\"text\":\"Hello\",\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}",
        "\(head)[{\"index\":0,\"text\":\"\",\"logprobs\":null,\"finish_reason\":\"length\"}],\"usage\":null}",
        "\(head)[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1,\"total_tokens\":4,"
          + "\"prompt_tokens_details\":{\"cached_tokens\":2}}}",
        "[DONE]",
      ])
  }

  @Test("A prompt may be text, texts, token ids or lists of token ids") func prompts() async throws {
    let client = ServiceClient()
    for prompt in ["\"ab\"", "[\"ab\",\"c\"]", "[97,98]", "[[97,98],[99]]"] {
      #expect(try await client.complete("\"prompt\":\(prompt)").status == 200)
    }
    #expect(client.generator.requests.map(\.prompt) == [[97, 98], [97, 98], [99], [97, 98], [97, 98], [99]])
  }

  @Test("Several prompts, each answered n times, are numbered prompt by prompt and counted once each") func batch()
    async throws
  {
    let client = ServiceClient()
    let json = try await client.complete("\"prompt\":[\"ab\",\"c\"],\"n\":2,\"echo\":true").json
    #expect(
      json["choices"]?.array?.map { $0["text"]?.string } == [
        "abHello, world!", "abHello, world!", "cHello, world!", "cHello, world!",
      ])
    #expect(json["choices"]?.array?.map { $0["index"]?.int } == [0, 1, 2, 3])
    #expect(
      json["usage"]?.compact
        == "{\"prompt_tokens\":3,\"completion_tokens\":16,\"total_tokens\":19,\"prompt_tokens_details\":{\"cached_tokens\":4}}"
    )
  }

  @Test("echo returns the text of a prompt given as ids, and comes first in a stream") func echo() async throws {
    let client = ServiceClient()
    let whole = try await client.complete("\"prompt\":[104,105],\"echo\":true,\"max_tokens\":1").json
    #expect(whole["choices"]?.array?[0]["text"] == .string("hiHello"))
    let events = try await client.complete("\"prompt\":\"hi\",\"echo\":true,\"max_tokens\":1,\"stream\":true").events
    #expect(events[0].contains("\"text\":\"hi\""))
    #expect(events[1].contains("\"text\":\"Hello\""))
  }

  @Test("Log-probabilities have the older shape, with offsets that run on through a stream") func logprobs()
    async throws
  {
    let client = ServiceClient()
    let whole = try await client.complete("\"prompt\":\"a\",\"logprobs\":2,\"max_tokens\":2").json
    #expect(
      whole["choices"]?.array?[0]["logprobs"]?.compact == """
        {"tokens":["H",","],"token_logprobs":[-0.25,-0.25],"top_logprobs":[{"A":-0.5,"B":-1.5,"H":-0.25},\
        {"A":-0.5,"B":-1.5,",":-0.25}],"text_offset":[0,1]}
        """)
    let events = try await client.complete("\"prompt\":\"a\",\"logprobs\":0,\"max_tokens\":2,\"stream\":true").events
    #expect(events[1].contains("\"text_offset\":[1]"))
  }

  @Test("A part of a character is named by its bytes, and impossible tokens have a finite log-probability") func names()
  {
    let writer = LogprobsWriter(prompts: ByteEncoder())
    let entry = TokenLogprobs(token: 0xE2, logprob: -.infinity, top: [])
    #expect(
      writer.chat([entry]) == """
        {"content":[{"token":"bytes:\\\\xe2","logprob":-9999.0,"bytes":[226],"top_logprobs":[]}],"refusal":null}
        """)
    #expect(writer.number(.nan) == "-9999.0")
  }

  @Test("Control characters and quotes are escaped in every event") func escaping() async throws {
    var script = ScriptedGenerator.Script()
    script.pieces = ["a\"b\n\u{1}\\", "\u{2028}é🦊"]
    let events = try await ServiceClient(script).chat("\"stream\":true").events
    #expect(events.count == 5)
    let text = try events.dropLast().compactMap {
      try JSONValue(parsing: $0)["choices"]?.array?[0]["delta"]?["content"]?.string
    }
    #expect(text.joined() == script.pieces.joined())
  }
}
