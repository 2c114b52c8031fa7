import ArgumentParser

/// What `--admin` says: a port on this machine, or a host and a port.
struct AdminAddress {
  let host: String, port: Int

  /// - Throws: when it is neither, or would let anybody on the network switch kernels without a key.
  init(_ text: String, hasKeys: Bool) throws {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard let number = parts.last.flatMap({ Int($0) }), (0...65535).contains(number), parts.first != "" else {
      throw ValidationError("--admin is \(text); write a port, or HOST:PORT")
    }
    host = parts.count == 2 ? String(parts[0]) : "127.0.0.1"
    port = number
    guard hasKeys || ["127.0.0.1", "localhost"].contains(host) else {
      throw ValidationError("--admin \(text) can be reached from other machines: give --api-key-file, too")
    }
  }
}
