/// Cuts the added tokens (control and user-defined) out of a text: at each position the longest that begins there.
///
/// The contents are kept sorted; a match narrows the range of contents that agree with the text byte by byte, so a
/// position costs at most `lengthLimit` steps and, where no content begins with its byte, one.
struct AddedTokenMatcher: Sendable {
  /// Longer contents are refused, so that the time for a text stays proportional to its length.
  static let lengthLimit = 1024

  struct Entry: Sendable {
    var content: [UInt8]
    var id: TokenID
    var isSpecial: Bool
    var recognition: Vocabulary.Recognition
  }

  /// A stretch of the text: an added token, or ordinary text when `id` is nil.
  struct Segment: Equatable {
    var range: Range<Int>
    var id: TokenID?
  }

  /// Sorted by content; no two are equal and none is empty.
  private let entries: [Entry]
  /// By first byte: which entries begin with it.
  private let byFirst: [Range<Int>]

  init(_ unsorted: [Entry]) {
    entries = unsorted.sorted { $0.content.lexicographicallyPrecedes($1.content) }
    var ranges = [Range<Int>](repeating: 0..<0, count: 256)
    var start = 0
    for (i, entry) in entries.enumerated() {
      if entry.content[0] != entries[start].content[0] { start = i }
      ranges[Int(entry.content[0])] = start..<(i + 1)
    }
    byFirst = ranges
  }

  var isEmpty: Bool { entries.isEmpty }

  /// The longest allowed content that begins at `i`.
  private func longest(_ text: UnsafeBufferPointer<UInt8>, at i: Int, end: Int, allows: (Entry, Range<Int>) -> Bool)
    -> Int?
  {
    var range = byFirst[Int(text[i])], depth = 1, best: Int?
    while !range.isEmpty {
      var low = range.lowerBound
      if entries[low].content.count == depth {
        if allows(entries[low], i..<(i + depth)) { best = low }
        low += 1
      }
      guard i + depth < end else { break }
      let byte = text[i + depth], stop = range.upperBound
      low = first(in: low..<stop, depth) { $0 >= byte }
      range = low..<first(in: low..<stop, depth) { $0 > byte }
      depth += 1
    }
    return best
  }

  /// The first entry of `range` whose byte at `depth` satisfies a condition that holds for all after it.
  private func first(in range: Range<Int>, _ depth: Int, where holds: (UInt8) -> Bool) -> Int {
    var low = range.lowerBound, high = range.upperBound
    while low < high {
      let middle = (low + high) / 2
      if holds(entries[middle].content[depth]) { high = middle } else { low = middle + 1 }
    }
    return low
  }

  /// Cuts `stretch` of the text.
  ///
  /// - Parameter allows: whether an entry may be recognised at a range; asked once per candidate.
  func segments(
    of text: UnsafeBufferPointer<UInt8>, in stretch: Range<Int>, classes: UnicodeClasses.Table,
    allows: (Entry, Range<Int>) -> Bool
  ) -> [Segment] {
    var segments: [Segment] = []
    var done = stretch.lowerBound, i = done
    let edges = WordEdges(text: text, stretch: stretch, classes: classes)
    while i < stretch.upperBound {
      if byFirst[Int(text[i])].isEmpty {
        i += 1
        continue
      }
      guard let found = longest(text, at: i, end: stretch.upperBound, allows: allows) else {
        i += 1
        continue
      }
      let entry = entries[found]
      var start = i, stop = i + entry.content.count
      i = stop
      if entry.recognition.singleWord, edges.isWord(before: start) || edges.isWord(at: stop) { continue }
      if entry.recognition.stripsLeft { start = edges.startOfSpace(before: start, from: done) }
      if entry.recognition.stripsRight { stop = edges.endOfSpace(from: stop) }
      if done < start { segments.append(Segment(range: done..<start)) }
      segments.append(Segment(range: start..<stop, id: entry.id))
      (done, i) = (stop, stop)
    }
    if done < stretch.upperBound { segments.append(Segment(range: done..<stretch.upperBound)) }
    return segments
  }
}

/// What touches an added token: words and white space.
private struct WordEdges {
  let text: UnsafeBufferPointer<UInt8>
  let stretch: Range<Int>
  let classes: UnicodeClasses.Table

  private func classes(at i: Int) -> (classes: UInt8, length: Int) {
    guard let base = text.baseAddress else { return (0, 1) }
    return classes.character(base, i, stretch.upperBound)
  }

  /// Where the character that ends at `i` begins.
  private func previous(_ i: Int) -> Int {
    var start = i - 1
    while start > stretch.lowerBound, text[start] & 0xC0 == 0x80 { start -= 1 }
    return start
  }

  func isWord(at i: Int) -> Bool { i < stretch.upperBound && classes(at: i).classes & UnicodeClasses.word != 0 }
  func isWord(before i: Int) -> Bool { i > stretch.lowerBound && isWord(at: previous(i)) }

  func endOfSpace(from start: Int) -> Int {
    var i = start
    while i < stretch.upperBound {
      let (found, length) = classes(at: i)
      if found & UnicodeClasses.space == 0 { break }
      i += length
    }
    return i
  }

  func startOfSpace(before end: Int, from limit: Int) -> Int {
    var i = end
    while i > limit {
      let start = previous(i)
      if start < limit || classes(at: start).classes & UnicodeClasses.space == 0 { break }
      i = start
    }
    return i
  }
}
