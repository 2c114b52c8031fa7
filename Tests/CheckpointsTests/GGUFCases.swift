import Checkpoints
import TestSupport

/// GGUF files that must be refused.
enum GGUFCases {
  typealias Tensor = GGUFBuilder.Tensor
  typealias Value = GGUFBuilder.Value

  static let all = header + keys + tensors

  private static func file(_ change: (inout GGUFBuilder) -> Void) -> [UInt8] {
    var file = GGUFBuilder()
    change(&file)
    return file.build()
  }

  static let header: [Refusal] = [
    Refusal("bad magic", .wrongKind, nil, says: "0x47475558", file { $0.magic = Array("GGUX".utf8) }),
    Refusal("version 1", .wrongKind, nil, says: "version 1, expected 2 or 3", file { $0.version = 1 }),
    Refusal("version 4", .wrongKind, nil, says: "version 4, expected 2 or 3", file { $0.version = 4 }),
    Refusal("big endian", .wrongKind, nil, says: "big-endian", file { $0.version = 0x0300_0000 }),
    Refusal("absurd key count", .limit, nil, says: "number of keys", file { $0.claimedKeys = .max }),
    Refusal("absurd tensor count", .limit, nil, says: "number of tensors", file { $0.claimedTensors = 1 << 63 }),
    Refusal("more keys than bytes", .truncated, nil, says: "number of keys", file { $0.claimedKeys = 60_000 }),
    Refusal("more tensors than bytes", .truncated, nil, says: "number of tensors", file { $0.claimedTensors = 60_000 }),
  ]

  private static func key(_ name: String, _ value: Value) -> [UInt8] { file { $0.keys = [(name, value)] } }
  private static func text(length: UInt64) -> Value { Value(type: 8, bytes: little(length) + [65, 66]) }
  private static func nested(_ depth: Int) -> Value {
    (0..<depth).reduce(.int32s([1])) { inner, _ in .array(of: 9, [inner]) }
  }

  static let keys: [Refusal] = [
    Refusal(
      "a string beyond the end", .truncated, "key a", says: "the length of the value is 10,000",
      key("a", text(length: 10_000))),
    Refusal(
      "a string of 2^64 - 1 bytes", .truncated, "key a", says: "18,446,744,073,709", key("a", text(length: .max))),
    Refusal("a string of 2^63 bytes", .truncated, "key a", says: "the length", key("a", text(length: 1 << 63))),
    Refusal(
      "an array beyond the end", .truncated, "key a", says: "number of array elements is 1,000",
      key("a", .array(of: 5, [], claimed: 1_000))),
    Refusal(
      "an array whose bytes overflow", .truncated, "key a", says: "number of array elements",
      key("a", .array(of: 10, [], claimed: (1 << 61) + 1))),
    Refusal(
      "an array of strings beyond the end", .truncated, "key a", says: "number of array elements",
      key("a", .array(of: 8, [.string("x")], claimed: 1 << 40))),
    Refusal(
      "a string in an array beyond the end", .truncated, "key a", says: "the length of an array element",
      key("a", .array(of: 8, [Value(type: 8, bytes: little(UInt64(999)) + [1, 2, 3, 4])]))),
    Refusal("an array of an unknown type", .malformed, "key a", says: "is 13", key("a", .array(of: 13, []))),
    Refusal("a value of an unknown type", .malformed, "key a", says: "is 77", key("a", Value(type: 77, bytes: [0]))),
    Refusal("arrays nested too deep", .limit, "key a", says: "nested deeper than 4", key("a", nested(4))),
    Refusal("arrays nested a thousand deep", .limit, "key a", says: "nested deeper", key("a", nested(1000))),
    Refusal("a boolean of 2", .malformed, "key a", says: "a boolean is 2", key("a", Value(type: 7, bytes: [2]))),
    Refusal(
      "text that is not UTF-8", .malformed, "key a", says: "not valid UTF-8",
      key("a", Value(type: 8, bytes: little(UInt64(1)) + [0xFF]))),
    Refusal("an empty key", .malformed, "key ", says: "empty name", key("", .uint32(1))),
    Refusal(
      "a key of 70,000 bytes", .limit, "key 1 of 1", says: "70,000, at most 65,535",
      key(String(repeating: "k", count: 70_000), .uint32(1))),
    Refusal(
      "a key twice", .duplicate, "key a", says: "twice", file { $0.keys = [("a", .uint32(1)), ("a", .bool(true))] }),
    Refusal(
      "a key with control characters", .duplicate, "key a\\u{a}b", says: "twice",
      file { $0.keys = [("a\nb", .uint32(1)), ("a\nb", .uint32(1))] }),
    alignment("alignment 0", .uint32(0), "uint32 0"), alignment("alignment 4", .uint32(4), "uint32 4"),
    alignment("alignment 24", .uint32(24), "uint32 24"), alignment("huge alignment", .uint64(1 << 63), "uint64 92233"),
    alignment("alignment -32", .int32(-32), "int32 -32"), alignment("alignment in words", .string("32"), "string"),
  ]

