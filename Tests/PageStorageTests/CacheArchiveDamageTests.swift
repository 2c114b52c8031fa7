import Glibc
import TestSupport
import Testing

@testable import PageStorage

@Suite struct CacheArchiveDamageTests {
  let folder: TemporaryFolder, path: String, bytes: [UInt8], descriptor: Int32

  init() throws {
    folder = try TemporaryFolder()
    path = folder.path + "/archive"
    try ArchiveCases.write(ArchiveCases.pages(8), to: path)
    bytes = try #require(contents(of: path))
    descriptor = open(path, O_RDWR | O_CLOEXEC)
    try #require(descriptor >= 0)
  }

  func put(_ byte: UInt8, _ at: Int) throws {
    var byte = byte
    try #require(pwrite(descriptor, &byte, 1, at) == 1)
  }

  /// The error of opening the file; nil when it opens.
  func refusal() -> PageStorageError? {
    do throws(PageStorageError) {
      _ = try CacheArchiveReader(path: path)
      return nil
    } catch { return error }
  }

  @Test func everyFlippedBitIsRefused() throws {
    defer { close(descriptor) }
    for i in bytes.indices {
      for bit in 0..<8 {
        try put(bytes[i] ^ 1 << bit, i)
        let error = refusal()
        #expect(error?.code == .damaged || (i < 12 && error?.code == .wrongKind), "bit \(bit) of byte \(i)")
      }
      try put(bytes[i], i)
    }
    #expect(refusal() == nil)
  }

  @Test func everyShorterFileIsRefused() throws {
    defer { close(descriptor) }
    for count in bytes.indices.reversed() {
      try #require(ftruncate(descriptor, count) == 0)
      #expect(refusal()?.code == .damaged, "\(count) bytes")
    }
  }

  @Test func everyFileWithZerosInPlaceOfItsEndIsRefused() throws {
    defer { close(descriptor) }
    for count in bytes.indices.reversed() where bytes[count...].contains(where: { $0 != 0 }) {
      try put(0, count)
      #expect(refusal() != nil, "\(count) bytes")
    }
  }

  @Test func everyLongerFileIsRefused() throws {
    defer { close(descriptor) }
    for extra in [[0], [1, 2, 3], Array(bytes.suffix(24)), bytes] as [[UInt8]] {
      try folder.write(bytes + extra, to: "archive")
      expectRefusal(.damaged, "more bytes follow", "expected \(bytes.count) bytes") {
        try CacheArchiveReader(path: path)
      }
    }
  }

  @Test func filesBrokenInOtherWaysAreRefusedToo() throws {
    defer { close(descriptor) }
    var mutation = FileMutation(seed: 11, focus: [0..<200, bytes.count - 30..<bytes.count])
    for _ in 0..<3000 {
      let (mutated, what) = mutation.mutate(bytes)
      if mutated == bytes { continue }
      try folder.write(mutated, to: "archive")
      #expect(refusal() != nil, "\(what)")
    }
  }

  @Test func recordsThatAreLeftOutOrChangePlacesAreRefused() throws {
    defer { close(descriptor) }
    let pages = ArchiveCases.pages(4).map { page in
      var page = page
      (page.parent, page.salt) = (nil, "")
      return page
    }
    try ArchiveCases.write(pages, to: path)
    let whole = try #require(contents(of: path))
    let record = 16 + 16 + 40 + 8, first = whole.count - 24 - 4 * record
    var without = whole, swapped = whole
    without.removeSubrange(first..<first + record)
    for i in first..<first + record { swapped.swapAt(i, i + record) }
    for wrong in [without, swapped] {
      try folder.write(wrong, to: "archive")
      expectRefusal(.damaged, "the end") { try CacheArchiveReader(path: path) }
    }
  }

  @Test func aFileThatIsChangedAfterItWasVerifiedIsNotRead() throws {
    defer { close(descriptor) }
    let reader = try CacheArchiveReader(path: path)
    try reader.verify(expecting: ArchiveCases.header)
    try put(bytes[bytes.count - 60] ^ 1, bytes.count - 60)
    var times = [timespec(tv_sec: 1, tv_nsec: 0), timespec(tv_sec: 1, tv_nsec: 0)]
    try #require(futimens(descriptor, &times) == 0)
    var calls = 0
    expectRefusal(.changed, "archive") {
      try reader.forEachRecord { _ in
        calls += 1; return true
      }
    }
    #expect(calls == 0)
  }

  @Test func aRecordThatIsReplacedByASoundOneAfterItWasVerifiedIsNotHandedOut() throws {
    defer { close(descriptor) }
    var times = [timespec(tv_sec: 1, tv_nsec: 0), timespec(tv_sec: 1, tv_nsec: 0)]
    try #require(futimens(descriptor, &times) == 0)
    let reader = try CacheArchiveReader(path: path)
    try reader.verify(expecting: ArchiveCases.header)
    // The last page, with another byte and the checksum of that.
    let salt = ArchiveCases.pages(8)[7].salt.utf8.count
    let end = bytes.count - 24, start = end - 8 - 40 - 16 - salt - 16
    var record = Array(bytes[start..<end - 8])
    record[record.count - 1] ^= 1
    record += CacheArchiveFormat.bytes(record.withUnsafeBytes { PageChecksum.of($0) })
    try #require(pwrite(descriptor, record, record.count, start) == record.count)
    try #require(futimens(descriptor, &times) == 0)
    var seen = 0
    expectRefusal(.changed, "record 7", "after it was verified") {
      try reader.forEachRecord { _ in
        seen += 1
        return true
      }
    }
    #expect(seen == 7)
  }

  @Test func aRecordThatIsChangedWhileOthersAreReadIsNotHandedOut() throws {
    defer { close(descriptor) }
    let starts = [16, 40, 60, 80].map { bytes.count - 24 - $0 }
    for at in starts {
      try folder.write(bytes, to: "archive")
      let descriptor = open(path, O_RDWR | O_CLOEXEC)
      defer { close(descriptor) }
      let reader = try CacheArchiveReader(path: path)
      try reader.verify(expecting: ArchiveCases.header)
      var seen = 0
      let pages = ArchiveCases.pages(8)
      do {
        try reader.forEachRecord { page in
          #expect(Array(page.bytes) == pages[page.index].bytes)
          seen += 1
          var byte = bytes[at] ^ 4
          if page.index == 3 { try #require(pwrite(descriptor, &byte, 1, at) == 1) }
          return true
        }
        Issue.record("the changed byte \(at) was not noticed")
      } catch let error as PageStorageError {
        #expect(error.code == .changed || error.code == .damaged, "\(error)")
      }
      #expect(seen >= 4 && seen < 8)
    }
  }

  @Test func aFileThatIsCutOffWhileItIsReadIsAnError() throws {
    defer { close(descriptor) }
    let reader = try CacheArchiveReader(path: path)
    try reader.verify(expecting: ArchiveCases.header)
    var seen = 0
    expectRefusal(.changed, "record", "cut off") {
      try reader.forEachRecord { _ in
        seen += 1
        return ftruncate(descriptor, bytes.count / 2) == 0
      }
    }
    #expect(seen >= 1 && seen < 8)
  }
}
