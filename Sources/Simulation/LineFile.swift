import Glibc

/// The lines of a file, read piece by piece: a day of traffic may be larger than memory should be.
///
/// Pipes and devices are files too.
enum LineFile {
  /// The longest line that is read: two million block ids.
  static let longestLine = 16 << 20
  private static let pieceLength = 1 << 18

  /// Calls `body` with each line, without its line feed, and with its number, counted from 1.
  /// - Throws: `TrafficError` when the file cannot be read or a line is too long, and what `body` throws.
  static func forEachLine(
    of path: String, _ body: (Int, UnsafeBufferPointer<UInt8>) throws(TrafficError) -> Void
  ) throws(TrafficError) {
    func failure(_ code: Int32) -> TrafficError {
      TrafficError(file: path, line: nil, reason: "cannot be read: \(String(cString: strerror(code)))")
    }
    guard let file = fopen(path, "r") else { throw failure(errno) }
    defer { fclose(file) }
    var held: [UInt8] = []  // what has no line feed yet
    var piece = [UInt8](repeating: 0, count: pieceLength)
    var number = 1
    while true {
      errno = 0
      let count = fread(&piece, 1, pieceLength, file)
      if ferror(file) != 0 { throw failure(errno) }
      if count == 0 { break }
      var start = 0
      for end in 0..<count where piece[end] == 0x0A {
        if held.isEmpty {
          try call(body, number, piece[start..<end])
        } else {
          held += piece[start..<end]
          try call(body, number, held[...])
          held.removeAll(keepingCapacity: true)
        }
        start = end + 1
        number += 1
      }
      held += piece[start..<count]
      guard held.count <= longestLine else {
        throw TrafficError(
          file: path, line: number, reason: "is longer than \(longestLine >> 20) MiB; a line holds one request")
      }
    }
    if !held.isEmpty { try call(body, number, held[...]) }
  }

  private static func call(
    _ body: (Int, UnsafeBufferPointer<UInt8>) throws(TrafficError) -> Void, _ number: Int, _ line: ArraySlice<UInt8>
  ) throws(TrafficError) {
    // The standard library's closure of unsafe bytes throws what its body throws, but not yet in this type.
    var failure: TrafficError?
    line.withUnsafeBufferPointer { bytes in
      do throws(TrafficError) { try body(number, bytes) } catch { failure = error }
    }
    if let failure { throw failure }
  }
}
