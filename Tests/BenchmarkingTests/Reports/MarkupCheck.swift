/// Whether a page is well formed: every element is closed in order, attributes are quoted, text holds no stray `<` or `&`.
enum MarkupCheck {
  private static let empty: Set<String> = ["meta", "br", "img", "input", "link", "hr"]

  static func problems(_ page: String) -> [String] {
    var problems: [String] = [], open: [String] = [], ids = Array(page.unicodeScalars)[...]
    func text(_ scalars: ArraySlice<Unicode.Scalar>) -> String {
      var result = ""
      result.unicodeScalars.append(contentsOf: scalars)
      return result
    }
    guard page.hasPrefix("<!DOCTYPE html>\n") else { return ["no doctype"] }
    ids = ids.dropFirst("<!DOCTYPE html>".count)
    while let at = ids.firstIndex(of: "<") {
      let before = text(ids[..<at])
      // A style element's text is no markup.
      if open.last != "style", let problem = textProblem(before) { problems.append(problem) }
      guard let end = ids[at...].firstIndex(of: ">") else { return problems + ["an element is not ended"] }
      let tag = text(ids[ids.index(after: at)..<end])
      ids = ids[ids.index(after: end)...]
      if tag.hasPrefix("/") {
        let name = String(tag.dropFirst())
        if open.popLast() != name { problems.append("</\(name)> closes another element") }
        continue
      }
      let name = String(tag.prefix { $0.isLetter || $0.isNumber })
      problems += attributeProblems(tag.dropFirst(name.count)).map { "<\(name)>: \($0)" }
      if name.isEmpty { problems.append("<\(tag)> has no name") }
      if !empty.contains(name) && !tag.hasSuffix("/") { open.append(name) }
    }
    if let problem = textProblem(text(ids)) { problems.append(problem) }
    return problems + open.map { "<\($0)> is not closed" }
  }

  private static func textProblem(_ text: String) -> String? {
    if text.contains(">") { return "a stray > in \"\(text)\"" }
    for part in text.split(separator: "&", omittingEmptySubsequences: false).dropFirst() {
      let entity = part.prefix { $0 != ";" }
      if entity.count == part.count || !["amp", "lt", "gt", "quot", "#39"].contains(String(entity)) {
        return "a stray & before \"\(part.prefix(10))\""
      }
    }
    return nil
  }

  private static func attributeProblems(_ text: Substring) -> [String] {
    var rest = text.drop { $0 == " " }, problems: [String] = []
    while !rest.isEmpty, rest != "/" {
      let name = rest.prefix { $0 != "=" && $0 != " " }
      rest = rest.dropFirst(name.count)
      guard rest.hasPrefix("=\"") else { return problems + ["\(name) has no quoted value"] }
      rest = rest.dropFirst(2)
      guard let quote = rest.firstIndex(of: "\"") else { return problems + ["\(name) is not ended"] }
      if rest[..<quote].contains("<") { problems.append("\(name) holds <") }
      rest = rest[rest.index(after: quote)...].drop { $0 == " " }
    }
    return problems
  }
}
