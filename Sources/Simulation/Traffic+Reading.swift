import JSONText

extension Traffic {
  /// Reads a file, one JSON object a line; see `TrafficLine` for the formats. Empty lines are passed over.
  /// - Throws: `TrafficError` that names the file, and the line if it is one that is wrong.
  public init(path: String, options: Options = Options()) throws(TrafficError) {
    var reading = TrafficReading(file: path, options: options)
    try LineFile.forEachLine(of: path) { number, bytes throws(TrafficError) in try reading.add(bytes, line: number) }
    self = try reading.finish()
  }
}

/// What has been read of a file of traffic.
struct TrafficReading {
  let file: String
  let options: Traffic.Options
  private var traffic = Traffic()
  /// Of each request: its chat, and the one it continues.
  private var chats: [(own: Int?, parent: Int?)] = []
  /// The first line whose request has block ids, and the first whose request has none.
  private var hashed: Int?, unhashed: Int?
  private var withoutHashes = 0
  private var backwards = 0
  /// The unit, from the first request on.
  private var unit: Traffic.TimeUnit?

  init(file: String, options: Traffic.Options) { (self.file, self.options) = (file, options) }

  private func failure(_ line: Int?, _ reason: String) -> TrafficError {
    TrafficError(file: file, line: line, reason: reason)
  }

  /// Takes one line in.
  mutating func add(_ bytes: UnsafeBufferPointer<UInt8>, line number: Int) throws(TrafficError) {
    if bytes.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) { return }
    let line: TrafficLine
    do { line = try TrafficLine(bytes) } catch {
      throw failure(number, "column \(error.column): \(error.reason)")
    }
    let unit = self.unit ?? options.timeUnit ?? (line.chat == nil ? .milliseconds : .seconds)
    self.unit = unit
    let seconds = line.timestamp * unit.inSeconds
    if let last = traffic.requests.last, seconds < last.arrival { backwards += 1 }
    let ids = line.blockIDs ?? []
    if line.blockIDs == nil {
      unhashed = unhashed ?? number
      withoutHashes += 1
    } else {
      hashed = hashed ?? number
    }
    if let hashed, let unhashed, !options.acceptsRequestsWithoutHashes {
      throw failure(
        number,
        "line \(hashed) has hash_ids and line \(unhashed) has none; requests without them are accepted "
          + "among others only when that is asked for (--requests-without-hashes)")
    }
    let start = traffic.blockIDs.count
    traffic.blockIDs += ids
    traffic.requests.append(
      TrafficRequest(
        arrival: seconds, inputLength: line.inputLength, outputLength: line.outputLength, priority: line.priority,
        cacheSalt: line.cacheSalt, line: number, blocks: start..<traffic.blockIDs.count,
        successor: traffic.requests.count))
    chats.append((line.chat, line.parentChat))
  }

  /// The traffic, when all lines have been taken in.
  consuming func finish() throws(TrafficError) -> Traffic {
    guard let unit, !traffic.requests.isEmpty else {
      throw failure(nil, "holds no request; each line is to be one, with timestamp, input_length and output_length")
    }
    traffic.timeUnit = unit
    try chooseBlockTokens()
    var notes: [String] = []
    if options.timeUnit == nil {
      notes.append(
        "timestamps are taken as \(unit == .seconds ? "seconds, since there are chat_ids" : "milliseconds")")
    }
    if withoutHashes > 0 {
      notes.append("\(count(withoutHashes, "request")) without hash_ids: their prompts share nothing")
    }
    if backwards > 0 { notes.append("\(count(backwards, "line")) earlier than the one before: sorted by timestamp") }
    traffic.notes += notes
    sort()
    if options.answers == .continued { link() }
    traffic.notes += coverageNotes()
    return traffic
  }

  // MARK: Parts

  /// Takes the block size that is asked for, or that agrees with the most requests.
  private mutating func chooseBlockTokens() throws(TrafficError) {
    if let given = options.blockTokens {
      traffic.blockTokens = max(1, given)
      return
    }
    guard hashed != nil else { return }
    let hashedRequests = traffic.requests.filter { !$0.blocks.isEmpty }
    // Of equals the first: the sizes of the public traces come before the others.
    let sizes = [512, 16] + (0...13).map { 1 << $0 }.filter { $0 != 512 && $0 != 16 }
    var best = (size: 512, agreeing: -1)
    for size in sizes {
      // A block that is not full may have an id or not.
      let agreeing = hashedRequests.count { request in
        let full = request.inputLength / size
        return request.blocks.count == full || request.blocks.count == full + (request.inputLength % size > 0 ? 1 : 0)
      }
      if agreeing > best.agreeing { best = (size, agreeing) }
    }
    guard best.agreeing * 2 >= hashedRequests.count else {
      throw failure(
        nil,
        "the numbers of hash_ids fit no block size from 1 to 8192 tokens: the best, \(best.size), agrees with "
          + "\(best.agreeing) of \(hashedRequests.count) requests; give the block size (--block-tokens)")
    }
    traffic.blockTokens = best.size
    traffic.notes.append("a hash id is taken as \(best.size) tokens, from the numbers of ids")
  }

  /// Brings the requests into the order of arrival, lets time start with the first, and cuts the rest off.
  private mutating func sort() {
    let order = traffic.requests.indices.sorted { a, b in
      let (one, other) = (traffic.requests[a], traffic.requests[b])
      return one.arrival != other.arrival ? one.arrival < other.arrival : one.line < other.line
    }.prefix(options.limit ?? .max)
    chats = order.map { chats[$0] }
    traffic.requests = order.map { traffic.requests[$0] }
    let start = traffic.requests.first?.arrival ?? 0
    for index in traffic.requests.indices {
      traffic.requests[index].arrival = (traffic.requests[index].arrival - start) / options.speedUp
      traffic.requests[index].successor = index
    }
  }

  /// Finds the next turn of each conversation: the first request that names this one as its parent, if its prompt begins
  /// with all full blocks of this one's.
  private mutating func link() {
    var owners: [Int: Int] = [:]
    for (index, chat) in chats.enumerated() {
      if let parent = chat.parent.flatMap({ owners[$0] }), traffic.requests[parent].successor == parent,
        traffic.continues(index, parent)
      {
        traffic.requests[parent].successor = index
      }
      if let own = chat.own, owners[own] == nil { owners[own] = index }
    }
    let linked = traffic.requests.enumerated().count { $0 != $1.successor }
    if linked > 0 {
      traffic.notes.append("the answers of \(count(linked, "request")) are what the next turn's prompt says they were")
    }
  }

  private func coverageNotes() -> [String] {
    var (few, many) = (0, 0)
    for request in traffic.requests where !request.blocks.isEmpty {
      let full = request.inputLength / traffic.blockTokens
      if request.blocks.count < full { few += 1 }
      if request.blocks.count > full + (request.inputLength % traffic.blockTokens > 0 ? 1 : 0) { many += 1 }
    }
    var notes: [String] = []
    if few > 0 { notes.append("\(count(few, "request")) with fewer hash_ids than full blocks: the rest is their own") }
    if many > 0 { notes.append("\(count(many, "request")) with more hash_ids than blocks: the surplus is passed over") }
    return notes
  }

  private func count(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }
}
