import Testing

@testable import KernelRuntime

@Suite("SHA-256") struct SHA256Tests {
  @Test(
    "gives the digests of the standard",
    arguments: [
      ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
      ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
      (
        "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
      ),
    ])
  func standard(text: String, digest: String) {
    #expect(SHA256.hexDigest(of: Array(text.utf8)) == digest)
  }

  @Test("does not depend on how the message is cut")
  func pieces() {
    let message = (0..<300).map { UInt8(truncatingIfNeeded: $0 * 7) }
    let whole = SHA256.hexDigest(of: message)
    for step in [1, 63, 64, 65, 128] {
      var sha = SHA256()
      for start in stride(from: 0, to: message.count, by: step) {
        sha.update(Array(message[start..<min(start + step, message.count)]))
      }
      #expect(sha.hexDigest() == whole, "pieces of \(step)")
    }
  }
}
