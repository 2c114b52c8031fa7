import Paging
import Scheduling

/// A model without weights, whose keys and values are what real ones are: a slot depends on its token and on all tokens
/// before it, and the next token on all slots before it. A wrong page, a stale slot, a chunk out of place or a page shared
/// between different prefixes changes what comes out.
public struct NullModel {
  public static let vocabularySize = 30
  private var slots: [UInt64]
  /// The second level: a page's slots each, nil where nothing was saved or saving failed.
  private var saved: [[UInt64]?]
  private let pageSize: Int

  public init(_ configuration: SchedulerConfiguration) {
    pageSize = configuration.pageSize
    slots = Array(repeating: 0, count: configuration.pageCount * configuration.pageSize)
    saved = Array(repeating: nil, count: configuration.secondLevelPages)
  }

  /// Makes the copies, except that `isFailing` says which of them go wrong: nothing is saved, or garbage is loaded.
  /// - Returns: for each copy whether it failed. Loading what was not saved fails too.
  public mutating func copy(_ copies: [PageCopy], isFailing: (Int) -> Bool = { _ in false }) -> [Bool] {
    copies.enumerated().map { index, copy in
      switch copy {
      case .save(let page, let slot):
        saved[Int(slot)] = isFailing(index) ? nil : Array(slots[Int(page) * pageSize..<(Int(page) + 1) * pageSize])
        return isFailing(index)
      case .load(let slot, let page):
        let bytes = isFailing(index) ? nil : saved[Int(slot)]
        let garbage = [UInt64](repeating: 0xBAD, count: pageSize)
        slots.replaceSubrange(Int(page) * pageSize..<(Int(page) + 1) * pageSize, with: bytes ?? garbage)
        return bytes == nil
      }
    }
  }

  /// Writes the slots of all tokens of the batch, reads those of every sequence, and chooses the next tokens.
  /// - start: a value that each sequence's first slot depends on; sequences that may not share have different ones.
  /// - Returns: a token for each row, in batch order.
  public mutating func run(_ batch: Batch, start: (_ handle: Int) -> UInt64) -> [Int32] {
    var sampled: [Int32] = []
    for entry in batch.sequences {
      for (offset, token) in entry.tokens.enumerated() {
        let position = entry.startPosition + offset
        let before = position == 0 ? start(entry.handle) : slots[Self.slot(position - 1, entry, batch)]
        slots[Self.slot(position, entry, batch)] = Self.next(before, token)
      }
    }
    for entry in batch.sequences where entry.samples {
      var sum = UInt64(0)
      for position in 0..<entry.endPosition {
        sum = Self.fold(sum, slots[Self.slot(position, entry, batch)])
        if position >= entry.endPosition - entry.rowCount { sampled.append(Self.token(sum, after: position + 1)) }
      }
    }
    return sampled
  }

  /// Leaves garbage where these sequences would have written.
  public mutating func spoil(_ sequences: ArraySlice<BatchSequence>, _ batch: Batch) {
    for entry in sequences {
      for position in entry.startPosition..<entry.endPosition { slots[Self.slot(position, entry, batch)] = 0xBAD }
    }
  }

  private static func slot(_ position: Int, _ entry: BatchSequence, _ batch: Batch) -> Int {
    Int(entry.pages[position / batch.pageSize]) * batch.pageSize + position % batch.pageSize
  }

  private static func next(_ before: UInt64, _ token: Int32) -> UInt64 {
    let mixed = (before ^ UInt64(UInt32(bitPattern: token))) &* 0x9E37_79B9_7F4A_7C15 &+ 1
    return mixed ^ mixed >> 29
  }
  private static func fold(_ sum: UInt64, _ slot: UInt64) -> UInt64 { (sum ^ slot) &* 0xBF58_476D_1CE4_E5B9 &+ 7 }
  /// Every other token goes round in a circle, so that guesses hold now and then.
  private static func token(_ sum: UInt64, after count: Int) -> Int32 {
    sum >> 33 & 1 == 0 ? Int32(20 + count % 3) : Int32((sum >> 34) % UInt64(vocabularySize))
  }

  /// What the model goes on with after a prompt, computed without scheduler and pages.
  public struct Continuation {
    private var last: UInt64
    private var sum: UInt64 = 0
    private var count = 0

    public init(of prompt: [Int32], start: UInt64 = 0) {
      last = start
      for token in prompt { append(token) }
    }
    public mutating func append(_ token: Int32) {
      last = NullModel.next(last, token)
      sum = NullModel.fold(sum, last)
      count += 1
    }
    public var nextToken: Int32 { NullModel.token(sum, after: count) }
  }
}