  private static func alignment(_ title: String, _ value: Value, _ says: String) -> Refusal {
    Refusal(title, .malformed, "key general.alignment", says: says, key("general.alignment", value))
  }

  /// A file of one tensor `w` [32], changed.
  private static func tensor(_ change: (inout Tensor) -> Void) -> [UInt8] {
    var tensor = Tensor("w", [32], .f32)
    change(&tensor)
    return file { $0.tensors = [tensor] }
  }

  private static func extents(
    _ title: String, _ code: CheckpointError.Code, _ extents: [UInt64], type: UInt32 = 0, says: String
  ) -> Refusal {
    Refusal(title, code, "tensor w", says: says, tensor { ($0.extents, $0.type) = (extents, type) })
  }

  static let tensors: [Refusal] = [
    extents("rank 0", .limit, [], says: "has 0 axes, expected 1 to 4"),
    extents("rank 5", .limit, [1, 1, 1, 1, 1], says: "has 5 axes"),
    Refusal("rank 2^32 - 1", .limit, "tensor w", says: "4,294,967,295 axes", tensor { $0.claimedRank = .max }),
    extents("extent 0", .malformed, [32, 0], says: "an extent of 0"),
    extents("extent 2^63", .malformed, [1 << 63], says: "an extent of 9,223,372,036,854,775,808"),
    extents("elements that overflow", .limit, [1 << 40, 1 << 40], says: "more elements"),
    extents("elements that overflow to 0", .limit, [1 << 32, 1 << 32], says: "more elements"),
    extents("bytes that overflow", .limit, [1 << 62], says: "more elements"),
    extents("bytes that overflow in blocks", .limit, [(1 << 63) - 32, 1], type: 8, says: "more elements"),
    extents("an exabyte", .truncated, [1 << 58], says: "data ends at byte 1,152,921"),
    extents("a type that is not supported", .unsupportedType, [32], type: 10, says: "10 (Q2_K), expected one of F32"),
    extents("a removed type", .unsupportedType, [32], type: 4, says: "4 (Q4_2)"),
    extents("integers", .unsupportedType, [32], type: 26, says: "26 (I32)"),
    extents("an unknown type", .unsupportedType, [32], type: 4_000_000_000, says: "4,000,000,000, which is unknown"),
    extents("a part of a block of 32", .malformed, [33], type: 2, says: "multiple of 32, the block of Q4_0"),
    extents("a part of a block of 256", .malformed, [128, 2], type: 14, says: "multiple of 256, the block of Q6_K"),
    Refusal("an unaligned offset", .malformed, "tensor w", says: "multiple of 32", tensor { $0.offset = 8 }),
    Refusal("an offset beyond the end", .truncated, "tensor w", says: "the file has", tensor { $0.offset = 1 << 40 }),
    Refusal(
      "an offset that overflows", .truncated, "tensor w", says: "beyond 2^64",
      tensor { $0.offset = 0xFFFF_FFFF_FFFF_FFE0 }),
    Refusal(
      "an offset whose end overflows", .truncated, "tensor w", says: "data ends",
      tensor { $0.offset = 0xFFFF_FFFF_FFFF_FF00 }),
    Refusal(
      "a gap before the first", .layout, "tensor w", says: "32 bytes",
      tensor {
        ($0.offset, $0.data) = (32, $0.data + [UInt8](repeating: 0, count: 32))
      }),
    Refusal("no name", .malformed, "tensor ", says: "empty name", tensor { $0.name = "" }),
    Refusal(
      "a name of 300 bytes", .limit, "tensor 1 of 1", says: "300, at most 256",
      tensor { $0.name = String(repeating: "n", count: 300) }),
    Refusal(
      "a tensor twice", .duplicate, "tensor w", says: "twice",
      file { $0.tensors = [Tensor("w", [32], .f32), Tensor("w", [32], .f32)] }),
    Refusal(
      "overlapping tensors", .layout, "tensor b", says: "inside tensor a",
      file {
        $0.tensors = [Tensor("a", [32], .f32), Tensor("b", [32], .f32)]
        $0.tensors[1].offset = 32
      }),
    Refusal(
      "two tensors in one place", .layout, "tensor b", says: "inside tensor a",
      file {
        $0.tensors = [Tensor("a", [32], .f32), Tensor("b", [32], .f32)]
        $0.tensors[1].offset = 0
      }),
    Refusal(
      "a gap between tensors", .layout, "tensor b", says: "64 bytes",
      file {
        $0.tensors = [Tensor("a", [32], .f32), Tensor("b", [32], .f32)]
        $0.tensors[1].offset = 192
        $0.tensors[1].data += [UInt8](repeating: 0, count: 64)
      }),
  ]
}
