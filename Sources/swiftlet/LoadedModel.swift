import ArgumentParser
import Generation
import KernelRuntime
import Logging
import Models
import Scheduling
import Serving
import Templates
import Tokenization

/// A model ready to be asked: files, tokenizer, template and a running engine.
struct LoadedModel: Sendable {
  let files: ModelFiles
  let tokenizer: Tokenizer
  let prompts: TemplatedPromptEncoder
  let engine: Engine
  let library: KernelLibrary

  /// Opens the files, then builds the tokenizer while the engine's thread repacks the weights.
  /// - observer: sees every call of a kernel. report: told what goes wrong without stopping anything.
  static func load(
    _ options: ModelOptions, maxWaiting: Int = 1024, observer: (any KernelCallObserver)? = nil, log: Logger,
    report: @escaping @Sendable (String) -> Void = { Terminal.printError($0) }
  ) async throws -> LoadedModel {
    let files = try ModelFiles.open(try options.path())
    var library = try options.kernelOptions.library(log: log)
    library.observer = observer
    var engineOptions = try options.engineOptions()
    engineOptions.maxWaiting = maxWaiting
    engineOptions.report = report
    async let tokenizing = Task.detached { try makeTokenizer(files) }.value
    // The engine needs the tokenizer only when the first request arrives; the box is filled before `load` returns.
    let box = TokenizerBox()
    let engine = try await Engine.start(
      files, tokenizer: { IncrementalDetokenizer(box.tokenizer, skipsSpecialTokens: true) }, library: library,
      options: engineOptions, availableMemory: Machine.availableMemory)
    do {
      let tokenizer = try await tokenizing
      box.fill(tokenizer)
      let template = try files.chatTemplate.map { (source) throws(TemplateError) in try ChatTemplate(source: source) }
      return LoadedModel(
        files: files, tokenizer: tokenizer,
        prompts: TemplatedPromptEncoder(tokenizer: tokenizer, template: template),
        engine: engine, library: library)
    } catch {
      await engine.shutdown()
      throw error
    }
  }

  private static func makeTokenizer(_ files: ModelFiles) throws -> Tokenizer {
    switch files.tokenizer {
    case .gguf(let gguf):
      return try Tokenizer(
        Vocabulary(
          ggufModel: gguf.model, pre: gguf.pre, tokens: gguf.tokens, tokenTypes: gguf.types,
          merges: gguf.merges, bos: gguf.bos, eos: gguf.eos, unk: gguf.unk,
          pad: gguf.pad, addsBOS: gguf.addsBOS, addsEOS: gguf.addsEOS,
          addsSpacePrefix: gguf.addsSpacePrefix))
    case .huggingFace(let json, let configuration):
      return try Tokenizer(tokenizerJSON: json, configuration: configuration)
    case .absent:
      throw ValidationError("\(files.path): the model has no tokenizer, so it cannot be given text")
    }
  }

  /// What a request that says nothing about sampling gets: the model's own recommendation.
  var samplingDefaults: SamplingParameters {
    var sampling = SamplingParameters()
    let defaults = files.generationDefaults
    if let value = defaults.temperature { sampling.temperature = value }
    if let value = defaults.topK { sampling.topK = value }
    if let value = defaults.topP { sampling.topP = value }
    if let value = defaults.minP { sampling.minP = value }
    if let value = defaults.repetitionPenalty { sampling.repetitionPenalty = value }
    return sampling
  }

  var stopTokenIDs: Set<TokenID> { Set(files.stopTokenIDs) }
}
