import Generation
import Glibc
import Models
import Paging
import Scheduling

/// A model whose next token is a function of all tokens before it, read back through the pages of a KV memory that
/// holds tokens instead of keys and values. A wrong page, a chunk out of place or a stale slot changes the output.
final class ScriptedRunner: ModelRunning {
  static let vocabulary = 32

  let vocabularySize = ScriptedRunner.vocabulary
  private var slots: [Int32]
  private let rows: UnsafeMutablePointer<Float>
  private var rowCount = 0
  private var saved: [SlotID: [Int32]] = [:]
  private var paused: (sequences: [BatchSequence], done: Int, ahead: Int) = ([], 0, 0)
  private let pageSize: Int
  private let script: Script

  /// What a test adds to the model.
  struct Script: Sendable {
    /// Called before each step; may wait or throw.
    var beforeStep: @Sendable (Batch) throws -> Void = { _ in }
    /// Called with each row's sequence; a value is put into the row.
    var poison: @Sendable (BatchSequence) -> Float? = { _ in nil }
    /// Called with what was chosen.
    var afterSampling: @Sendable ([Int32]) throws -> [Int32] = { $0 }
    /// Whether most tokens go round in a circle, so that guesses hold.
    var isRepetitive = false
    /// Called after each half of the layers, with what goes through them; then the model can shed.
    var afterHalf: (@Sendable (Batch) -> Void)?
    /// Called after a half of a layer that rows of chunks went through by themselves, with their number.
    var afterPart: (@Sendable (Int) -> Void)?
    static let halves = 20
    /// Which copies between the levels go wrong.
    var isFailing: @Sendable (PageCopy) -> Bool = { _ in false }
  }

  init(_ configuration: SchedulerConfiguration, _ script: Script = Script()) {
    slots = Array(repeating: -1, count: configuration.pageCount * configuration.pageSize)
    pageSize = configuration.pageSize
    rows = .allocate(capacity: configuration.maxSampledRows * Self.vocabulary)
    self.script = script
  }

  deinit { rows.deallocate() }

  func copy(_ copies: [PageCopy]) -> [Bool] {
    copies.map { copy in
      switch copy {
      case .save(let page, let slot):
        saved[slot] = Array(slots[Int(page) * pageSize..<(Int(page) + 1) * pageSize])
        return script.isFailing(copy)
      case .load(let slot, let page):
        let bytes = script.isFailing(copy) ? nil : saved[slot]
        let garbage = [Int32](repeating: -7, count: pageSize)
        slots.replaceSubrange(Int(page) * pageSize..<(Int(page) + 1) * pageSize, with: bytes ?? garbage)
        return bytes == nil
      }
    }
  }

  var canShed: Bool { script.afterHalf != nil }

  /// With as many layers as the script says; what is shed leaves garbage, and goes on where it left.
  func forward(_ whole: Batch, room: RoomCheck?) throws {
    try script.beforeStep(whole)
    let kept = whole.limit?.kept ?? whole.sequences.count - paused.sequences.count
    let others = Array(whole.sequences.dropFirst(kept)), resumes = whole.resumes && others == paused.sequences
    var (done, ahead) = resumes ? (paused.done, paused.ahead) : (0, 0), batch = whole
    paused = ([], 0, 0)
    let alone = Batch(sequences: Array(whole.sequences.prefix(kept)), pageSize: whole.pageSize)
    let rows = others.reduce(0) { $0 + $1.tokens.count }, halves = Script.halves
    guard let room, let limit = whole.limit else {
      for half in 0..<halves { script.afterHalf?(half < done ? alone : whole) }
      return compute(whole)
    }
    var isWhole = limit.isTogether && !resumes
    for half in 0..<halves {
      script.afterHalf?(isWhole ? whole : alone)
      let left = room(PassProgress(isWhole ? .together : .kept, done: half + 1, of: halves, rows: rows))
      if isWhole, left < rows, half + 1 < halves { (isWhole, done) = (false, half + 1) }
    }
    while !isWhole {
      let count = min(rows - ahead, room(PassProgress(.others, done: done, of: halves, rows: rows, ahead: ahead)))
      if done == halves { break }
      if count <= 0 {
        (batch, paused) = (alone, (others, done, ahead))
        break
      }
      script.afterPart?(count)
      (done, ahead) = ahead + count == rows ? (done + 1, 0) : (done, ahead + count)
    }
    for entry in whole.sequences[batch.sequences.count...] {
      for position in entry.startPosition..<entry.endPosition { slots[slot(entry, position, whole)] = -9 }
    }
    compute(batch)
  }

