import Glibc
import TestSupport
import Testing

@testable import PageStorage

/// Where a page file's bytes are.
enum Home: CaseIterable {
  case unnamed, unlinked, memory

  func make(_ folder: TemporaryFolder, _ slots: Int, _ bytes: Int) throws -> PageFile {
    switch self {
    case .unnamed: try PageFile(directory: folder.path, slotCount: slots, slotBytes: bytes)
    case .unlinked: try PageFile(directory: folder.path, slotCount: slots, slotBytes: bytes, way: .nameAndUnlink)
    case .memory: try PageFile(directory: nil, slotCount: slots, slotBytes: bytes)
    }
  }
}

@Suite struct PageFileTests {
  static let shapes: [[Int]] = [
    Array(repeating: 6144, count: 60), Array(repeating: 17, count: 2000), [4096], [1],
    [1, 0, 63, 64, 0, 65, 1_000_000],
    Array(repeating: 0, count: 3000) + [5], Array(repeating: 1, count: 1024), Array(repeating: 1, count: 1025),
  ]

  @Test(arguments: Home.allCases)
  func whatWasSavedFromRegionsIsLoadedIntoRegionsOfAnyShape(_ home: Home) throws {
    let folder = try TemporaryFolder()
    var random = SplitMix(seed: 7)
    for shape in Self.shapes {
      let bytes = shape.reduce(0, +)
      let file = try home.make(folder, 3, bytes)
      let page = ScatteredPage(shape, random: &random), other = ScatteredPage(shape, random: &random)
      try file.save(page.sources, to: 1)
      try file.save(other.sources, to: 2)
      for target in [shape, shape.reversed(), [bytes], [bytes / 2, bytes - bytes / 2]] {
        let loaded = ScatteredPage(target)
        try file.load(1, into: loaded.regions)
        #expect(loaded.bytes == page.bytes && loaded.gapsAreUntouched, "\(shape.count) regions of \(bytes) bytes")
      }
      let loaded = ScatteredPage(shape)
      try file.load(2, into: loaded.regions)
      #expect(loaded.bytes == other.bytes)
      #expect(file.saves.bytes == 2 * bytes && file.loads.count == 5)
      #expect(names(in: folder.path).isEmpty)
    }
  }

  @Test(arguments: Home.allCases)
  func anyOrderOfSavesLoadsAndDiscardsActsLikeADictionary(_ home: Home) throws {
    let folder = try TemporaryFolder()
    for seed in 0..<4 {
      var random = SplitMix(seed: UInt64(seed))
      let sizes = (0..<Int.random(in: 1...40, using: &random)).map { _ in Int.random(in: 1...700, using: &random) }
      let bytes = sizes.reduce(0, +), slots = Int.random(in: 1...9, using: &random)
      let file = try home.make(folder, slots, bytes)
      var model: [Int: [UInt8]] = [:]
      for step in 0..<300 {
        let slot = Int.random(in: 0..<slots, using: &random)
        switch Int.random(in: 0..<5, using: &random) {
        case 0...1:
          let page = ScatteredPage(sizes, random: &random)
          try file.save(page.sources, to: slot)
          model[slot] = page.bytes
        case 2:
          file.discard(slot)
          model[slot] = nil
        default:
          let page = ScatteredPage(sizes.reversed())
          if let expected = model[slot] {
            try file.load(slot, into: page.regions)
            #expect(page.bytes == expected, "seed \(seed), step \(step)")
          } else {
            expectRefusal(.notSaved, "slot \(slot)") { try file.load(slot, into: page.regions) }
          }
        }
        #expect(file.savedCount == model.count && file.isSaved(slot) == (model[slot] != nil))
      }
    }
  }

  @Test func everyDamagedBitOfASlotIsNoticed() throws {
    let folder = try TemporaryFolder()
    var random = SplitMix(seed: 3)
    let page = ScatteredPage([50, 14, 36], random: &random)
    for home in Home.allCases {
      let file = try home.make(folder, 2, 100)
      for slot in 0..<2 { try file.save(page.sources, to: slot) }
      for bit in 0..<800 {
        try file.flip(bit: bit % 8, ofByte: 100 + bit / 8)
        expectRefusal(.damaged, "slot 1", "checksum") { try file.load(1, into: page.regions) }
        try file.flip(bit: bit % 8, ofByte: 100 + bit / 8)
      }
      for slot in 0..<2 { try file.load(slot, into: page.regions) }
    }
  }

  @Test func aFileThatLostItsEndIsAnError() throws {
    let folder = try TemporaryFolder()
    let file = try PageFile(directory: folder.path, slotCount: 2, slotBytes: 100)
    let page = ScatteredPage([100])
    for slot in 0..<2 { try file.save(page.sources, to: slot) }
    guard case .file(let descriptor) = file.place else { throw UnexpectedState("not in a file") }
    try #require(ftruncate(descriptor, 142) == 0)
    try file.load(0, into: page.regions)
    expectRefusal(.damaged, "slot 1", "expected 100 bytes", "found 42") {
      try file.load(1, into: page.regions)
    }
  }

  @Test func wrongSlotsAndSizesAreRefusedAndChangeNothing() throws {
    for home in Home.allCases {
      let file = try home.make(try TemporaryFolder(), 2, 100)
      let page = ScatteredPage([100]), small = ScatteredPage([99]), large = ScatteredPage([100, 1])
      try file.save(page.sources, to: 1)
      for slot in [-1, 2, Int.max, Int.min] {
        expectRefusal(.invalid, "slot \(slot)", "0 to 1") { try file.save(page.sources, to: slot) }
        expectRefusal(.invalid, "slot \(slot)") { try file.load(slot, into: page.regions) }
        file.discard(slot)
      }
      for (wrong, found) in [(small, "found 99"), (large, "found 101")] {
        expectRefusal(.invalid, "100 bytes", found) { try file.save(wrong.sources, to: 1) }
        expectRefusal(.invalid, "100 bytes", found) { try file.load(1, into: wrong.regions) }
      }
      expectRefusal(.invalid, "found 0") { try file.save([], to: 1) }
      #expect(file.savedCount == 1)
      try file.load(1, into: page.regions)
    }
  }

  @Test func aByteOfEachTransferCountsInTheCost() throws {
    let file = try PageFile(directory: nil, slotCount: 1, slotBytes: 1 << 16)
    let page = ScatteredPage([1 << 16])
    #expect(file.saves.secondsPerByte == nil && file.loads.secondsPerByte == nil)
    for _ in 0..<3 { try file.save(page.sources, to: 0) }
    try file.load(0, into: page.regions)
    #expect(file.saves.count == 3 && file.saves.bytes == 3 << 16 && file.loads.bytes == 1 << 16)
    let cost = try #require(file.loads.secondsPerByte)
    #expect(cost > 0 && abs(cost * 65536 - file.loads.seconds) < 1e-12)

    var record = TransferRecord()
    record.add(bytes: 100, seconds: 1)
    record.add(bytes: 100, seconds: 9)
    #expect(record.secondsPerByte == 0.02 && record.seconds == 10)
  }
}

extension PageFile {
  /// Damages what is stored, behind the file's back.
  func flip(bit: Int, ofByte at: Int) throws {
    switch place {
    case .memory(let memory): memory[at] ^= 1 << UInt8(bit)
    case .file(let descriptor):
      var byte: UInt8 = 0
      try #require(pread(descriptor, &byte, 1, at) == 1)
      byte ^= 1 << UInt8(bit)
      try #require(pwrite(descriptor, &byte, 1, at) == 1)
    }
  }
}
