import JSONText
import Tensors

/// Where the arguments of a kernel lie in shared memory, for a number of slots: a slot is one complete set of arguments.
struct ArgumentLayout: Sendable, Hashable {
  enum Place: String, Sendable { case inputs, outputs }

  /// A tensor that has the same type and shape in every slot.
  struct TensorPlace: Sendable, Hashable {
    var name: String, dtype: DType, shape: [Int], place: Place
    /// Byte offset of each slot's tensor.
    var offsets: [Int]
    var byteCount: Int { dtype.byteCount(of: shape.reduce(1, *)) }
  }
  enum Argument: Sendable, Hashable {
    case tensor(TensorPlace)
    /// The value in each slot.
    case scalar(name: String, values: [Double])
  }

  /// In the kernel's order: inputs without those held constant, then outputs.
  var arguments: [Argument]
  /// How many of `arguments` are outputs.
  var outputCount: Int
  var slotCount: Int
}

/// What the checking process asks of a worker: one JSON object a line, each with a number that the answer repeats.
enum WorkerRequest: Sendable {
  struct Build: Sendable {
    /// The definition's and the solution's documents; the solution is a name of one that is part of the program, or a
    /// whole document.
    var definition: JSONValue, solution: JSONValue
    /// Inputs held constant, each with one offset a copy.
    var constants: [ArgumentLayout.TensorPlace]
    /// Times that the kernel is bound, each with its own copy of the constants.
    var copies: Int
    var threads: Int
  }

  case build(Build)
  case layout(ArgumentLayout)
  case run(slot: Int)
  /// Calls the kernel once for each slot, in this order, between two readings of the counter; before them for the slots of
  /// `lead`, so that the processor is up to speed.
  case time(slots: [Int], lead: [Int])
  case ping

  func line(number: Int) -> String {
    var object = JSONObject([("number", .int(number))])
    switch self {
    case .build(let build):
      object["do"] = .string("build")
      object["definition"] = build.definition
      object["solution"] = build.solution
      object["constants"] = .array(build.constants.map(Self.encode))
      object["copies"] = .int(build.copies)
      object["threads"] = .int(build.threads)
    case .layout(let layout):
      object["do"] = .string("layout")
      object["slots"] = .int(layout.slotCount)
      object["outputs"] = .int(layout.outputCount)
      object["arguments"] = .array(
        layout.arguments.map { argument in
          switch argument {
          case .tensor(let tensor): Self.encode(tensor)
          case .scalar(let name, let values):
            .object(JSONObject([("name", .string(name)), ("values", .array(values.map(JSONValue.double)))]))
          }
        })
    case .run(let slot):
      object["do"] = .string("run")
      object["slot"] = .int(slot)
    case .time(let slots, let lead):
      object["do"] = .string("time")
      object["slots"] = .array(slots.map(JSONValue.int))
      object["lead"] = .array(lead.map(JSONValue.int))
    case .ping: object["do"] = .string("ping")
    }
    return JSONValue.object(object).compact
  }

  /// - Throws: a sentence that says what is missing.
  init(_ value: JSONValue) throws(WorkerUsageError) {
    func missing(_ what: String) -> WorkerUsageError { WorkerUsageError(reason: "the request has no \(what)") }
    switch value["do"]?.string {
    case "build":
      guard let definition = value["definition"], let solution = value["solution"],
        let constants = value["constants"]?.array, let copies = value["copies"]?.int,
        let threads = value["threads"]?.int
      else { throw missing("definition, solution, constants, copies or threads") }
      var places: [ArgumentLayout.TensorPlace] = []
      for constant in constants { places.append(try Self.decode(constant)) }
      self = .build(
        Build(definition: definition, solution: solution, constants: places, copies: copies, threads: threads))
    case "layout":
      guard let list = value["arguments"]?.array, let slots = value["slots"]?.int, let outputs = value["outputs"]?.int
      else { throw missing("arguments, slots or outputs") }
      var arguments: [ArgumentLayout.Argument] = []
      for argument in list {
        if let values = argument["values"]?.array {
          arguments.append(.scalar(name: argument["name"]?.string ?? "", values: values.compactMap(\.double)))
        } else {
          arguments.append(.tensor(try Self.decode(argument)))
        }
      }
      self = .layout(ArgumentLayout(arguments: arguments, outputCount: outputs, slotCount: slots))
    case "run":
      guard let slot = value["slot"]?.int else { throw missing("slot") }
      self = .run(slot: slot)
    case "time":
      guard let slots = value["slots"]?.array, let lead = value["lead"]?.array else { throw missing("slots or lead") }
      self = .time(slots: slots.compactMap(\.int), lead: lead.compactMap(\.int))
    case "ping": self = .ping
    default: throw missing("do that is known")
    }
  }

