import ArgumentParser
import Generation
import Logging
import Scheduling

/// How tokens are drawn, on the command line.
struct SamplingOptions: ParsableArguments {
  @Option(help: "0 takes the most likely token each time. Default: the model's recommendation, else 1.")
  var temperature: Float?
  @Option(help: "Draw among the k most likely tokens; 0 draws among all.")
  var topK: Int?
  @Option(help: "Draw among the most likely tokens that together reach this probability.")
  var topP: Float?
  @Option(help: "Leave out tokens less likely than this share of the most likely one.")
  var minP: Float?
  @Option(help: "The same seed draws the same tokens.")
  var seed: UInt64?
  @Option(help: "Above 1 makes tokens that were seen less likely.")
  var repetitionPenalty: Float?
  @Option(help: "Largest number of tokens to generate.")
  var maxTokens = 256

  func validate() throws {
    func check(_ name: String, _ value: Float?, _ range: ClosedRange<Float>) throws {
      if let value, !range.contains(value) {
        throw ValidationError("--\(name) is \(value); it must be \(range.lowerBound) to \(range.upperBound)")
      }
    }
    try check("temperature", temperature, 0...100)
    try check("top-p", topP, Float.leastNonzeroMagnitude...1)
    try check("min-p", minP, 0...1)
    try check("repetition-penalty", repetitionPenalty, Float.leastNonzeroMagnitude...100)
    if let topK, topK < 0 { throw ValidationError("--top-k is \(topK); it must not be negative") }
    if maxTokens < 1 { throw ValidationError("--max-tokens is \(maxTokens); it must be at least 1") }
  }

  func parameters(defaults: SamplingParameters) -> SamplingParameters {
    var sampling = defaults
    if let temperature { sampling.temperature = temperature }
    if let topK { sampling.topK = topK }
    if let topP { sampling.topP = topP }
    if let minP { sampling.minP = minP }
    if let seed { sampling.seed = seed }
    if let repetitionPenalty { sampling.repetitionPenalty = repetitionPenalty }
    return sampling
  }
}

struct Generate: AsyncParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Continue a text.")

  @OptionGroup var model: ModelOptions
  @OptionGroup var sampling: SamplingOptions

  @Option(help: "The text to continue. Names of control tokens in it are control tokens.")
  var prompt: String

  @Flag(help: "Treat the prompt as a user's message in a conversation.")
  var chat = false

  @Flag(help: "Print token counts and rates to standard error at the end.")
  var stats = false

  func run() async throws {
    let loaded = try await LoadedModel.load(model, log: .quiet)
    let tokens =
      chat
      ? try loaded.prompts.encodeChat(messages: [.message(role: "user", prompt)], tools: nil)
      : try loaded.prompts.encodeCompletion(prompt)
    var request = GenerationRequest(id: "generate", prompt: tokens, maxTokens: sampling.maxTokens)
    request.sampling = sampling.parameters(defaults: loaded.samplingDefaults)
    request.stop.tokenIDs = loaded.stopTokenIDs
    let answer: PrintedAnswer
    do {
      answer = try await PrintedAnswer.print(request, from: loaded.engine)
    } catch {
      await loaded.engine.shutdown()
      throw error
    }
    await loaded.engine.shutdown()
    Terminal.print("")
    if stats { Terminal.printError(answer.statistics) }
  }
}
