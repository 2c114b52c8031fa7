import Paging
import Testing

/// A small generator, so that a failing sequence of operations can be repeated from its seed.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

@Suite struct PagePoolTests {
  @Test func sizesOutOfRangeAreRefusedWithASentence() {
    for size in [-16, 0, 3, 24, Int.max] {
      #expect(throws: PagingError.pageSizeNotPowerOfTwo(size)) { _ = try PagePool(pageCount: 4, pageSize: size) }
    }
    for count in [-1, 0, Int(Int32.max) / 16 + 1, Int.max] {
      #expect(throws: PagingError.pageCountOutOfRange(pageCount: count, pageSize: 16)) {
        _ = try PagePool(pageCount: count, pageSize: 16)
      }
    }
    #expect("\(PagingError.pageSizeNotPowerOfTwo(24))".contains("24"))
  }

  @Test func allocationIsAllOrNothing() throws {
    let pool = try SharedPagePool(pageCount: 5, pageSize: 4)
    let first = try #require(pool.allocate(3))
    #expect(Set(first).count == 3)
    #expect(pool.allocate(3) == nil)
    #expect(pool.freeCount == 2)
    #expect(pool.allocate(0) == [])
    let rest = try #require(pool.allocate(2))
    #expect(Set(first + rest) == Set(0..<5))
    try pool.checkInvariants()
  }

  @Test func aSharedPageIsFreeOnlyWhenItsLastHolderLetsGo() throws {
    let pool = try SharedPagePool(pageCount: 1, pageSize: 16)
    let pages = try #require(pool.allocate(1))
    pool.retain(pages)
    pool.release(pages)
    #expect(pool.freeCount == 0 && pool.heldCount == 1)
    pool.release(pages)
    #expect(pool.freeCount == 1 && pool.heldCount == 0)
    try pool.checkInvariants()
  }

  @Test(arguments: 0..<20 as Range<UInt64>)
  func randomOperationsAgreeWithACountPerPage(seed: UInt64) throws {
    var random = SeededGenerator(state: seed)
    let pageCount = Int.random(in: 1...40, using: &random)
    let pool = try SharedPagePool(pageCount: pageCount, pageSize: 1 << Int.random(in: 0...6, using: &random))
    var counts = [Int](repeating: 0, count: pageCount)  // the model: holders of each page
    var held: [PageID] = []  // one entry for each reference
    for step in 0..<10_000 {
      switch Int.random(in: 0..<3, using: &random) {
      case 0:
        let wanted = Int.random(in: 0...pageCount / 2 + 1, using: &random)
        let free = counts.count { $0 == 0 }
        let pages = pool.allocate(wanted)
        try #require((pages != nil) == (wanted <= free), "seed \(seed), step \(step)")
        for page in pages ?? [] {
          try #require(counts[Int(page)] == 0, "seed \(seed), step \(step): page \(page) was held")
          counts[Int(page)] = 1
          held.append(page)
        }
      case 1:
        guard let page = held.randomElement(using: &random) else { continue }
        pool.retain([page])
        counts[Int(page)] += 1
        held.append(page)
      default:
        guard !held.isEmpty else { continue }
        let page = held.remove(at: Int.random(in: 0..<held.count, using: &random))
        pool.release([page])
        counts[Int(page)] -= 1
      }
      try #require(pool.freeCount == counts.count { $0 == 0 }, "seed \(seed), step \(step)")
      if step % 64 == 0 {
        try pool.checkInvariants()
        for page in 0..<pageCount { try #require(pool.referenceCount(of: PageID(page)) == counts[page]) }
      }
    }
  }
}
