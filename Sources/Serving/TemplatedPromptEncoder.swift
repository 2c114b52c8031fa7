import JSONText
import Templates
import Tokenization

/// The standard `PromptEncoder`: the model's own tokenizer and chat template.
///
/// What the participants of a chat wrote never becomes a control token; the names of control tokens in a raw
/// completion prompt do. A prompt begins with exactly one beginning-of-sequence token when the tokenizer asks for one.
public struct TemplatedPromptEncoder: PromptEncoder {
  let tokenizer: Tokenizer
  let template: ChatTemplate?
  private let bosText: String?, eosText: String?

  /// - Parameter template: nil for a model that has none; its chat requests are refused.
  public init(tokenizer: Tokenizer, template: ChatTemplate?) {
    (self.tokenizer, self.template) = (tokenizer, template)
    func text(_ token: TokenID?) -> String? { token.map { String(decoding: tokenizer.bytes(of: $0), as: UTF8.self) } }
    (bosText, eosText) = (text(tokenizer.bos), text(tokenizer.eos))
  }

  public var vocabularySize: Int { tokenizer.vocabularySize }

  public func bytes(of token: TokenID) -> [UInt8] { tokenizer.bytes(of: token) }

  public func encodeChat(messages: [JSONValue], tools: [JSONValue]?) throws(PromptError) -> [TokenID] {
    guard let template else { throw .refused("this model has no chat template; use /v1/completions") }
    let prompt: RenderedPrompt
    do {
      prompt = try template.render(
        messages: messages, tools: tools, addGenerationPrompt: true, bosToken: bosText, eosToken: eosText)
    } catch {
      switch error.kind {
      case .raised: throw .refused("the model's chat template refuses the conversation: \(error.message)")
      case .limit, .type: throw .refused("the conversation does not suit the model: \(error)")
      case .syntax, .undefined: throw .broken("the model's chat template is at fault: \(error)")
      }
    }
    return begun(tokenizer.encode(prompt.text, literalRanges: prompt.literalRanges))
  }

  public func encodeCompletion(_ text: String) throws(PromptError) -> [TokenID] { begun(tokenizer.encode(text)) }

  private func begun(_ tokens: [TokenID]) -> [TokenID] {
    guard tokenizer.addsBOS, let bos = tokenizer.bos, tokens.first != bos else { return tokens }
    return [bos] + tokens
  }
}