  private static func encode(_ tensor: ArgumentLayout.TensorPlace) -> JSONValue {
    .object(
      JSONObject([
        ("name", .string(tensor.name)), ("dtype", .string(tensor.dtype.rawValue)),
        ("shape", .array(tensor.shape.map(JSONValue.int))), ("place", .string(tensor.place.rawValue)),
        ("offsets", .array(tensor.offsets.map(JSONValue.int))),
      ]))
  }

  private static func decode(_ value: JSONValue) throws(WorkerUsageError) -> ArgumentLayout.TensorPlace {
    guard let name = value["name"]?.string, let dtype = value["dtype"]?.string.flatMap(DType.init(rawValue:)),
      let shape = value["shape"]?.array,
      let place = value["place"]?.string.flatMap(ArgumentLayout.Place.init(rawValue:)),
      let offsets = value["offsets"]?.array
    else { throw WorkerUsageError(reason: "an argument has no name, dtype, shape, place or offsets") }
    return .init(
      name: name, dtype: dtype, shape: shape.compactMap(\.int), place: place, offsets: offsets.compactMap(\.int))
  }
}

/// What a worker answers.
struct WorkerReply: Sendable {
  var number: Int
  /// Why the request failed, with the `KernelError` code's name.
  var failure: (code: String, reason: String)?
  /// The counter when the work began and when it was done.
  var start: UInt64 = 0, end: UInt64 = 0
  /// Hash of the last slot's outputs, taken as soon as the clock was stopped.
  var outputHash: UInt64 = 0
  /// Nanoseconds that the C library's and the kernel's own clock say went by meanwhile.
  var libraryNanoseconds = 0, kernelNanoseconds = 0
  /// A loaded library that replaces a clock function.
  var clockReplacedBy: String?

  var line: String {
    var object = JSONObject([("number", .int(number))])
    if let failure {
      object["code"] = .string(failure.code)
      object["reason"] = .string(failure.reason)
    }
    object["start"] = .string(String(start))
    object["end"] = .string(String(end))
    object["hash"] = .string(String(outputHash))
    object["library_ns"] = .int(libraryNanoseconds)
    object["kernel_ns"] = .int(kernelNanoseconds)
    object["clock_replaced_by"] = clockReplacedBy.map(JSONValue.string)
    return JSONValue.object(object).compact
  }

  init(number: Int) { self.number = number }

  /// nil for a line that no worker writes.
  init?(_ line: [UInt8]) {
    guard let value = try? JSONValue(parsing: line), let number = value["number"]?.int,
      let start = value["start"]?.string.flatMap({ UInt64($0) }),
      let end = value["end"]?.string.flatMap({ UInt64($0) }),
      let hash = value["hash"]?.string.flatMap({ UInt64($0) }), let library = value["library_ns"]?.int,
      let kernel = value["kernel_ns"]?.int
    else { return nil }
    (self.number, self.start, self.end, outputHash) = (number, start, end, hash)
    (libraryNanoseconds, kernelNanoseconds) = (library, kernel)
    clockReplacedBy = value["clock_replaced_by"]?.string
    if let code = value["code"]?.string { failure = (code, value["reason"]?.string ?? "") }
  }
}