  private func compute(_ batch: Batch) {
    for entry in batch.sequences {
      for (offset, token) in entry.tokens.enumerated() {
        slots[slot(entry, entry.startPosition + offset, batch)] = token
      }
    }
    rowCount = 0
    for entry in batch.sequences where entry.samples {
      for end in entry.endPosition - entry.drafts...entry.endPosition {
        let hash = Self.hash((0..<end).lazy.map { self.slots[self.slot(entry, $0, batch)] })
        let row = logits(rowCount)
        for token in 0..<Self.vocabulary { row[token] = Self.logit(of: token, after: hash) }
        if script.isRepetitive { row[Self.expected(after: hash, end)] += 9 }
        if let poison = script.poison(entry) { row[3] = poison }
        rowCount += 1
      }
    }
  }

  private func slot(_ entry: BatchSequence, _ position: Int, _ batch: Batch) -> Int {
    Int(entry.pages[position / batch.pageSize]) * batch.pageSize + position % batch.pageSize
  }

  func logits(_ row: Int) -> UnsafeMutableBufferPointer<Float> {
    UnsafeMutableBufferPointer(start: rows + row * Self.vocabulary, count: Self.vocabulary)
  }

  func sample(_ draws: [Draw]) throws -> [Int32] {
    precondition(draws.count == rowCount, "\(draws.count) draws for \(rowCount) rows")
    return try script.afterSampling(draws.enumerated().map { Self.choose(Array(logits($0)), $1) })
  }

  // MARK: The same without engine, pages and batches

  /// The output for a prompt that runs alone, greedy unless drawn. `change` is applied to the logits, given the output so far.
  static func output(
    after prompt: [Int32], count: Int, draws: [Draw]? = nil, isRepetitive: Bool = false,
    change: (inout [Float], [Int32]) -> Void = { _, _ in }
  ) -> [Int32] {
    var output: [Int32] = []
    for index in 0..<count {
      let hash = hash(prompt + output)
      var row = (0..<vocabulary).map { logit(of: $0, after: hash) }
      if isRepetitive { row[expected(after: hash, prompt.count + index)] += 9 }
      change(&row, output)
      output.append(choose(row, draws?[index] ?? Draw(temperature: 0, uniform: 0)))
    }
    return output
  }

  private static func hash(_ tokens: some Sequence<Int32>) -> UInt32 {
    var hash: UInt32 = 2_166_136_261
    for token in tokens { hash = (hash ^ UInt32(bitPattern: token)) &* 16_777_619 }
    return hash
  }

  /// The next of five tokens, except now and then.
  private static func expected(after hash: UInt32, _ count: Int) -> Int {
    (hash >> 11) % 8 == 0 ? Int(hash >> 14) % vocabulary : 3 + count % 5
  }

  /// In [0, 4), different for each token.
  private static func logit(of token: Int, after hash: UInt32) -> Float {
    let mixed = (hash ^ UInt32(token) &* 0x9E37_79B1) &* 0x85EB_CA6B
    return Float((mixed ^ mixed >> 15) & 0xFFFF) / 16384 + Float(token) * 1e-6
  }

  /// Greedy, or by the cumulated probabilities in the order of the token ids.
  private static func choose(_ row: [Float], _ draw: Draw) -> Int32 {
    let largest = row.max() ?? 0
    if draw.temperature == 0 { return Int32(row.firstIndex(of: largest) ?? 0) }
    let weights = row.map { expf(($0 - largest) / draw.temperature) }
    var left = draw.uniform * weights.reduce(0, +)
    for (token, weight) in weights.enumerated() {
      left -= weight
      if left < 0 { return Int32(token) }
    }
    return Int32(row.count - 1)
  }
}

/// Token 0 is "a" and so on; 26 and 27 make an "é" together, 28 is three letters, the others have no text.
struct LetterDecoder: TokenTextDecoder {
  private var half: [UInt8] = []

  mutating func append(_ token: Int32) -> String {
    switch token {
    case 0..<26: return flush() + String(UnicodeScalar(UInt8(97 + token)))
    case 26:
      defer { half = [0xC3] }
      return flush()
    case 27:
      defer { half = [] }
      return half.isEmpty ? "" : "é"
    case 28: return flush() + "xyz"
    default: return ""
    }
  }

  mutating func finish() -> String { flush() }

  private mutating func flush() -> String {
    defer { half = [] }
    return half.isEmpty ? "" : "\u{FFFD}"
  }

  /// All tokens at once.
  static func text(_ tokens: some Sequence<Int32>) -> String {
    var decoder = LetterDecoder()
    return tokens.reduce(into: "") { $0 += decoder.append($1) } + decoder.finish()
  }
}
