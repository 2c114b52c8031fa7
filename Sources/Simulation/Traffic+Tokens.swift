import Tokenization

/// Where the tokens of a day come from: a trace has none, only ids of blocks, and the radix tree compares tokens.
///
/// ```
///   position     0         B        2B    │       inputLength │              inputLength + outputLength
///   ids          │  id 0   │  id 1   │  id 2, not full       │ (generated)  │
///   token        │ f(id 0, offset) … │ as in the next turn's prompt where there is one that reaches so far;
///                                     │ otherwise f(id 2, offset), or the request's own; then its own answer
/// ```
///
/// Tokens are the upper bits of a 64-bit mixing function (SplitMix64's, by Steele, Lea and Flood, 2014), so two pages of
/// different blocks do not agree by chance.
extension Traffic {
  /// Token ids are in 0..<vocabularySize.
  public static let vocabularySize = 1 << 30

  /// What a token belongs to; different sources have different tokens.
  private enum Source: UInt64 { case block = 1, prompt, answer }

  private static func seed(_ source: Source, _ number: Int) -> UInt64 {
    mixed(UInt64(bitPattern: Int64(number)) ^ mixed(source.rawValue))
  }

  @inline(__always) private static func mixed(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z >> 31
  }

  @inline(__always) private static func token(_ seed: UInt64, _ offset: Int) -> TokenID {
    TokenID(truncatingIfNeeded: mixed(seed &+ UInt64(bitPattern: Int64(offset)) &* 0x9E37_79B9_7F4A_7C15) >> 34)
  }

  /// The prompt of a request.   [inputLength]
  public func promptTokens(of index: Int) -> [TokenID] {
    let request = requests[index]
    let length = request.inputLength
    return [TokenID](unsafeUninitializedCapacity: length) { tokens, count in
      var position = 0
      for id in blockIDs[request.blocks].prefix(length / blockTokens) {
        let seed = Self.seed(.block, id)
        for offset in 0..<blockTokens { tokens[position + offset] = Self.token(seed, offset) }
        position += blockTokens
      }
      while position < length {
        tokens[position] = token(of: index, at: position)
        position += 1
      }
      count = length
    }
  }

  /// The token that a request generates after `produced` others.
  public func answerToken(of index: Int, after produced: Int) -> TokenID {
    token(of: index, at: requests[index].inputLength + produced)
  }

  private func token(of index: Int, at position: Int) -> TokenID {
    var index = index
    while true {
      let request = requests[index]
      let block = position / blockTokens
      let hasID = block < request.blocks.count && position < request.inputLength
      if hasID, block < request.inputLength / blockTokens {
        return Self.token(Self.seed(.block, blockIDs[request.blocks.lowerBound + block]), position % blockTokens)
      }
      // Successors have larger indices, so this ends.
      if request.successor != index, position < requests[request.successor].inputLength {
        index = request.successor
        continue
      }
      if hasID {
        return Self.token(Self.seed(.block, blockIDs[request.blocks.lowerBound + block]), position % blockTokens)
      }
      return Self.token(Self.seed(position < request.inputLength ? .prompt : .answer, index), position)
    }
  }

  /// Whether the prompt of `next` is longer than that of `first` and begins with all its full blocks.
  func continues(_ next: Int, _ first: Int) -> Bool {
    let (later, earlier) = (requests[next], requests[first])
    let full = earlier.inputLength / blockTokens
    guard next > first, later.inputLength > earlier.inputLength, later.cacheSalt == earlier.cacheSalt,
      earlier.blocks.count >= full, later.blocks.count >= full
    else { return false }
    return blockIDs[earlier.blocks].prefix(full).elementsEqual(blockIDs[later.blocks].prefix(full))
  }
}
