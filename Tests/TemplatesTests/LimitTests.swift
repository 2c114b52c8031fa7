import Glibc
import JSONText
import Templates
import Testing

@Suite("Templates end, whatever they hold")
struct LimitTests {
  private func outcome(_ source: String, messages: [JSONValue] = [], limits: TemplateLimits = TemplateLimits())
    -> String
  {
    do {
      return try ChatTemplate(source: source).render(
        messages: messages, addGenerationPrompt: false, bosToken: nil, eosToken: nil,
        now: JinjaCases.moment, limits: limits
      ).text
    } catch { return error.kind.rawValue }
  }

  @Test(
    "running out of steps, bytes, depth or numbers is an error",
    arguments: [
      "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
      "{{ 'a' * 10 ** 9 }}", "{{ [0] * 10 ** 12 }}", "{{ range(10 ** 9) }}", "{{ 'a' | center(10 ** 12) }}",
      "{{ '%999999999d' % 1 }}", "{{ 'a' | indent(10 ** 10) }}", "{{ [1] | tojson(indent=10 ** 10) }}",
      "{{ ('a' * 10 ** 7) | replace('a', 'b' * 10 ** 7) }}", "{{ ('a' * 10 ** 7).replace('', 'b' * 10 ** 7) }}",
      "{% set ns = namespace(s='a') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
      "{% set ns = namespace(l=[]) %}{% for i in range(999) %}{% set ns.l = [ns.l] %}{% endfor %}",
      "{% set ns = namespace(l=1) %}{% for i in range(50) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l }}",
      "{% set ns = namespace(l=1) %}{% for i in range(50) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l | tojson }}",
      "{% set ns = namespace(l=1, m=1) %}{% for i in range(50) %}{% set ns.l = [ns.l, ns.l] %}{% set ns.m = [ns.m, ns.m] %}{% endfor %}{{ ns.l == ns.m }}",
      "{% set ns = namespace(l=1) %}{% for i in range(50) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ [ns.l, [ns.l]] | sort }}",
      "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
      "{% macro m() %}{% call m() %}{% endcall %}{% endmacro %}{{ m() }}",
      "{% set s = 'ab' * 10 ** 6 %}{% for i in range(9999) %}{% if 'abc' * 999 in s %}{% endif %}{% endfor %}",
      "{% for i in range(9999) %}{{ ('a b ' * 10 ** 5).split() | length }}{% endfor %}",
      "{% for i in range(99999) %}{{ 'abcdefghij' * 100 }}{% endfor %}",
      "{{ ('a ' * 8 * 10 ** 6).split() }}", "{{ ('a,' * 8 * 10 ** 6).split(',') }}",
      "{{ ('a ' * 8 * 10 ** 6).rsplit() }}",
      "{{ ('\\n' * 16 * 10 ** 6).splitlines() }}", "{{ ('a' * 16 * 10 ** 6) | list }}",
      "{{ [1] | batch(10 ** 15, 0) | list }}", "{{ '7'.zfill(10 ** 12) }}", "{{ strftime_now('%A' * 2000) }}",
      "{{ [[1]] | map('map', 'map', 'map') | list }}{% macro f(n) %}{{ [n] | map('string') | join }}{{ f(n + 1) }}{% endmacro %}{{ f(0) }}",
    ])
  func limits(source: String) {
    var limits = TemplateLimits()
    limits.steps = 100_000
    let kind = outcome(source, limits: limits)
    #expect(kind == "limit" || kind == "type", "\(source): \(kind.prefix(100))")
  }

  @Test(
    "integers beyond 64 bits are an error",
    arguments: [
      "{{ 9223372036854775807 + 1 }}", "{{ -9223372036854775807 - 2 }}", "{{ 9223372036854775807 * 2 }}",
      "{{ 2 ** 64 }}",
      "{{ (-9223372036854775807 - 1) // -1 }}", "{{ -(-9223372036854775807 - 1) }}",
      "{{ (-9223372036854775807 - 1) | abs }}",
      "{{ 1e300 | int }}", "{{ '1e300' | int }}", "{{ [9223372036854775807, 1] | sum }}", "{{ 'a'[1:2:0] }}",
    ])
  func overflow(source: String) { #expect(outcome(source) == "type") }

  @Test("extreme integers where they fit are no error")
  func extremes() {
    let low = "(-9223372036854775807 - 1)"
    #expect(outcome("{{ \(low) % -1 }}") == "0")
    #expect(outcome("{{ 'abc'[\(low):9223372036854775807:9223372036854775807] }}") == "a")
    #expect(outcome("{{ 'abc'[::\(low)] }}") == "c")
    #expect(outcome("{{ [1][\(low)] }}{{ [1][9223372036854775807] }}") == "")
    #expect(outcome("{{ range(9223372036854775800, 9223372036854775807, 5) | list | length }}") == "2")
    #expect(outcome("{{ 'ab' | center(\(low)) }}{{ 'a'.zfill(\(low)) }}{{ 'a' * \(low) }}") == "aba")
    #expect(outcome("{{ 'a b'.split(none, \(low)) | length }}{{ 'aa' | replace('a', 'b', \(low)) }}") == "2bb")
    #expect(
      outcome("{{ 2.5 | round(9223372036854775807) }}{{ [1, 2] | batch(9223372036854775807) | list }}") == "2.5[[1, 2]]"
    )
  }

