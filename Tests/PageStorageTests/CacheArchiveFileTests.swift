import Glibc
import TestSupport
import Testing

@testable import PageStorage

@Suite struct CacheArchiveFileTests {
  static let ways = [UnnamedFile.Way.tryUnnamedFirst, .nameAndUnlink]

  @Test(arguments: ways)
  func onlyTheOwnerCanReadTheFileWhateverWasThereBefore(_ way: UnnamedFile.Way) throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("old", to: "archive")
    chmod(path, 0o666)
    try ArchiveCases.write(ArchiveCases.pages(3), to: path, way: way)
    var status = stat()
    try #require(stat(path, &status) == 0)
    #expect(status.st_mode & 0o7777 == 0o600)
    #expect(names(in: folder.path) == ["archive"])
  }

  @Test(arguments: ways)
  func aWriterThatGoesAwayLeavesNothingAndTheOldFileIntact(_ way: UnnamedFile.Way) throws {
    let folder = try TemporaryFolder(), path = folder.path + "/archive"
    func abandon(explicitly: Bool) throws {
      let writer = try CacheArchiveWriter(path: path, header: ArchiveCases.header, way: way)
      try ArchiveCases.append(ArchiveCases.pages(5), to: writer)
      #expect(
        way == .nameAndUnlink ? names(in: folder.path).count >= 1 : !names(in: folder.path).contains { $0 != "archive" }
      )
      if explicitly {
        writer.abandon()
        expectRefusal(.invalid, "abandoned") { try writer.finish() }
      }
    }
    for explicitly in [false, true] { try abandon(explicitly: explicitly) }
    #expect(names(in: folder.path).isEmpty)
    let pages = ArchiveCases.pages(2, seed: 9)
    try ArchiveCases.write(pages, to: path, way: way)
    for explicitly in [false, true] { try abandon(explicitly: explicitly) }
    #expect(names(in: folder.path) == ["archive"])
    #expect(try ArchiveCases.read(path) == pages)
  }

  @Test func aProcessThatIsKilledWhileItWritesLeavesNothingAndTheOldFileIntact() async throws {
    let folder = try TemporaryFolder(), path = folder.path + "/archive"
    let pages = ArchiveCases.pages(2, seed: 9)
    try ArchiveCases.write(pages, to: path)
    await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
      let writer = try CacheArchiveWriter(path: path, header: ArchiveCases.header)
      try ArchiveCases.append(ArchiveCases.pages(5), to: writer)
      kill(getpid(), SIGKILL)
    }
    #expect(names(in: folder.path) == ["archive"])
    #expect(try ArchiveCases.read(path) == pages)
  }

  @Test func aDiskWithoutRoomIsAnErrorThatLeavesTheOldFileIntact() async {
    await #expect(processExitsWith: .success) {
      let folder = try TemporaryFolder(), path = folder.path + "/archive"
      let pages = ArchiveCases.pages(2)
      let size = try ArchiveCases.write(pages, to: path)
      try #require(limitFileSize(size))
      for way in CacheArchiveFileTests.ways {
        let writer = try CacheArchiveWriter(path: path, header: ArchiveCases.header, way: way)
        expectRefusal(.noRoom, path, "record", "cannot be written: File too large") {
          try ArchiveCases.append(ArchiveCases.pages(20, seed: 6), to: writer)
        }
        #expect(names(in: folder.path) == ["archive"])
        expectRefusal(.invalid, "abandoned") { try writer.finish() }
      }
      #expect(try ArchiveCases.read(path) == pages)
      try ArchiveCases.write(pages, to: path)
    }
  }

  @Test func pathsThatAreNoArchiveAreRefusedWithoutWaiting() throws {
    let folder = try TemporaryFolder()
    let pipe = folder.path + "/pipe", loop = folder.path + "/loop", empty = try folder.write("", to: "empty")
    try #require(mkfifo(pipe, 0o600) == 0 && symlink(loop, loop) == 0)
    expectRefusal(.wrongKind, "not a regular file") { try CacheArchiveReader(path: pipe) }
    expectRefusal(.wrongKind, "not a regular file") { try CacheArchiveReader(path: "/dev/zero") }
    expectRefusal(.wrongKind, "a directory") { try CacheArchiveReader(path: folder.path) }
    expectRefusal(.failed, "errno \(ELOOP)") { try CacheArchiveReader(path: loop) }
    expectRefusal(.failed, "errno \(ENOENT)") { try CacheArchiveReader(path: folder.path + "/missing") }
    expectRefusal(.failed, "errno \(ENOENT)") { try CacheArchiveReader(path: "") }
    expectRefusal(.failed, "errno \(ENOTDIR)") { try CacheArchiveReader(path: empty + "/x") }
    expectRefusal(.damaged, "empty") { try CacheArchiveReader(path: empty) }
    expectRefusal(.wrongKind, "is not a cache archive") {
      try CacheArchiveReader(path: try folder.write("#!/bin/sh\necho hello world\n", to: "other"))
    }
    expectRefusal(.invalid, "NUL") { try CacheArchiveReader(path: empty + "\0.x") }
    // A hole of a terabyte behind a good beginning is refused at once.
    var archive = ArchiveBytes(header: #"{"fingerprint":{},"page_tokens":4,"page_bytes":40}"#)
    archive.append(parent: -1, rest: [UInt8](repeating: 0, count: 56))
    expectRefusal(.damaged, "record 1: neither a page") {
      try CacheArchiveReader(path: try folder.write(archive.bytes, to: "hole", holeBytes: 1 << 40))
    }
  }

  @Test(arguments: ways)
  func pathsThatNoArchiveCanHaveAreRefused(_ way: UnnamedFile.Way) throws {
    let folder = try TemporaryFolder()
    let pipe = folder.path + "/pipe", loop = folder.path + "/loop"
    try #require(mkfifo(pipe, 0o600) == 0 && symlink(loop, loop) == 0)
    func open(_ path: String) throws { _ = try CacheArchiveWriter(path: path, header: ArchiveCases.header, way: way) }
    expectRefusal(.wrongKind, "not a regular file") { try open(pipe) }
    expectRefusal(.wrongKind, "not a regular file") { try open(folder.path) }
    expectRefusal(.wrongKind, "not a regular file") { try open("/dev/null") }
    expectRefusal(.wrongKind, "path of a file") { try open(folder.path + "/") }
    expectRefusal(.wrongKind, "path of a file") { try open("") }
    expectRefusal(.failed, "errno \(ELOOP)") { try open(loop) }
    expectRefusal(.failed, "errno \(ENOENT)") { try open(folder.path + "/missing/archive") }
    expectRefusal(.invalid, "NUL") { try open(folder.path + "/a\0b") }
    #expect(names(in: folder.path) == ["loop", "pipe"])
  }

  @Test(arguments: ways)
  func aSymbolicLinkIsFollowedAndStays(_ way: UnnamedFile.Way) throws {
    let folder = try TemporaryFolder(), other = try TemporaryFolder()
    let real = try other.write("old", to: "real"), link = folder.path + "/link"
    try #require(symlink(real, link) == 0)
    let pages = ArchiveCases.pages(2)
    try ArchiveCases.write(pages, to: link, way: way)
    #expect(try ArchiveCases.read(real) == pages)
    #expect(try ArchiveCases.read(link) == pages)
    #expect(names(in: folder.path) == ["link"] && names(in: other.path) == ["real"])
  }
}
