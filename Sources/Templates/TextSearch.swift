/// Searching, splitting and trimming, with Python's rules and without losing track of literal bytes.
extension Text {
  /// The byte offset of the first occurrence at or after `start`. An empty needle is found at `start`.
  func find(_ needle: Text, from start: Int = 0) -> Int? {
    let n = needle.count
    if n == 0 { return start <= count ? start : nil }
    guard n <= count, start <= count - n else { return nil }
    return bytes.withUnsafeBufferPointer { hay in
      needle.bytes.withUnsafeBufferPointer { pattern in
        let first = pattern[0]
        var i = start
        search: while i <= hay.count - n {
          if hay[i] == first {
            for k in 1..<n where hay[i + k] != pattern[k] {
              i += 1
              continue search
            }
            return i
          }
          i += 1
        }
        return nil
      }
    }
  }

  /// The byte offset of the last occurrence that ends at or before `end`.
  func findLast(_ needle: Text, before end: Int? = nil) -> Int? {
    var i = (end ?? count) - needle.count
    while i >= 0 {
      if bytes[i..<i + needle.count].elementsEqual(needle.bytes) { return i }
      i -= 1
    }
    return nil
  }

  /// How often a needle that is not empty occurs, without overlap.
  func occurrences(of needle: Text) -> Int {
    var result = 0, start = 0
    while let at = find(needle, from: start) { (result, start) = (result + 1, at + needle.count) }
    return result
  }

  func hasPrefix(_ prefix: Text) -> Bool { bytes.starts(with: prefix.bytes) }
  func hasSuffix(_ suffix: Text) -> Bool {
    suffix.count <= count && bytes[(count - suffix.count)...].elementsEqual(suffix.bytes)
  }

  /// Without the code points of `set` (white space when nil) at its ends.
  func stripped(_ set: Text?, start: Bool = true, end: Bool = true) -> Text {
    let members = set.map { Set($0.string.unicodeScalars) }
    func goes(_ scalar: Unicode.Scalar) -> Bool { members?.contains(scalar) ?? Text.isSpace(scalar) }
    var (low, high) = (0, count)
    while start, low < high, case let (scalar, next) = scalar(at: low), goes(scalar) { low = next }
    while end, low < high, case let (scalar, previous) = scalar(before: high), goes(scalar) { high = previous }
    return self[low..<high]
  }

  /// Pieces between occurrences of a separator that is not empty; at most `limit` cuts when `limit >= 0`.
  func split(_ separator: Text, limit: Int) -> [Text] {
    var pieces: [Text] = [], start = 0
    while limit < 0 || pieces.count < limit, let at = find(separator, from: start) {
      pieces.append(self[start..<at])
      start = at + separator.count
    }
    pieces.append(self[start..<count])
    return pieces
  }

  /// As `split`, cutting from the end.
  func splitFromEnd(_ separator: Text, limit: Int) -> [Text] {
    var pieces: [Text] = [], end = count
    while limit < 0 || pieces.count < limit, let at = findLast(separator, before: end) {
      pieces.append(self[at + separator.count..<end])
      end = at
    }
    pieces.append(self[0..<end])
    return pieces.reversed()
  }

  /// Words between runs of white space; at most `limit` cuts when `limit >= 0`, the rest staying whole.
  func splitWords(limit: Int) -> [Text] {
    var pieces: [Text] = [], position = 0
    while true {
      while position < count, case let (scalar, next) = scalar(at: position), Text.isSpace(scalar) { position = next }
      if position >= count { return pieces }
      if limit >= 0, pieces.count >= limit {
        pieces.append(self[position..<count])
        return pieces
      }
      let start = position
      while position < count, case let (scalar, next) = scalar(at: position), !Text.isSpace(scalar) { position = next }
      pieces.append(self[start..<position])
    }
  }

  /// As `splitWords`, cutting from the end.
  func splitWordsFromEnd(limit: Int) -> [Text] {
    let words = splitWords(limit: -1)
    if limit < 0 || words.count <= limit { return words }
    var rest = stripped(nil, start: false)
    for word in words.suffix(limit).reversed() {
      rest = rest[0..<rest.count - word.count].stripped(nil, start: false)
    }
    return [rest] + words.suffix(limit)
  }

  /// Python's `str.splitlines()`.
  func lines(keepingEnds: Bool = false) -> [Text] {
    var pieces: [Text] = [], start = 0, position = 0
    while position < count {
      let scalar: Unicode.Scalar
      var end: Int
      (scalar, end) = self.scalar(at: position)
      switch scalar.value {
      case 0x0A...0x0D, 0x1C...0x1E, 0x85, 0x2028, 0x2029:
        if scalar == "\r", end < count, bytes[end] == 0x0A { end += 1 }
        pieces.append(self[start..<(keepingEnds ? end : position)])
        start = end
      default: break
      }
      position = end
    }
    if start < count { pieces.append(self[start..<count]) }
    return pieces
  }

  /// With occurrences of `old` replaced, at most `limit` of them when `limit >= 0`.
  func replacing(_ old: Text, with new: Text, limit: Int, into result: inout TextBuilder) {
    var start = 0, done = 0
    if old.isEmpty {
      for at in boundaries where limit < 0 || done < limit {
        result.append(self, start..<at)
        result.append(new)
        (start, done) = (at, done + 1)
        if result.overflowed { return }
      }
    } else {
      while limit < 0 || done < limit, let at = find(old, from: start) {
        result.append(self, start..<at)
        result.append(new)
        (start, done) = (at + old.count, done + 1)
        if result.overflowed { return }
      }
    }
    result.append(self, start..<count)
  }
}
