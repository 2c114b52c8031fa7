import JSONText
import Templates
import Testing

@Suite("Template errors")
struct TemplateErrorTests {
  private func error(_ source: String) -> TemplateError? {
    do {
      _ = try ChatTemplate(source: source).render(
        messages: [], addGenerationPrompt: false, bosToken: nil, eosToken: nil, now: JinjaCases.moment)
      return nil
    } catch { return error }
  }

  @Test("say line, column, what was found and what was expected")
  func syntax() {
    #expect(
      error("a\n{{ x }}\n  {% if y }}")
        == TemplateError(kind: .syntax, line: 3, column: 11, message: "'}' closes nothing"))
    #expect(error("é{{ 1 + }}")?.description == "chat template, line 1, column 9: expected an expression, found '}}'")
    #expect(error("{% for x in y %}\n{% endif %}")?.message.contains("'if'") == false)
    #expect(
      error("{% for x in y %}")?.message
        == "'for' is not closed: expected 'else' or 'endfor', found the end of the template")
  }

  @Test("name the line of the operation that failed while rendering")
  func rendering() {
    let failed = error("{% set a = 1 %}\n\n{{ a + 'b' }}")
    #expect(failed == TemplateError(kind: .type, line: 3, message: "'+' cannot be applied to an integer and a string"))
    #expect(error("x\n{{ nothing.at_all }}")?.line == 2)
    #expect(error("x\n{{ nothing.at_all }}")?.message.contains("'nothing', which is undefined") == true)
  }

  @Test("carry the template's own message when it refuses a conversation")
  func raised() {
    let refused = error("{{ raise_exception('roles must alternate') }}")
    #expect(refused?.kind == .raised && refused?.message == "roles must alternate")
  }

  @Test("are thrown for a source that is too long")
  func tooLong() { #expect(error(String(repeating: "a", count: 1 << 20 + 1))?.kind == .limit) }
}
