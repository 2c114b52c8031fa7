import Templates
import Testing

@Suite("Templates agree with Jinja2")
struct JinjaAgreementTests {
  /// Compares outputs byte for byte and errors by kind, and the message of those that the template raised.
  private func check(_ cases: [JinjaCases.Case]) {
    for item in cases {
      do {
        let prompt = try item.render()
        if let output = item.output {
          #expect(prompt.text == output, "\(item.name)")
        } else {
          Issue.record("\(item.name): Jinja2 refuses it (\(item.error ?? "")), here it gives \(prompt.text)")
        }
      } catch {
        guard let expected = item.error else {
          Issue.record("\(item.name): \(error); Jinja2 gives \(item.output ?? "")")
          continue
        }
        #expect(error.kind.rawValue == expected, "\(item.name): \(error)")
        if let message = item.message { #expect(error.message == message, "\(item.name)") }
      }
    }
  }

  @Test("on conversations rendered by templates in the manner of the model families")
  func wholeTemplates() throws {
    let cases = try JinjaCases().whole
    #expect(cases.count > 40)
    check(cases)
  }

  @Test("on expressions, filters, tests, statements and white space")
  func smallCases() throws {
    let cases = try JinjaCases().small
    #expect(cases.count > 190)
    check(cases)
  }
}
