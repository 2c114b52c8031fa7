import ArgumentParser
import KernelRuntime

/// Runs the command on threads that do not wait long for those that compute.
@main
enum Program {
  static func main() async {
    TimeSlice.serveOthers()
    await Swiftlet.main()
  }
}

struct Swiftlet: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "swiftlet",
    abstract: "Serve large language models with kernels that can be swapped.",
    version: Version.text,
    subcommands: [
      Serve.self, Chat.self, Generate.self, Pull.self, KernelsCommand.self, Bench.self, Profile.self,
      TracesCommand.self,
      Simulate.self, CacheCommand.self, Doctor.self, KernelWorkerCommand.self,
    ])
}

enum Version {
  static let text = "0.1.0-dev"
}
