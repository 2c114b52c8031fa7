import Glibc
import TestSupport
import Testing

@testable import PageStorage

@Suite struct VectorTransferTests {
  /// A system that moves as few bytes as it may, and is interrupted in between.
  static func reluctant(_ most: Int, _ seed: UInt64) -> VectorTransfer {
    var random = SplitMix(seed: seed)
    return VectorTransfer { direction, descriptor, vectors, count, place in
      if Bool.random(using: &random) {
        errno = EINTR
        return -1
      }
      var part: [iovec] = [], left = Int.random(in: 1...most, using: &random)
      for i in 0..<Int(count) where left > 0 {
        part.append(iovec(iov_base: vectors[i].iov_base, iov_len: min(left, vectors[i].iov_len)))
        left -= vectors[i].iov_len
      }
      return VectorTransfer.systemCall(direction, descriptor, part, Int32(part.count), place)
    }
  }

  @Test(arguments: [1, 3, 100])
  func whatTheSystemMovesInSmallPiecesAndWithInterruptionsArrivesWhole(_ most: Int) throws {
    let folder = try TemporaryFolder(), path = try folder.write("", to: "file")
    let descriptor = open(path, O_RDWR | O_CLOEXEC)
    defer { close(descriptor) }
    var random = SplitMix(seed: 2)
    for seed in 0..<20 as Range<UInt64> {
      let sizes = (0..<30).map { _ in Int.random(in: 0...20, using: &random) }
      let page = ScatteredPage(sizes, random: &random), loaded = ScatteredPage(sizes.reversed())
      let (sources, targets) = (page.sources, loaded.sources)
      let transfer = Self.reluctant(most, seed)
      let written = transfer.move(.write, descriptor, at: 17, count: sizes.count) { sources[$0] }
      let read = transfer.move(.read, descriptor, at: 17, count: sizes.count) { targets[$0] }
      guard case .done = written, case .done = read else { throw UnexpectedState("\(written), \(read)") }
      #expect(loaded.bytes == page.bytes && loaded.gapsAreUntouched, "seed \(seed)")
      #expect(Array(try #require(contents(of: path))[17...].prefix(page.bytes.count)) == page.bytes)
    }
  }

  @Test func anErrorAfterSomeBytesAndAnEndAreTold() throws {
    let page = ScatteredPage([10, 10])
    var calls = 0
    let failing = VectorTransfer { _, _, _, _, _ in
      calls += 1
      errno = EIO
      return calls == 1 ? 13 : -1
    }
    guard case .failed(EIO) = failing.move(.write, -1, at: 0, count: 2, region: { page.sources[$0] }) else {
      throw UnexpectedState("no error")
    }
    let ending = VectorTransfer { _, _, _, _, place in place == 0 ? 13 : 0 }
    guard case .ended(13) = ending.move(.read, -1, at: 0, count: 2, region: { page.sources[$0] }) else {
      throw UnexpectedState("no end")
    }
  }
}
