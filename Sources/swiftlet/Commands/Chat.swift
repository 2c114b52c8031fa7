import ArgumentParser
import JSONText
import Scheduling

struct Chat: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Talk to a model in the terminal.",
    discussion: "/reset forgets the conversation, /exit or the end of the input leaves.")

  @OptionGroup var model: ModelOptions
  @OptionGroup var sampling: SamplingOptions

  @Option(help: "A system message to begin with.")
  var system: String?

  func run() async throws {
    let loaded = try await LoadedModel.load(model, log: .quiet)
    defer { Terminal.write("") }
    let opening = system.map { [JSONValue.message(role: "system", $0)] } ?? []
    var history = opening
    if Terminal.isInteractive { Terminal.print("\(loaded.files.name). /reset forgets, /exit leaves.") }
    var turn = 0
    while true {
      if Terminal.isInteractive { Terminal.write("> ") }
      guard let line = readLine() else { break }
      switch line {
      case "": continue
      case "/exit", "/quit":
        await loaded.engine.shutdown()
        return
      case "/reset":
        history = opening
        Terminal.print("(forgotten)")
        continue
      case _ where line.hasPrefix("/"):
        Terminal.printError("unknown command \(line); there are /reset and /exit")
        continue
      default: break
      }
      turn += 1
      do {
        let messages = history + [.message(role: "user", line)]
        let prompt = try loaded.prompts.encodeChat(messages: messages, tools: nil)
        var request = GenerationRequest(id: "chat-\(turn)", prompt: prompt, maxTokens: sampling.maxTokens)
        request.sampling = sampling.parameters(defaults: loaded.samplingDefaults)
        request.stop.tokenIDs = loaded.stopTokenIDs
        let answer = try await PrintedAnswer.print(request, from: loaded.engine)
        Terminal.print("")
        // A turn that failed is not part of the conversation.
        history = messages + [.message(role: "assistant", answer.text)]
      } catch {
        Terminal.printError("\(error)")
      }
    }
    await loaded.engine.shutdown()
  }
}
