/// Ends a text at the first stop string in it, however the text is cut into pieces.
///
/// ```
///   stop "END"     append "the E"  →  "the "        the E could be the beginning of END
///                  append "NT"     →  "ENT"         it was not
///                  append "EN"     →  ""
///                  append "D and"  →  "" stopped    neither END nor what follows is ever delivered
/// ```
///
/// The first match is the one that is complete first; of matches that end at the same byte, the longest. What is
/// delivered does not depend on how the text was cut. Text is held back only while it may still begin a stop string, and
/// `finish` hands out what is held then. Cuts are at scalar boundaries, because stop strings begin and end at them.
///
/// An automaton over UTF-8 bytes whose state is the longest beginning of any stop string that the text ends with
/// (Aho and Corasick, 1975): time linear in the text whatever the stop strings are, memory linear in the stop strings.
struct StopStringMatcher: Sendable {
  /// Edges of the trie of stop strings: `state << 8 | byte` to the next state. State 0 is the root.
  private var edges: [Int: Int] = [:]
  /// The length of the beginning that each state stands for, in bytes.
  private var depth: [Int] = [0]
  /// For each state, that of the next shorter beginning that the text ends with as well.
  private var fallback: [Int] = [0]
  /// For each state, the length of the longest stop string that the text ends with; 0 for none.
  private var matchLength: [Int] = [0]

  private var state = 0
  /// Text that was not handed out yet. Between calls it is what `state` stands for.
  private var held: [UInt8] = []
  /// Whether a stop string was found.
  private(set) var isStopped = false

  /// A matcher for any of these strings; an empty string never matches.
  init(_ strings: [String]) {
    var children: [[(byte: UInt8, state: Int)]] = [[]]
    for string in strings where !string.isEmpty {
      var node = 0
      for byte in string.utf8 {
        if let next = edges[node << 8 | Int(byte)] {
          node = next
        } else {
          let next = depth.count
          edges[node << 8 | Int(byte)] = next
          children[node].append((byte, next))
          children.append([])
          depth.append(depth[node] + 1)
          fallback.append(0)
          matchLength.append(0)
          node = next
        }
      }
      matchLength[node] = depth[node]
    }
    // Breadth first: a fallback is shorter than its state, so it is complete before it is needed.
    var queue = [0]
    var next = 0
    while next < queue.count {
      let node = queue[next]
      next += 1
      for (byte, child) in children[node] {
        fallback[child] = node == 0 ? 0 : step(from: fallback[node], byte)
        if matchLength[child] == 0 { matchLength[child] = matchLength[fallback[child]] }
        queue.append(child)
      }
    }
  }

  /// Takes in the next piece of text.
  /// - Returns: the text that is certain not to be part of a stop string; `isStopped` tells whether one was found.
  mutating func append(_ text: String) -> String {
    if isStopped { return "" }
    if depth.count == 1 { return text }
    for byte in text.utf8 {
      held.append(byte)
      state = step(from: state, byte)
      if matchLength[state] > 0 {
        isStopped = true
        held.removeLast(matchLength[state])
        return finish()
      }
    }
    return handOut(held.count - depth[state])
  }

  /// The text held back, when none follows.
  mutating func finish() -> String {
    state = 0
    return handOut(held.count)
  }

  private mutating func handOut(_ count: Int) -> String {
    defer { held.removeFirst(count) }
    return String(decoding: held[..<count], as: UTF8.self)
  }

  private func step(from start: Int, _ byte: UInt8) -> Int {
    var node = start
    while true {
      if let next = edges[node << 8 | Int(byte)] { return next }
      if node == 0 { return 0 }
      node = fallback[node]
    }
  }
}