  private static let nested: [String] = {
    let n = 5000
    func times(_ text: String) -> String { String(repeating: text, count: n) }
    return [
      "{{ \(times("("))1\(times(")")) }}", "{{ \(times("["))\(times("]")) }}", "{{ \(times("{1:"))1\(times("}")) }}",
      "{{ \(times("not "))1 }}", "{{ \(times("-"))1 }}", "{{ 1\(times("|abs")) }}", "{{ x\(times(".x")) }}",
      "{{ x\(times("[0]")) }}",
      "{{ x\(times("()")) }}", "{{ 1\(times(" if 1 else 1")) }}", "{{ 1\(times(" + 1")) }}", "{{ 1\(times(" ~ 1")) }}",
      "{{ 1\(times(" and 1")) }}", "{{ 1\(times(" < 2")) }}", "{{ 2\(times(" ** 1")) }}", "{{ 1 is eq \(times("(")) }}",
      times("{% if 1 %}") + times("{% endif %}"), times("{% for x in [1] %}") + times("{% endfor %}"),
      "{% if 0 %}" + times("{% elif 0 %}") + "{% endif %}", "{% set \(times("("))x\(times(")")) = 1 %}",
      times("{% macro m() %}") + times("{% endmacro %}"), times("{% filter upper %}") + times("{% endfilter %}"),
      "{% for x in [1] %}" + times("{% set x = [x] %}") + "{% endfor %}",
      "{% macro f(n) %}{% if n %}{% for i in [1] %}{{ [f(n)] | tojson }}{% endfor %}{% endif %}{% endmacro %}{{ f(1) }}",
      "{% macro f(n) %}{{ f((((((((n)))))))) if n else f(n) }}{% endmacro %}{{ f(1) }}",
      "{% macro f() %}{% call f() %}{{ caller() }}{% endcall %}{% endmacro %}{{ f() }}",
    ]
  }()

  @Test("deep nesting of source, values and calls does not overflow a stack of 512 KiB")
  func smallStack() {
    let reports = onSmallStack {
      Self.nested.map { source in
        let deep = outcome(source)
        // At the limit itself, not only beyond it.
        var atLimit: [String] = []
        for n in [20, 45, 90] {
          let shallow = source.replacingRuns(of: 5000, by: n)
          atLimit.append(outcome(shallow))
        }
        return deep + " " + atLimit.joined(separator: " ")
      }
    }
    #expect(reports.count == Self.nested.count)
    #expect(reports.filter { $0.hasPrefix("syntax") }.count >= 10, "\(reports)")
  }

  @Test("a message nested as deeply as JSON allows is refused or rendered")
  func deepMessage() {
    var value = JSONValue.int(1)
    for _ in 0..<190 { value = .array([value]) }
    let deep = JSONValue.object(JSONObject([("content", value)]))
    #expect(outcome("{{ messages }}", messages: [deep]) == "limit")
    var shallow = JSONValue.int(1)
    for _ in 0..<40 { shallow = .array([shallow]) }
    let message = JSONValue.object(JSONObject([("content", shallow)]))
    let reports = onSmallStack { [outcome("{{ messages }}{{ messages | tojson }}", messages: [message])] }
    #expect(reports.first?.contains("[[[[1]]]]") == true)
  }

  @Test("a host object is nowhere in reach")
  func sandbox() {
    for source in [
      "{{ ''.__class__.__mro__ }}", "{{ cycler.__init__.__globals__ }}", "{{ messages.__class__.__base__ }}",
      "{{ self._TemplateReference__context }}", "{{ range.__globals__['os'] }}", "{{ (x | attr('__class__')).y }}",
    ] {
      #expect(outcome(source) == "undefined", "\(source)")
    }
    for source in ["{% include 'x' %}", "{% import 'os' as os %}", "{% extends 'x' %}"] {
      #expect(outcome(source) == "syntax")
    }
  }

  /// Runs `body` on a thread with a stack of 512 KiB.
  private func onSmallStack(_ body: @escaping @Sendable () -> [String]) -> [String] {
    final class Box {
      var result: [String] = []
      let body: () -> [String]
      init(_ body: @escaping () -> [String]) { self.body = body }
    }
    let box = Box(body)
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    pthread_attr_setstacksize(&attributes, 512 << 10)
    var thread = pthread_t()
    pthread_create(
      &thread, &attributes,
      { raw in
        guard let raw else { return nil }
        let box = Unmanaged<Box>.fromOpaque(raw).takeUnretainedValue()
        box.result = box.body()
        return nil
      }, Unmanaged.passUnretained(box).toOpaque())
    pthread_join(thread, nil)
    return box.result
  }
}

extension String {
  /// Shortens each run of `count` repetitions of a pattern (of up to 24 bytes) to `n` of them.
  fileprivate func replacingRuns(of count: Int, by n: Int) -> String {
    let bytes = Array(utf8)
    var result: [UInt8] = [], i = 0
    scan: while i < bytes.count {
      for length in 1...24 where i + length * count <= bytes.count {
        if (i..<i + length * (count - 1)).allSatisfy({ bytes[$0] == bytes[$0 + length] }) {
          for _ in 0..<n { result += bytes[i..<i + length] }
          i += length * count
          continue scan
        }
      }
      result.append(bytes[i])
      i += 1
    }
    return String(decoding: result, as: UTF8.self)
  }
}
