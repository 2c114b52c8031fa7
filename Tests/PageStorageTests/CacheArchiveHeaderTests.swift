import TestSupport
import Testing

@testable import PageStorage

@Suite struct CacheArchiveHeaderTests {
  func header(_ fields: [(String, String)], _ tokens: Int = 4, _ bytes: Int = 40) -> CacheArchiveHeader {
    CacheArchiveHeader(fingerprint: fields.map { .init($0, $1) }, pageTokens: tokens, pageBytes: bytes)
  }

  @Test func theFieldThatDiffersIsNamedWithBothValues() throws {
    let folder = try TemporaryFolder(), path = folder.path + "/archive"
    let fields = [("model", "a"), ("layout", "x"), ("kernels", "é")]
    try ArchiveCases.write([], to: path, header: header(fields))
    let cases: [(CacheArchiveHeader, [String])] = [
      (header([("model", "b"), fields[1], fields[2]]), ["field model", "expected \"b\", found \"a\""]),
      (header([fields[0], fields[1], ("kernels", "e\u{301}")]), ["field kernels"]),
      (header(fields + [("threads", "2")]), ["field threads", "expected \"2\", found no such field"]),
      (header(Array(fields.prefix(2))), ["field kernels", "expected no such field, found \"é\""]),
      (header([fields[1], fields[0], fields[2]]), ["field layout", "as number 1", "\"model\" there"]),
      (header(fields, 8), ["field page_tokens", "expected 8, found 4"]),
      (header(fields, 4, 41), ["field page_bytes", "expected 41, found 40"]),
      (header([]), ["field model"]),
    ]
    for (expected, words) in cases {
      let reader = try CacheArchiveReader(path: path)
      for _ in 0..<2 {
        expectRefusal(.mismatch, words[0], words.dropFirst().first ?? "") { try reader.verify(expecting: expected) }
        expectRefusal(.invalid, "compared") { try reader.forEachRecord { _ in true } }
        try reader.verify(expecting: header(fields))
      }
    }
    let reader = try CacheArchiveReader(path: path)
    expectRefusal(.invalid, "compared") { try reader.forEachRecord { _ in true } }
    #expect(reader.header.fingerprint.map(\.name) == fields.map(\.0))
  }

  @Test func headersThatCannotBeAreNotWritten() throws {
    let folder = try TemporaryFolder(), path = folder.path + "/archive"
    let many = (0..<1001).map { ("\($0)", "") }
    let cases: [(CacheArchiveHeader, String)] = [
      (header([], 0), "page_tokens"), (header([], -4), "page_tokens"), (header([], .max), "page_tokens"),
      (header([], 4, 0), "page_bytes"), (header([], 4, .max), "page_bytes"), (header(many), "at most 1000 fields"),
      (header([("a", ""), ("b", ""), ("a", "")]), "field a"),
      (header([("a", String(repeating: "x", count: 1 << 16))]), "too long"),
    ]
    for (header, word) in cases {
      expectRefusal(.invalid, word) { try CacheArchiveWriter(path: path, header: header) }
    }
    #expect(names(in: folder.path).isEmpty)
  }

