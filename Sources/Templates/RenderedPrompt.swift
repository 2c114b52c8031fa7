/// A prompt, and which parts of it came from outside the template.
///
///     ("<|im_start|>user\nhi<|im_end|>\n", literalRanges: [17..<19])
///
/// Invariant: the ranges are sorted, not empty, do not touch, and begin and end between characters (UTF-8 sequences).
public struct RenderedPrompt: Sendable, Hashable {
  public var text: String
  /// UTF-8 byte ranges of `text` that came from message or tool content. The tokenizer recognises no control tokens
  /// inside them, nor across their ends.
  public var literalRanges: [Range<Int>]

  public init(text: String, literalRanges: [Range<Int>]) {
    (self.text, self.literalRanges) = (text, literalRanges)
  }
}
