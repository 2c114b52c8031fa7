/// A name with `*` for any text and `?` for any one character: `gemm_*_k576`.
public struct NamePattern: Sendable, Hashable {
  private let pattern: [Character]
  public init(_ text: String) { pattern = Array(text) }

  /// Whether the whole name fits. Time: at most the product of the two lengths.
  public func matches(_ name: String) -> Bool {
    let text = Array(name)
    var p = 0, t = 0
    var star: Int?, mark = 0
    while t < text.count {
      if p < pattern.count, pattern[p] == "*" {
        (star, mark) = (p, t)
        p += 1
      } else if p < pattern.count, pattern[p] == "?" || pattern[p] == text[t] {
        p += 1
        t += 1
      } else if let last = star {
        p = last + 1
        mark += 1
        t = mark
      } else {
        return false
      }
    }
    return pattern[p...].allSatisfy { $0 == "*" }
  }
}
