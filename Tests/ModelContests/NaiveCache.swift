import Paging

/// The prefix cache as one would explain it: a dictionary from prefixes to pages, and a set of pages for each sequence.
struct NaiveCache {
  struct Prefix: Hashable {
    let salt: String
    /// Whole pages.
    let tokens: ArraySlice<Int32>
  }
  struct Sequence {
    let salt: String
    let priority: Int
    var tokens: [Int32]
    var pages: [PageID] = []
    /// Tokens in the pages, and pages that were published.
    var filled = 0
    var published = 0
  }

  let pageSize: Int
  let pageCount: Int
  /// The page of each known prefix.
  var contents: [Prefix: PageID] = [:]
  var sequences: [Sequence] = []

  func prefix(_ sequence: Sequence, pages: Int) -> Prefix {
    Prefix(salt: sequence.salt, tokens: sequence.tokens[..<(pages * pageSize)])
  }

  /// The pages of the longest known prefix that leaves a token to compute.
  func longestMatch(_ sequence: Sequence) -> [PageID] {
    var pages: [PageID] = []
    while (pages.count + 1) * pageSize < sequence.tokens.count,
      let page = contents[prefix(sequence, pages: pages.count + 1)]
    {
      pages.append(page)
    }
    return pages
  }

  /// Enters the full pages of a sequence.
  mutating func publish(_ index: Int) {
    while (sequences[index].published + 1) * pageSize <= sequences[index].filled {
      let place = sequences[index].published
      let key = prefix(sequences[index], pages: place + 1)
      if let known = contents[key] { sequences[index].pages[place] = known }
      contents[key] = sequences[index].pages[place]
      sequences[index].published += 1
    }
  }

  var counts: (free: Int, held: Int, cached: Int) {
    var isHeld = [Bool](repeating: false, count: pageCount)
    for sequence in sequences { for page in sequence.pages { isHeld[Int(page)] = true } }
    let held = isHeld.count { $0 }
    let cached = contents.values.count { !isHeld[Int($0)] }
    return (pageCount - held - cached, held, cached)
  }
}
