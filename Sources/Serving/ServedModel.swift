import Generation
import JSONText
import Scheduling
import Tokenization

/// Text to tokens as one served model does it. `TemplatedPromptEncoder` is the standard one.
public protocol PromptEncoder: Sendable {
  /// Renders a conversation with the model's chat template, ready for the assistant's answer.
  /// - Parameters:
  ///   - messages: objects with `role` and `content` (a string, or null beside `tool_calls`), already checked.
  ///   - tools: the tools as the request listed them; nil when there are none.
  func encodeChat(messages: [JSONValue], tools: [JSONValue]?) throws(PromptError) -> [TokenID]
  /// Encodes a raw prompt; the names of control tokens in it are control tokens.
  func encodeCompletion(_ text: String) throws(PromptError) -> [TokenID]
  /// The bytes that a token stands for, which need not be whole characters.
  func bytes(of token: TokenID) -> [UInt8]
  /// Token ids are below this.
  var vocabularySize: Int { get }
}

/// Why a prompt could not be made from a request.
public enum PromptError: Error, Sendable, Hashable {
  /// The request is at fault; the sentence is for the client.
  case refused(String)
  /// The model's files are at fault.
  case broken(String)
}

/// One model and the names under which it is served.
public struct ServedModel: Sendable {
  /// The name in answers and in the list of models.
  public var id: String
  /// Other names that requests may use.
  public var aliases: [String]
  /// When the model was made or loaded, in seconds since 1970.
  public var created: Int
  /// The longest prompt plus output, in tokens.
  public var contextLength: Int
  /// All the tokens that end an answer.
  public var stopTokenIDs: Set<TokenID>
  /// What a request that says nothing about sampling gets.
  public var defaults: SamplingParameters
  public var prompts: any PromptEncoder
  public var generator: any TextGenerator

  public init(
    id: String, aliases: [String] = [], created: Int = 0, contextLength: Int? = nil,
    stopTokenIDs: Set<TokenID>, defaults: SamplingParameters = SamplingParameters(),
    prompts: any PromptEncoder, generator: any TextGenerator
  ) {
    (self.id, self.aliases, self.created) = (id, aliases, created)
    self.contextLength = contextLength ?? generator.contextLength
    (self.stopTokenIDs, self.defaults, self.prompts, self.generator) = (stopTokenIDs, defaults, prompts, generator)
  }
}
