import Checkpoints
import TestSupport

/// Safetensors files that must be refused.
enum SafetensorsCases {
  static let all = whole + entries + layout

  private static func file(_ header: String, data: Int = 0, length: UInt64? = nil) -> [UInt8] {
    SafetensorsBuilder(header: header, data: [UInt8](repeating: 0, count: data), claimedLength: length).build()
  }

  static let whole: [Refusal] = [
    Refusal("an empty file", .truncated, nil, says: "empty", []),
    Refusal("seven bytes", .truncated, nil, says: "has 7 bytes", [2, 0, 0, 0, 0, 0, 0]),
    Refusal("a header beyond the end", .truncated, nil, says: "ends at byte 1,008", file("{}", length: 1000)),
    Refusal("a header of 17 MB", .limit, nil, says: "at most 16,777,216", file("{}", length: 17 << 20)),
    Refusal("a header of 2^64 - 1 bytes", .limit, nil, says: "18,446,744,073,709,551,615", file("{}", length: .max)),
    Refusal("a header of 0 bytes", .malformed, "header", says: "", file("", length: 0)),
    Refusal("no JSON", .malformed, "header", says: "", file("hello!!!")),
    Refusal("half of a header", .malformed, "header", says: "", file(#"{"a":{"dtype":"F32","#)),
    Refusal("an array", .malformed, "header", says: "", file("[1]     ")),
    Refusal("JSON nested 500 deep", .malformed, "header", says: "", file(String(repeating: #"{"a":"#, count: 500))),
    Refusal("text after the object", .malformed, "header", says: "", file("{} {}   ")),
    Refusal("text that is not UTF-8", .malformed, "header", says: "", notUnicode),
    Refusal("metadata that are numbers", .malformed, "header", says: "", file(#"{"__metadata__":{"a":1}}"#)),
    Refusal("bytes after the last tensor", .layout, nil, says: "end at byte 10, the file has 14", file("{}", data: 4)),
  ]

  private static let notUnicode = little(UInt64(5)) + Array("{\"".utf8) + [0xFF] + Array("\"}".utf8)

  /// One tensor `w` of these members, and eight bytes of data.
  private static func entry(_ members: String, data: Int = 8) -> [UInt8] {
    let text = #"{"w":{"# + members + "}}"
    return file(text + String(repeating: " ", count: (8 - text.utf8.count % 8) % 8), data: data)
  }

  private static func entry(dtype: String = "F32", shape: String = "[2]", offsets: String = "[0,8]") -> [UInt8] {
    entry(#""dtype":"\#(dtype)","shape":\#(shape),"data_offsets":\#(offsets)"#)
  }

  private static let tensor = "tensor w"

  static let entries: [Refusal] = [
    Refusal("no dtype", .malformed, tensor, says: "lacks", entry(#""shape":[2],"data_offsets":[0,8]"#)),
    Refusal("no shape", .malformed, tensor, says: "lacks", entry(#""dtype":"F32","data_offsets":[0,8]"#)),
    Refusal("no offsets", .malformed, tensor, says: "lacks", entry(#""dtype":"F32","shape":[2]"#)),
    Refusal("an unknown member", .malformed, "header", says: "strides", entry(#""strides":[1]"#)),
    Refusal("a member twice", .malformed, "header", says: "dtype", entry(#""dtype":"F32","dtype":"F16""#)),
    Refusal("an unknown dtype", .unsupportedType, tensor, says: "has dtype F33, expected F32", entry(dtype: "F33")),
    Refusal("64-bit floats", .unsupportedType, tensor, says: "has dtype F64", entry(dtype: "F64")),
    Refusal("a GGUF type", .unsupportedType, tensor, says: "has dtype Q4_0", entry(dtype: "Q4_0")),
    Refusal("a dtype that is a number", .malformed, "header", says: "", entry(#""dtype":1"#)),
    Refusal("a shape that is a number", .malformed, "header", says: "", entry(shape: "2")),
    Refusal("a fractional extent", .malformed, "header", says: "", entry(shape: "[2.5]")),
    Refusal("an extent of 2^64", .malformed, "header", says: "", entry(shape: "[18446744073709551616]")),
    Refusal("a negative extent", .malformed, tensor, says: "has shape [-2]", entry(shape: "[-2]")),
    Refusal("nine axes", .malformed, tensor, says: "up to 8 extents", entry(shape: "[1,1,1,1,1,1,1,1,2]")),
    Refusal("ten axes", .malformed, "header", says: "more than 8", entry(shape: "[1,1,1,1,1,1,1,1,1,2]")),
    Refusal("elements that overflow", .limit, tensor, says: "more elements", entry(shape: "[4294967296,4294967296]")),
    Refusal("bytes that overflow", .limit, tensor, says: "more elements", entry(shape: "[4611686018427387904]")),
    Refusal("one offset", .malformed, tensor, says: "a begin and an end", entry(offsets: "[8]")),
    Refusal("three offsets", .malformed, tensor, says: "a begin and an end", entry(offsets: "[0,4,8]")),
    Refusal("a negative offset", .malformed, tensor, says: "[-8, 0]", entry(offsets: "[-8,0]")),
    Refusal("offsets in reverse", .malformed, tensor, says: "[8, 0]", entry(offsets: "[8,0]")),
    Refusal("offsets of 2^63", .malformed, "header", says: "", entry(offsets: "[0,9223372036854775808]")),
    Refusal(
      "an end beyond the file", .truncated, tensor, says: "the file has 8",
      entry(shape: "[2305843009213693951]", offsets: "[0,9223372036854775804]")),
    Refusal(
      "too few bytes", .malformed, tensor, says: "has 4 bytes, shape [2] of F32 takes 8", entry(offsets: "[0,4]")),
    Refusal(
      "too many bytes", .malformed, tensor, says: "has 8 bytes, shape [3] of F16 takes 6",
      entry(dtype: "F16", shape: "[3]")),
    Refusal(
      "an empty name", .malformed, "tensor ", says: "its name has 0 bytes",
      file(#"{"":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, data: 4)),
    Refusal(
      "a name of 2,000 bytes", .malformed, "tensor " + String(repeating: "n", count: 40), says: "2000 bytes",
      SafetensorsBuilder([(String(repeating: "n", count: 2000), "F32", [1], 4)]).build()),
  ]

  /// Tensors `a` and `b` of two float32 each, at these offsets.
  private static func two(_ a: String, _ b: String, names: (String, String) = ("a", "b"), data: Int) -> [UInt8] {
    let text =
      #"{"\#(names.0)":{"dtype":"F32","shape":[2],"data_offsets":\#(a)},"#
      + #""\#(names.1)":{"dtype":"F32","shape":[2],"data_offsets":\#(b)}}"#
    return file(text + String(repeating: " ", count: (8 - text.utf8.count % 8) % 8), data: data)
  }

  static let layout: [Refusal] = [
    Refusal("a name twice", .malformed, "header", says: "\"a\"", two("[0,8]", "[8,16]", names: ("a", "a"), data: 16)),
    Refusal("overlap", .layout, "tensor b", says: "overlaps", two("[0,8]", "[4,12]", data: 12)),
    Refusal("one place for two", .layout, "tensor b", says: "overlaps", two("[0,8]", "[0,8]", data: 8)),
    Refusal("a gap between", .layout, "tensor a", says: "leaves a gap", two("[12,20]", "[0,8]", data: 20)),
    Refusal("a gap before the first", .layout, "tensor a", says: "leaves a gap", two("[8,16]", "[16,24]", data: 24)),
    Refusal(
      "data that are not aligned", .layout, "tensor w", says: "a multiple of 4",
      file(#"{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"# + " ", data: 8)),
  ]
}
