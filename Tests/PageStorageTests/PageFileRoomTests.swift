import Glibc
import TestSupport
import Testing

@testable import PageStorage

@Suite struct PageFileRoomTests {
  @Test func whatCannotBeMadeIsRefused() throws {
    let folder = try TemporaryFolder()
    let file = try folder.write("x", to: "file")
    for directory in [nil, folder.path] {
      for (slots, bytes) in [(0, 1), (1, 0), (-1, 1), (1, -1), (Int.min, Int.min)] {
        expectRefusal(.invalid, "expected 1 or more") {
          try PageFile(directory: directory, slotCount: slots, slotBytes: bytes)
        }
      }
      expectRefusal(.invalid, "beyond all numbers") {
        try PageFile(directory: directory, slotCount: 4, slotBytes: Int.max / 2)
      }
      expectRefusal(.invalid, "too many slots") { try PageFile(directory: directory, slotCount: .max, slotBytes: 1) }
      expectRefusal(.noRoom, "expected \(1 << 60) bytes") {
        try PageFile(directory: directory, slotCount: 1 << 20, slotBytes: 1 << 40)
      }
    }
    for way in [UnnamedFile.Way.tryUnnamedFirst, .nameAndUnlink] {
      for (directory, code) in [
        (folder.path + "/missing", ENOENT), (file, ENOTDIR),
        (String(repeating: "x", count: 300), ENAMETOOLONG),
      ] {
        expectRefusal(.failed, "errno \(code)") {
          try PageFile(directory: directory, slotCount: 1, slotBytes: 1, way: way)
        }
      }
    }
    expectRefusal(.invalid, "the path is empty") { try PageFile(directory: "", slotCount: 1, slotBytes: 1) }
    expectRefusal(.invalid, "NUL") { try PageFile(directory: folder.path + "\0x", slotCount: 1, slotBytes: 1) }
    #expect(names(in: folder.path) == ["file"])
  }

  @Test func takesNoRoomBeforeItIsUsedAndNoNameAfter() throws {
    let folder = try TemporaryFolder()
    let file = try PageFile(directory: folder.path, slotCount: 1000, slotBytes: 1 << 20)
    guard case .file(let descriptor) = file.place else { throw UnexpectedState("not in a file") }
    var status = stat()
    try #require(fstat(descriptor, &status) == 0)
    #expect(status.st_size == 1000 << 20 && status.st_blocks < 1000 && status.st_nlink == 0)
    #expect(status.st_mode & 0o777 == 0o600)
  }

  /// A descriptor of /dev/full: its writes fail as those to a full disk do.
  @Test func aFullDiskIsAnErrorAndTheSlotHoldsNothing() throws {
    let full = open("/dev/full", O_RDWR | O_CLOEXEC)
    try #require(full >= 0)
    let file = PageFile(.file(full), "full", 2, 100)
    let page = ScatteredPage([60, 40])
    expectRefusal(.noRoom, "full: slot 1: cannot be written: No space left on device (errno 28)") {
      try file.save(page.sources, to: 1)
    }
    #expect(file.savedCount == 0 && file.saves.count == 0 && file.saves.secondsPerByte == nil)
    expectRefusal(.notSaved, "slot 1") { try file.load(1, into: page.regions) }
  }

  @Test func aSlotWhosePageCouldNotBeReplacedHoldsNothing() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write([UInt8](repeating: 0, count: 200), to: "slots")
    let descriptor = open(path, O_RDWR | O_CLOEXEC), readOnly = open(path, O_RDONLY | O_CLOEXEC)
    try #require(descriptor >= 0 && readOnly >= 0)
    let file = PageFile(.file(descriptor), "file", 2, 100), page = ScatteredPage([100])
    for slot in 0..<2 { try file.save(page.sources, to: slot) }
    try #require(dup2(readOnly, descriptor) == descriptor)
    close(readOnly)
    expectRefusal(.failed, "slot 0", "errno \(EBADF)") { try file.save(page.sources, to: 0) }
    expectRefusal(.notSaved, "slot 0") { try file.load(0, into: page.regions) }
    try file.load(1, into: page.regions)
  }

  @Test func theProcessesLimitOfFileSizesIsAnErrorAndNoSignal() async {
    await #expect(processExitsWith: .success) {
      let folder = try TemporaryFolder()
      let file = try PageFile(directory: folder.path, slotCount: 4, slotBytes: 1000)
      let page = ScatteredPage([1000])
      try #require(limitFileSize(2500))
      for slot in 0..<2 { try file.save(page.sources, to: slot) }
      expectRefusal(.noRoom, "slot 2", "File too large") { try file.save(page.sources, to: 2) }
      for slot in 0..<2 { try file.load(slot, into: page.regions) }
      expectRefusal(.noRoom, "ulimit -f", "expected 4000 bytes") {
        try PageFile(directory: folder.path, slotCount: 4, slotBytes: 1000)
      }
    }
  }

  /// On a file system of one megabyte, where the machine lets a test mount one.
  @Test func aDiskThatFillsUpLaterIsAnErrorOfTheSlotsThatFindNoRoom() async {
    await #expect(processExitsWith: .success) {
      let folder = try TemporaryFolder()
      guard mountSmallFileSystem(folder.path, "size=1m") else { return print("SKIPPED: no mounting here") }
      defer { unmountFileSystem(folder.path) }
      expectRefusal(.noRoom, "expected \(2 << 20) bytes", "found \(1 << 20)") {
        try PageFile(directory: folder.path, slotCount: 2, slotBytes: 1 << 20)
      }
      let file = try PageFile(directory: folder.path, slotCount: 8, slotBytes: 100_000)
      var random = SplitMix(seed: 1)
      let page = ScatteredPage([50_000, 50_000], random: &random), loaded = ScatteredPage([100_000])
      try file.save(page.sources, to: 0)
      try folder.write([UInt8](repeating: 1, count: 700_000), to: "other")
      var saved = [0]
      for slot in 1..<8 {
        do throws(PageStorageError) {
          try file.save(page.sources, to: slot)
          saved.append(slot)
        } catch { #expect(error.code == .noRoom && error.systemCode == ENOSPC, "\(error)") }
      }
      #expect(saved == [0, 1, 2])
      folder.remove("other")
      try file.save(page.sources, to: 7)
      for slot in saved + [7] {
        try file.load(slot, into: loaded.regions)
        #expect(loaded.bytes == page.bytes)
      }
    }
  }
}