  @Test func hostileHeadersWithRightChecksumsAreRefused() throws {
    let folder = try TemporaryFolder()
    let deep = String(repeating: "[", count: 20_000), numbers = #""page_tokens":4,"page_bytes":40"#
    let texts =
      [
        "", "{}", "[]", "null", "{", deep, String(repeating: #"{"fingerprint":"#, count: 4000),
        #"{"fingerprint":{},"page_tokens":4}"#, #"{"fingerprint":[],\#(numbers)}"#,
        #"{"fingerprint":{"a":1},\#(numbers)}"#,
        #"{"fingerprint":{"a":{"b":"c"}},\#(numbers)}"#, #"{"fingerprint":{"a":"1","a":"1"},\#(numbers)}"#,
        #"{"fingerprint":{},"fingerprint":{},\#(numbers)}"#, #"{"fingerprint":{},\#(numbers),"page_tokens":4}"#,
        #"{"fingerprint":{},\#(numbers),"more":1}"#, #"{"fingerprint":{},\#(numbers)} x"#,
        #"{"fingerprint":{"\#u{1}":"1"},\#(numbers)}"#, #"{"fingerprint":{"a":"\ud800"},\#(numbers)}"#,
        #"{"fingerprint":{"a":\#(deep)},\#(numbers)}"#,
      ]
      + ["-4", "0", "4.0", "4e0", "NaN", "\"4\"", "null", "9223372036854775807", "9223372036854775808", "1048577"].map {
        #"{"fingerprint":{},"page_tokens":\#($0),"page_bytes":40}"#
      }
      + ["-40", "0", "1e9", "Infinity", "9223372036854775807", "18446744073709551616", "1099511627777"].map {
        #"{"fingerprint":{},"page_tokens":4,"page_bytes":\#($0)}"#
      }
    for text in texts {
      var archive = ArchiveBytes(header: text)
      archive.end()
      let path = try folder.write(archive.bytes, to: "archive")
      expectRefusal(.damaged, "header") { try CacheArchiveReader(path: path) }
    }
    for count in [UInt32(65537), .max, 1 << 31, 60000] {
      var archive = ArchiveBytes(header: #"{"fingerprint":{},\#(numbers)}"#, claimedHeaderBytes: count)
      archive.end()
      let path = try folder.write(archive.bytes, to: "archive")
      expectRefusal(.damaged, "the head") { try CacheArchiveReader(path: path) }
    }
    for (magic, version) in [("SWLCACHE", 0), ("SWLCACHE", 2), ("SWLCACHE", UInt32.max), ("GGUFGGUF", 1)]
      as [(String, UInt32)]
    {
      var archive = ArchiveBytes(magic: magic, version: version, header: #"{"fingerprint":{},\#(numbers)}"#)
      archive.end()
      let path = try folder.write(archive.bytes, to: "archive")
      expectRefusal(.wrongKind, "cache archive") { try CacheArchiveReader(path: path) }
    }
  }

  @Test func pagesOfClaimedSizesAreNotTakenMemoryFor() throws {
    let folder = try TemporaryFolder()
    for bytes in [1 << 40, 1 << 33, 41] {
      var archive = ArchiveBytes(header: #"{"fingerprint":{},"page_tokens":4,"page_bytes":\#(bytes)}"#)
      archive.append(parent: -1, rest: [UInt8](repeating: 0, count: 16 + 40 - 24))
      archive.end()
      let path = try folder.write(archive.bytes, to: "archive")
      expectRefusal(.damaged, "beyond the end") { try CacheArchiveReader(path: path) }
    }
    // An empty archive of giant pages is one without pages.
    var archive = ArchiveBytes(header: #"{"fingerprint":{},"page_tokens":1048576,"page_bytes":1099511627776}"#)
    archive.end()
    let path = try folder.write(archive.bytes, to: "archive")
    #expect(try ArchiveCases.read(path, expecting: header([], 1 << 20, 1 << 40)).isEmpty)
  }

  @Test func hostileRecordsWithRightChecksumsAreRefused() throws {
    let folder = try TemporaryFolder(), rest = [UInt8](repeating: 7, count: 56)
    func expect(_ words: String, _ build: (inout ArchiveBytes) -> Void) throws {
      var archive = ArchiveBytes(header: #"{"fingerprint":{},"page_tokens":4,"page_bytes":40}"#)
      archive.append(parent: -1, rest: rest)
      build(&archive)
      let path = try folder.write(archive.bytes, to: "archive")
      expectRefusal(.damaged, words) { try CacheArchiveReader(path: path) }
    }
    for parent in [1, 2, -2, Int64.max, .min] {
      try expect("record 1: its parent cannot be: expected -1 to 0, found \(parent)") {
        $0.append(parent: parent, rest: rest)
        $0.end()
      }
    }
    try expect("its salt is too long") { $0.append(saltBytes: 65537, parent: -1, rest: rest) }
    try expect("its salt is too long") { $0.append(saltBytes: .max, parent: -1, rest: rest) }
    try expect("its salt is too long") { $0.append(parent: 0, salt: [65], rest: rest) }
    try expect("beyond the end") { $0.append(saltBytes: 65536, parent: -1, rest: rest) }
    try expect("not UTF-8") { $0.append(parent: -1, salt: [0xC3], rest: rest) }
    try expect("neither a page nor the end") { $0.append(mark: "MORE", parent: -1, rest: rest) }
    try expect("neither a page nor the end") { $0.end(mark: "END!") }
    for count in [UInt64(0), 2, 1 << 40, .max, 1 << 63] {
      try expect("the number of records is wrong: expected 1") { $0.end(count: count) }
    }
    try expect("number of records") { $0.end(zero: 1) }
    try expect("record 1: reaches beyond the end") { _ in }
  }
}
