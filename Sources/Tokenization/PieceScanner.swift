/// Finds where the next piece of a text ends: the hand-written form of the regular expressions of ``PreTokenizer``.
///
/// Works on valid UTF-8. Each call looks at no byte more than a constant number of times beyond the piece it returns,
/// except a white-space run, which yields at most two pieces; so a whole text takes linear time.
struct PieceScanner {
  let text: UnsafePointer<UInt8>
  /// One past the last byte of the stretch being cut; patterns see the end of the text there.
  let end: Int
  let classes: UnicodeClasses.Table
  let rule: PreTokenizer

  private static let letter = UnicodeClasses.letter, number = UnicodeClasses.number, space = UnicodeClasses.space

  /// One past the end of the piece that begins at `start < end`.
  @inline(__always)
  func endOfPiece(at start: Int) -> Int {
    switch rule {
    case .gpt2: gpt2(start, cutsNumbers: false)
    case .smollm: gpt2(start, cutsNumbers: true)
    case .llama3: modern(start, maxDigits: 3)
    case .qwen2: modern(start, maxDigits: 1)
    case .none: end
    }
  }

  /// The class (letter, number, space or 0) and length of the character at `i < end`.
  @inline(__always)
  private func character(at i: Int) -> (kind: UInt8, length: Int) {
    let (kind, length) = classes.character(text, i, end)
    return (kind & UnicodeClasses.scanned, length)
  }

  /// One past the run of characters of class `kind` from `start` on.
  @inline(__always)
  private func run(of kind: UInt8, from start: Int) -> Int {
    var i = start
    while i < end {
      let (found, length) = character(at: i)
      if found != kind { break }
      i += length
    }
    return i
  }

  /// Length of a contraction's letters after the apostrophe at `i`, or 0.
  @inline(__always)
  private func contraction(after i: Int, ignoresCase: Bool) -> Int {
    let mask: UInt8 = ignoresCase ? 0x20 : 0
    guard i + 1 < end else { return 0 }
    let first = text[i + 1] | mask
    switch first {
    case 0x73, 0x74, 0x6D, 0x64: return 1  // s t m d
    case 0x72, 0x76, 0x6C:  // re ve ll
      guard i + 2 < end else { return 0 }
      return text[i + 2] | mask == (first == 0x6C ? 0x6C : 0x65) ? 2 : 0
    case 0xE5 where ignoresCase:  // ſ (C5 BF, masked E5) is s in another case
      return i + 2 < end && text[i + 1] == 0xC5 && text[i + 2] == 0xBF ? 2 : 0
    default: return 0
    }
  }

  /// `\s+(?!\S)|\s+` for the white-space run `start..<stop` whose last character begins at `last`: the last one goes
  /// with what follows, unless it is alone or nothing follows.
  @inline(__always)
  private func whitespace(_ start: Int, last: Int, stop: Int, atEnd: Bool) -> Int {
    atEnd || last == start ? stop : last
  }

  private func gpt2(_ start: Int, cutsNumbers: Bool) -> Int {
    let byte = text[start]
    if byte == 0x27 {
      let length = contraction(after: start, ignoresCase: false)
      if length > 0 { return start + 1 + length }
    }
    var (kind, length) = character(at: start)
    var body = start
    if byte == 0x20, start + 1 < end {
      let (next, nextLength) = character(at: start + 1)
      if next != Self.space, !(cutsNumbers && next == Self.number) {
        (kind, length, body) = (next, nextLength, start + 1)
      }
    }
    if kind != Self.space {
      if cutsNumbers, kind == Self.number { return start + length }
      return run(of: kind, from: body + length)
    }
    var last = start, stop = start + length
    while stop < end {
      let (next, nextLength) = character(at: stop)
      if next != Self.space {
        return whitespace(start, last: last, stop: stop, atEnd: cutsNumbers && next == Self.number)
      }
      last = stop
      stop += nextLength
    }
    return stop
  }

  private func modern(_ start: Int, maxDigits: Int) -> Int {
    let byte = text[start]
    if byte == 0x27 {
      let length = contraction(after: start, ignoresCase: true)
      if length > 0 { return start + 1 + length }
    }
    let (kind, length) = character(at: start)
    if kind == Self.letter { return run(of: kind, from: start + length) }
    if kind == Self.number {
      var i = start + length
      for _ in 1..<maxDigits where i < end {
        let (next, nextLength) = character(at: i)
        if next != Self.number { break }
        i += nextLength
      }
      return i
    }
    let isNewline = byte == 0x0A || byte == 0x0D
    let next = start + length < end ? character(at: start + length) : (kind: Self.space, length: 0)
    // one character that is neither newline, letter nor number, then letters
    if !isNewline, next.length > 0, next.kind == Self.letter {
      return run(of: Self.letter, from: start + length + next.length)
    }
    // others, with one space before and newlines after
    if kind == 0 || (byte == 0x20 && next.length > 0 && next.kind == 0) {
      var i = run(of: 0, from: start + length)
      while i < end, text[i] == 0x0A || text[i] == 0x0D { i += 1 }
      return i
    }
    // a white-space run: through its last newline, or as in GPT-2
    var last = start, stop = start + length, newline = isNewline ? stop : -1
    while stop < end {
      let (next, nextLength) = character(at: stop)
      if next != Self.space { break }
      last = stop
      stop += nextLength
      if text[last] == 0x0A || text[last] == 0x0D { newline = stop }
    }
    if newline >= 0 { return newline }
    return whitespace(start, last: last, stop: stop, atEnd: stop == end)
  }
}
