import JSONText
import Templates
import Testing

@Suite("Literal ranges")
struct LiteralRangeTests {
  private static let control = "<|im_end|>"

  private func render(_ source: String, _ messages: [JSONValue], tools: [JSONValue]? = nil) throws -> RenderedPrompt {
    try ChatTemplate(source: source).render(
      messages: messages, tools: tools, addGenerationPrompt: true, bosToken: "<s>", eosToken: "</s>")
  }

  private func message(_ content: String, role: String = "user") -> JSONValue {
    .object(JSONObject([("role", .string(role)), ("content", .string(content))]))
  }

  /// The text inside and outside the literal ranges, each range or gap between bars.
  private func parts(_ prompt: RenderedPrompt) -> (literal: [String], other: [String]) {
    let bytes = Array(prompt.text.utf8)
    var literal: [String] = [], other: [String] = [], end = 0
    for range in prompt.literalRanges {
      #expect(range.lowerBound >= end && !range.isEmpty && range.upperBound <= bytes.count)
      other.append(String(decoding: bytes[end..<range.lowerBound], as: UTF8.self))
      literal.append(String(decoding: bytes[range], as: UTF8.self))
      end = range.upperBound
    }
    other.append(String(decoding: bytes[end...], as: UTF8.self))
    return (literal, other)
  }

  @Test("hold the content of a message and nothing of the template's own markers")
  func chatML() throws {
    let source =
      "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' }}{% endfor %}"
    let prompt = try render(source, [message("a<|im_end|>b"), message("é", role: "assistant")])
    #expect(prompt.text == "<|im_start|>user\na<|im_end|>b<|im_end|><|im_start|>assistant\né<|im_end|>")
    let (literal, other) = parts(prompt)
    #expect(literal == ["a<|im_end|>b", "é"])
    #expect(other == ["<|im_start|>user\n", "<|im_end|><|im_start|>assistant\n", "<|im_end|>"])
  }

  @Test(
    "hold a control token of the content whatever the template does with it",
    arguments: [
      "{{ c }}", "{{ c ~ '' }}", "{{ '' + c + '.' }}", "{{ c | trim }}", "{{ c.strip() }}",
      "{{ c.lstrip('x').rstrip('y') }}",
      "{{ c[0:] }}", "{{ c[::-1][::-1] }}", "{{ c | list | join }}", "{{ c.split(' ')[0] }}", "{{ c.splitlines()[0] }}",
      "{{ c | replace('zz', 'q') }}", "{{ 'X' | replace('X', c) }}", "{{ [c] | join(',') }}",
      "{{ ['a', 'b'] | join(c) }}", "{{ c | tojson }}", "{{ [c] | tojson(indent=2) }}", "{{ {c: c} | tojson }}",
      "{{ [c] }}", "{{ {'k': c} }}", "{{ '%s' | format(c) }}", "{{ '%20s' % c }}", "{{ c | format }}",
      "{{ '{}'.format(c) }}", "{{ c.format() }}", "{{ c | upper | lower }}", "{{ c.upper().lower() }}",
      "{{ c | indent }}",
      "{{ c | truncate(99) }}", "{{ c | center(30) }}", "{{ c * 2 }}", "{{ c | string }}", "{{ c | safe }}",
      "{% set x = c %}{{ x }}", "{% set ns = namespace() %}{% set ns.x = c %}{{ ns.x }}",
      "{% set x %}{{ c }}{% endset %}{{ x }}",
      "{% macro m(a) %}<{{ a }}>{% endmacro %}{{ m(c) }}",
      "{% macro m() %}{{ caller() }}{% endmacro %}{% call m() %}{{ c }}{% endcall %}",
      "{% filter upper | lower %}{{ c }}{% endfilter %}", "{% for x in c %}{{ x }}{% endfor %}", "{{ [c] | first }}",
      "{{ [c] | sort | last }}", "{{ [c] | map('trim') | join }}", "{{ messages[0] | tojson }}", "{{ messages }}",
      "{{ messages | map(attribute='content') | first }}", "{{ messages[0].items() | list }}",
      "{{ [c] | unique | first }}",
      "{{ c if c else '' }}", "{{ c or 'x' }}", "{{ missing | default(c) }}", "{{ strftime_now(c) }}",
      "{{ c | capitalize }}",
      "{{ c.removeprefix('q') }}", "{{ c.zfill(40) }}", "{{ (c, 'x')[0] }}", "{{ c | reverse | reverse }}",
      "{{ dict(a=c).a }}",
      "{{ {'a': c}.values() | list | first }}", "{{ [[c]] | sum(start=[]) | first }}",
      "{{ [c] | groupby(0) | tojson }}",
    ])
  func survives(operation: String) throws {
    let prompt = try render("{% set c = messages[0].content %}" + operation, [message(Self.control)])
    let (literal, other) = parts(prompt)
    #expect(literal.joined().lowercased().contains(Self.control), "\(prompt)")
    #expect(!other.joined(separator: "").lowercased().contains("im_end"), "\(prompt)")
  }

  @Test("hold the strings and keys of tools, and of tool calls at any depth")
  func toolStrings() throws {
    let tool = JSONValue.object(JSONObject([("name<|x|>", .array([.string("<|y|>"), .int(3)]))]))
    let call = JSONValue.object(
      JSONObject([
        ("role", .string("assistant")), ("tool_calls", .array([.object(JSONObject([("role", .string("<|z|>"))]))])),
      ]))
    let (literal, other) = parts(
      try render("{{ tools | tojson }}{{ messages[0].tool_calls[0].role }}", [call], tools: [tool]))
    #expect(literal == ["name<|x|>", "<|y|>", "<|z|>"])
    #expect(other == [#"[{""#, #"": [""#, #"", 3]}]"#, ""])
  }

  @Test("hold a role that is no plain word, but not an ordinary one, nor the special tokens")
  func roles() throws {
    let source = "{{ bos_token }}{{ messages[0].role }}{{ eos_token }}"
    #expect(try render(source, [message("", role: "user")]).literalRanges.isEmpty)
    #expect(parts(try render(source, [message("", role: "user<|im_end|>")])).literal == ["user<|im_end|>"])
  }

  @Test("hold variables that a request may set")
  func extraVariables() throws {
    let prompt = try ChatTemplate(source: "a{{ x }}").render(
      messages: [], addGenerationPrompt: false, bosToken: nil, eosToken: nil, extra: ["x": .string("<|x|>")])
    #expect(prompt == RenderedPrompt(text: "a<|x|>", literalRanges: [1..<6]))
  }

  @Test("follow the text when it is cut, changed in length and put together again")
  func exactSegments() throws {
    let source = "{{ ('ab' ~ c ~ 'cd')[1:-1] }}|{{ (c ~ 'ß') | upper }}|{{ ('x' ~ c).replace('é', 'ee') }}"
    let prompt = try render("{% set c = messages[0].content %}" + source, [message("éß")])
    #expect(prompt.text == "béßc|ÉSSSS|xeeß")
    #expect(parts(prompt).literal == ["éß", "ÉSS", "ß"])
  }
}
