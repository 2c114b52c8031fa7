import TestSupport
import Testing

@testable import Models

@Suite("The default model's file", .enabled(if: Fixtures.defaultModel != nil))
struct DefaultModelFileTests {
  @Test("Configuration, weights, tokenizer, template and end tokens are those of SmolLM2-135M-Instruct")
  func opens() throws {
    let files = try ModelFiles.open(try #require(Fixtures.defaultModel))
    let expected = DecoderConfiguration(
      family: "llama", vocabularySize: 49152, hiddenSize: 576, intermediateSize: 1536, layerCount: 30,
      queryHeadCount: 9, keyValueHeadCount: 3, headDimension: 64, contextLength: 8192, rmsNormEpsilon: 1e-5,
      ropeTheta: 100_000, ropeStyle: .interleaved, tiesEmbeddings: true)
    #expect(files.configuration == expected)
    #expect(try files.weight(.embedding).format == .q8_0)
    for layer in [0, 10, 29] {
      #expect(try files.weight(.query(layer: layer)).format == .q4_1)
      #expect(try files.weight(.key(layer: layer)).shape == [192, 576])
      #expect(try files.weight(.down(layer: layer)).shape == [576, 1536])
      #expect(try files.weight(.attentionNorm(layer: layer)).format == .f32)
    }
    #expect(files.stopTokenIDs == [2])
    #expect(files.chatTemplate?.contains("You are a helpful AI assistant named SmolLM") == true)
    guard case .gguf(let tokenizer) = files.tokenizer else {
      Issue.record("no tokenizer")
      return
    }
    #expect(tokenizer.model == "gpt2" && tokenizer.pre == "smollm")
    #expect(tokenizer.tokens.count == 49152 && tokenizer.merges.count == 48900 && tokenizer.types?.count == 49152)
    #expect(tokenizer.tokens[0...2] == ["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    #expect([tokenizer.bos, tokenizer.eos, tokenizer.unk, tokenizer.pad] == [1, 2, 0, 2])
    #expect(tokenizer.addsBOS == false && tokenizer.addsSpacePrefix == false)
  }
}
