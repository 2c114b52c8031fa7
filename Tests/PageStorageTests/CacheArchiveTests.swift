import Glibc
import TestSupport
import Testing

@testable import PageStorage

@Suite struct CacheArchiveTests {
  @Test func whatWasWrittenIsReadInTheSameOrder() throws {
    let folder = try TemporaryFolder()
    for (count, tokens, bytes, regions) in [
      (0, 1, 1, 1), (1, 16, 4096, 1), (50, 4, 40, 7), (9, 3, 24_001, 2000), (40, 16, 6144, 60),
    ] {
      let header = CacheArchiveHeader(fingerprint: [.init("a", "b")], pageTokens: tokens, pageBytes: bytes)
      let pages = ArchiveCases.pages(count, header: header), path = folder.path + "/archive"
      let writer = try CacheArchiveWriter(path: path, header: header)
      try ArchiveCases.append(pages, to: writer, regions: regions)
      #expect(writer.recordCount == count)
      try writer.finish()
      #expect(contents(of: path)?.count == writer.byteCount)
      #expect(try ArchiveCases.read(path, expecting: header) == pages)
      let reader = try CacheArchiveReader(path: path)
      #expect(reader.recordCount == count && reader.byteCount == writer.byteCount)
    }
  }

  @Test func aPageLargerThanThePieceThatVerifiesItIsRead() throws {
    let folder = try TemporaryFolder(), path = folder.path + "/archive"
    let header = CacheArchiveHeader(fingerprint: [], pageTokens: 70_000, pageBytes: 300_001)
    let pages = ArchiveCases.pages(2, header: header)
    try ArchiveCases.write(pages, to: path, header: header)
    #expect(try ArchiveCases.read(path, expecting: header) == pages)
  }

  @Test func theBytesAreThoseOfTheDocumentedFormat() throws {
    let folder = try TemporaryFolder(), path = folder.path + "/archive"
    let pages = ArchiveCases.pages(12)
    try ArchiveCases.write(pages, to: path)
    var expected = ArchiveBytes(
      header: #"{"fingerprint":{"model":"sha256:aa","layout":"layers 2 × heads 3","kernels":"π\n"},"#
        + #""page_tokens":4,"page_bytes":40}"#)
    for page in pages {
      let tokens = page.tokens.flatMap { CacheArchiveFormat.bytes($0) }
      expected.append(parent: Int64(page.parent ?? -1), salt: Array(page.salt.utf8), rest: tokens + page.bytes)
    }
    expected.end()
    #expect(contents(of: path) == expected.bytes)
  }

  @Test func aReaderThatSaysNoGetsNoMoreAndMayBeginAgain() throws {
    let folder = try TemporaryFolder(), path = folder.path + "/archive"
    try ArchiveCases.write(ArchiveCases.pages(9), to: path)
    let reader = try CacheArchiveReader(path: path)
    try reader.verify(expecting: ArchiveCases.header)
    for limit in [1, 4, 9, 20] {
      var seen: [Int] = []
      try reader.forEachRecord { page in
        seen.append(page.index)
        return seen.count < limit
      }
      #expect(seen == Array(0..<min(limit, 9)))
    }
    #expect(throws: UnexpectedState.self) { try reader.forEachRecord { _ in throw UnexpectedState("mine") } }
  }

  @Test func theSaltOfAPageWithAParentIsNotWritten() throws {
    let folder = try TemporaryFolder(), path = folder.path + "/archive"
    var pages = ArchiveCases.pages(2)
    pages[1].parent = 0
    pages[1].salt = "another"
    try ArchiveCases.write(pages, to: path)
    #expect(try ArchiveCases.read(path).map(\.salt) == [pages[0].salt, ""])
    #expect(!String(decoding: try #require(contents(of: path)), as: UTF8.self).contains("another"))
  }

  @Test func wrongPagesAreRefusedAndTheWriterGoesOn() throws {
    let folder = try TemporaryFolder(), path = folder.path + "/archive"
    let pages = ArchiveCases.pages(3)
    let writer = try CacheArchiveWriter(path: path, header: ArchiveCases.header)
    func append(_ parent: Int?, _ salt: String, _ tokens: Int, _ bytes: Int) throws {
      let page = ScatteredPage([bytes])
      try writer.append(parent: parent, salt: salt, tokens: Array(repeating: 1, count: tokens), regions: page.sources)
    }
    expectRefusal(.invalid, "record 0", "parent", "found 0") { try append(0, "", 4, 40) }
    expectRefusal(.invalid, "record 0", "parent") { try append(-1, "", 4, 40) }
    expectRefusal(.invalid, "parent") { try append(.min, "", 4, 40) }
    expectRefusal(.invalid, "tokens", "expected 4, found 3") { try append(nil, "", 3, 40) }
    expectRefusal(.invalid, "tokens", "expected 4, found 5") { try append(nil, "", 5, 40) }
    expectRefusal(.invalid, "bytes", "expected 40, found 41") { try append(nil, "", 4, 41) }
    expectRefusal(.invalid, "salt", "found 65537") { try append(nil, String(repeating: "x", count: 65537), 4, 40) }
    #expect(writer.recordCount == 0)
    try ArchiveCases.append(pages, to: writer)
    try writer.finish()
    #expect(try ArchiveCases.read(path) == pages)
    expectRefusal(.invalid, "finished") { try append(nil, "", 4, 40) }
    expectRefusal(.invalid, "finished") { try writer.finish() }
    writer.abandon()
    #expect(try ArchiveCases.read(path) == pages)
  }
}
