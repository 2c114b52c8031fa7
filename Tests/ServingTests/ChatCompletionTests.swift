import JSONText
import Scheduling
import Tokenization
import Testing

@testable import Serving

@Suite("Chat completions") struct ChatCompletionTests {
  @Test("A whole answer has OpenAI's form, field for field") func wholeAnswer() async throws {
    let answer = try await ServiceClient().chat()
    #expect(answer.status == 200)
    #expect(answer.headers[.contentType] == "application/json")
    #expect(
      answer.body == """
        {"id":"chatcmpl-ID","object":"chat.completion","created":0,"model":"tiny","choices":[{"index":0,\
        "message":{"role":"assistant","content":"Hello, world!","refusal":null},"logprobs":null,\
        "finish_reason":"stop"}],"usage":{"prompt_tokens":8,"completion_tokens":4,"total_tokens":12,\
        "prompt_tokens_details":{"cached_tokens":2}}}
        """)
  }

  @Test("A stream sends the role first, then text, then the reason, then [DONE]") func stream() async throws {
    let answer = try await ServiceClient().chat("\"stream\":true")
    #expect(answer.status == 200)
    #expect(answer.headers[.contentType] == "text/event-stream")
    let head =
      "{\"id\":\"chatcmpl-ID\",\"object\":\"chat.completion.chunk\",\"created\":0,\"model\":\"tiny\",\"choices\":"
    func chunk(_ delta: String, finish: String = "null") -> String {
      "\(head)[{\"index\":0,\"delta\":\(delta),\"logprobs\":null,\"finish_reason\":\(finish)}]}"
    }
    #expect(
      answer.events == [
        chunk("{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null}"), chunk("{\"content\":\"Hello\"}"),
        chunk("{\"content\":\",\"}"), chunk("{\"content\":\" world\"}"), chunk("{\"content\":\"!\"}"),
        chunk("{}", finish: "\"stop\""), "[DONE]",
      ])
  }

  @Test("include_usage adds a chunk with the counts, and null counts to the others") func streamUsage() async throws {
    let answer = try await ServiceClient().chat(
      "\"stream\":true,\"stream_options\":{\"include_usage\":true},\"max_tokens\":2")
    let events = answer.events
    #expect(events.last == "[DONE]")
    let chunks = try events.dropLast().map { try JSONValue(parsing: $0) }
    #expect(chunks.count == 5)
    for chunk in chunks.dropLast() { #expect(chunk["usage"] == .null) }
    #expect(chunks[3]["choices"]?.array?[0]["finish_reason"] == .string("length"))
    #expect(chunks.last?["choices"] == .array([]))
    #expect(
      chunks.last?["usage"]?.compact
        == "{\"prompt_tokens\":8,\"completion_tokens\":2,\"total_tokens\":10,\"prompt_tokens_details\":{\"cached_tokens\":2}}"
    )
  }

  @Test("n answers come with their indices, each with its own seed, and count the prompt once") func several()
    async throws
  {
    let client = ServiceClient()
    let json = try await client.chat("\"n\":3,\"seed\":7").json
    #expect(json["choices"]?.array?.map { $0["index"]?.int } == [0, 1, 2])
    #expect(json["usage"]?["prompt_tokens"] == .int(8))
    #expect(json["usage"]?["completion_tokens"] == .int(12))
    let seeds = client.generator.requests.map(\.sampling.seed)
    #expect(seeds[0] == 7)
    #expect(Set(seeds).count == 3)
    #expect(Set(client.generator.requests.map(\.id)).count == 3)

    let events = try await client.chat("\"n\":2,\"stream\":true").events
    for index in 0..<2 {
      let mine = events.filter { $0.contains("\"choices\":[{\"index\":\(index),") }
      #expect(mine.count == 6)
      #expect(mine.first?.contains("\"role\":\"assistant\"") == true)
      #expect(mine.last?.contains("\"finish_reason\":\"stop\"") == true)
    }
    #expect(events.last == "[DONE]")
  }

  @Test("Log-probabilities carry the token, its bytes and the alternatives") func logprobs() async throws {
    let client = ServiceClient()
    let logprobs = try await client.chat("\"logprobs\":true,\"top_logprobs\":1,\"max_tokens\":1").json["choices"]?
      .array?[0]["logprobs"]
    #expect(
      logprobs?.compact == """
        {"content":[{"token":"H","logprob":-0.25,"bytes":[72],"top_logprobs":[{"token":"A","logprob":-0.5,\
        "bytes":[65]}]}],"refusal":null}
        """)
    let events = try await client.chat("\"logprobs\":true,\"stream\":true").events
    #expect(
      events[1].contains(
        "\"logprobs\":{\"content\":[{\"token\":\"H\",\"logprob\":-0.25,\"bytes\":[72],\"top_logprobs\":[]}]"))
  }

  @Test("Every sampling field reaches the generator") func sampling() async throws {
    let client = ServiceClient()
    let answer = try await client.chat(
      """
      "temperature":0.5,"top_p":0.25,"top_k":40,"min_p":0.125,"seed":-1,"repetition_penalty":1.5,
      "presence_penalty":-2,"frequency_penalty":2,"logit_bias":{"65":-100,"66":1.5},"stop":["a","b"],
      "stop_token_ids":[3],"ignore_eos":true,"max_completion_tokens":9,"max_tokens":5,
      "user":"u","metadata":{"k":"v"},"store":false,"unknown":[1,{"a":null}]
      """)
    #expect(answer.status == 200)
    let request = try #require(client.generator.requests.first)
    #expect(request.maxTokens == 9)
    var wanted = SamplingParameters()
    (wanted.temperature, wanted.topP, wanted.topK, wanted.minP) = (0.5, 0.25, 40, 0.125)
    (wanted.seed, wanted.repetitionPenalty) = (.max, 1.5)
    (wanted.presencePenalty, wanted.frequencyPenalty) = (-2, 2)
    wanted.logitBias = [65: -100, 66: 1.5]
    #expect(request.sampling == wanted)
    #expect(request.stop.strings == ["a", "b"])
    #expect(request.stop.tokenIDs == [3, 256])
    #expect(request.stop.ignoresStopTokens)
  }

  @Test("Without a limit the answer may fill the context, and a larger limit is the same") func defaultLimit()
    async throws
  {
    let client = ServiceClient()
    _ = try await client.chat()
    _ = try await client.chat("\"max_tokens\":9000000000000000000")
    #expect(client.generator.requests.map(\.maxTokens) == [120, 120])
  }

  @Test("Content may be parts, developer is system, and null stands beside tool calls") func messages() async throws {
    let client = ServiceClient()
    let answer = try await client.post(
      "/v1/chat/completions",
      """
      {"model":"small","messages":[{"role":"developer","content":"d"},
      {"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},
      {"role":"assistant","content":null,"tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"}}]},
      {"role":"tool","tool_call_id":"1","content":"42"}]}
      """)
    #expect(answer.status == 200)
    #expect(try answer.json["model"] == .string("tiny"))
    let prompt = try #require(client.generator.requests.first).prompt
    #expect(String(decoding: prompt.map { UInt8($0) }, as: UTF8.self) == "system:d\nuser:ab\nassistant:-\ntool:42\n")
  }

  @Test("Tools are shown to the model unless the request forbids calls") func tools() async throws {
    let client = ServiceClient()
    let tools = "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]"
    _ = try await client.chat(tools)
    _ = try await client.chat(tools + ",\"tool_choice\":\"none\"")
    #expect(client.generator.requests.map { $0.prompt.first == TokenID(UInt8(ascii: "[")) } == [true, false])
  }
}
