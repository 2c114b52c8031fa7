import Glibc
import Testing

@testable import Traces

@Suite struct SetCheckTests {
  typealias Sample = SampleSet

  /// What is found after `change`, without what is only worth knowing; paths of the folder left out.
  private func found(_ change: (Sample) throws -> Void) throws -> [String] {
    let sample = try Sample()
    try change(sample)
    return SetCheck(sample.path).findings.filter { $0.level > .info }.map { finding in
      finding.text.split(separator: sample.path + "/", omittingEmptySubsequences: false).joined()
    }
  }

  /// What is found in the workload, of which `workload` is the only line.
  private func found(workload: String) throws -> [String] {
    try found { try $0.write(workload + "\n", to: Sample.workloadFile) }
  }

  @Test func aSoundSetGivesNoFinding() throws {
    let sample = try Sample(), check = SetCheck(sample.path)
    #expect(check.findings.isEmpty)
    #expect(check.summary == "1 definitions: 1 ok, 0 warning, 0 error")
    #expect(check.json["definitions"]?["scale_n4"]?.string == "ok")
  }

  @Test func aMissingFolderIsAnError() {
    let check = SetCheck("/nonexistent/set")
    #expect(check.findings.map(\.text) == ["error: /nonexistent/set: there is no such folder"])
    #expect(check.json["errors"]?.int == 1)
  }

  // MARK: documents and places

  @Test func aBrokenDocumentIsAnErrorInItsFileAndLine() throws {
    let texts = try found {
      try $0.write("{", to: "definitions/elementwise/broken.json")
      try $0.write(Sample.workload() + "\n\nnot json\n", to: Sample.workloadFile)
    }
    #expect(texts.count == 2)
    #expect(texts.first?.hasPrefix("error: definitions/elementwise/broken.json:1: ") == true, "\(texts)")
    #expect(texts.last?.hasPrefix("error: \(Sample.workloadFile):3: ") == true, "\(texts)")
  }

  @Test func aDocumentInTheWrongFolderIsToldWhereItBelongs() throws {
    let texts = try found {
      unlink($0.path + "/" + Sample.definitionFile)
      try $0.write(Sample.definition, to: "definitions/gemm/scale_n4.json")
      unlink($0.path + "/" + Sample.solutionFile)
      try $0.write(Sample.solution(), to: "solutions/baseline/plain.json")
      unlink($0.path + "/" + Sample.workloadFile)
      try $0.write(Sample.workload(), to: "workloads/scale_n4.jsonl")
      unlink($0.path + "/" + Sample.traceFile)
      try $0.write(Sample.trace(), to: "traces/gemm/scale_n4.jsonl")
    }
    #expect(
      texts == [
        "warning: definitions/gemm/scale_n4.json: the folder or file name is not what the document says"
          + " (move it to \(Sample.definitionFile))",
        "warning: solutions/baseline/plain.json: the folder or file name is not what the document says"
          + " (move it to \(Sample.solutionFile))",
        "warning: workloads/scale_n4.jsonl: the folder does not match the operation of scale_n4",
        "warning: traces/gemm/scale_n4.jsonl: the folder does not match the operation of scale_n4",
      ])
  }

  @Test func documentsOfAnUnknownDefinitionAreErrors() throws {
    let texts = try found {
      try $0.write(Sample.solution("s", of: "lost_s"), to: "solutions/baseline/unknown/lost_s/s.json")
      try $0.write(Sample.workload(definition: "lost_w"), to: "workloads/unknown/lost_w.jsonl")
      try $0.write(Sample.trace(definition: "lost_t"), to: "traces/baseline/unknown/lost_t.jsonl")
    }
    #expect(
      texts
        == ["lost_s", "lost_w", "lost_t"].map {
          "error: the definition \($0) is not in the set (add it, or take these documents out)"
        })
  }

  // MARK: workloads

  @Test func axesThatAreMissingUnknownOrConstantAreErrors() throws {
    let place = "error: \(Sample.workloadFile):1: workload.axes"
    #expect(try found(workload: Sample.workload(axes: "")).first == "\(place): the variable axis M is missing")
    #expect(
      try found(workload: Sample.workload(axes: #""M": 2, "K": 3"#)) == [
        "\(place).K: scale_n4 has no such axis; it has M"
      ])
    #expect(
      try found(workload: Sample.workload(axes: #""M": 2, "N": 5"#)) == [
        "\(place).N: it is 5, but the definition holds it constant at 4"
      ])
    #expect(try found(workload: Sample.workload(axes: #""M": 2, "N": 4"#)).isEmpty)
  }

  @Test func aViolatedConstraintIsAnError() throws {
    let workload = Sample.workload(axes: #""M": 1"#, rows: #"{"type": "random"}"#)
    #expect(
      try found(workload: workload) == [
        "error: \(Sample.workloadFile):1: workload.axes: the constraint does not hold: M >= 2"
      ])
  }

  @Test func inputsOfTheWrongKindAreErrors() throws {
    func reason(_ workload: String) throws -> String? {
      let texts = try found(workload: workload)
      #expect(texts.count == 1, "\(texts)")
      return texts.first.map { String($0.dropFirst("error: \(Sample.workloadFile):1: workload.inputs.".count)) }
    }
    let scalar = #"{"type": "scalar", "value": 1}"#, random = #"{"type": "random"}"#
    let file = #"{"type": "safetensors", "path": "\#(Sample.blobFile)", "tensor_key": "rows"}"#
    #expect(try reason(Sample.workload(x: scalar)) == "x: it is a tensor [M, N], found a scalar")
    #expect(try reason(Sample.workload(factor: file)) == "factor: it is a host scalar, found a tensor in a file")
    #expect(
      try reason(Sample.workload(factor: #"{"type": "scalar", "value": true}"#))
        == "factor: it is float32, found a boolean")
    #expect(
      try reason(Sample.workload(others: #", "z": \#(random)"#))
        == "z: scale_n4 has no such input; it has x, factor, rows")
  }

  @Test func aScalarIsAWholeNumberWhereTheInputIs() throws {
    let definition = Sample.definition.replacing(
      #""factor": {"shape": null, "dtype": "float32"}"#, with: #""factor": {"shape": null, "dtype": "int32"}"#)
    for (value, isRight) in [("1", true), ("2.0", true), ("0.5", false), ("NaN", false), ("true", false)] {
      let texts = try found {
        try $0.write(definition, to: Sample.definitionFile)
        try $0.write(
          Sample.workload(factor: #"{"type": "scalar", "value": \#(value)}"#), to: Sample.workloadFile)
      }
      #expect(texts.isEmpty == isRight, "\(value): \(texts)")
    }
  }

  @Test func aScalarForATensorWithoutAxesIsAWarning() throws {
    let texts = try found {
      try $0.write(
        Sample.definition.replacing(#"["M"], "dtype": "int32""#, with: #"[], "dtype": "int32""#),
        to: Sample.definitionFile)
      try $0.write(Sample.workload(rows: #"{"type": "scalar", "value": 1}"#), to: Sample.workloadFile)
    }
    #expect(texts == ["warning: \(Sample.workloadFile):1: workload.inputs.rows: it is a tensor [], found a scalar"])
  }

  @Test func theLineIsThatOfTheFile() throws {
    let texts = try found(workload: "\n\(Sample.workload())\n\n\(Sample.workload("v", axes: #""M": 2, "K": 1"#))")
    #expect(texts.map { $0.hasPrefix("error: \(Sample.workloadFile):4: ") } == [true], "\(texts)")
  }

  @Test func aRepeatedUUIDIsAWarning() throws {
    let texts = try found(workload: "\(Sample.workload())\n\(Sample.workload())")
    #expect(texts == ["warning: \(Sample.workloadFile):2: the uuid w occurs twice"])
  }

  @Test func aDefinitionWithoutWorkloadsIsAWarning() throws {
    let texts = try found { unlink($0.path + "/" + Sample.workloadFile) }
    #expect(texts == ["warning: scale_n4 has no workloads (record or write some)"])
  }

  // MARK: blobs

  @Test func aBlobMustBeThereAndHoldTheTensor() throws {
    func reason(_ blob: [UInt8]?) throws -> String? {
      let texts = try found { sample in
        unlink(sample.path + "/" + Sample.blobFile)
        if let blob { try sample.write(blob, to: Sample.blobFile) }
      }
      #expect(texts.count == 1, "\(texts)")
      return texts.first.map { String($0.dropFirst("error: \(Sample.workloadFile):1: workload.inputs.rows: ".count)) }
    }
    let file = Sample.blobFile
    #expect(try reason(nil) == "\(file): the tensors of this workload are not there")
    #expect(
      try reason(Array("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n".utf8))
        == "\(file): it is a Git LFS pointer, not the file itself: git lfs pull")
    #expect(try reason(Sample.blob(dtype: "I64", bytes: 16)) == "rows in \(file) is I64, expected I32")
    #expect(
      try reason(Sample.blob(shape: [3], bytes: 12)) == "rows in \(file) has the shape [3], expected [2]")
    #expect(try reason(Sample.blob(key: "lines")) == "\(file) has no tensor rows; it has lines")
    #expect(try reason(Sample.blob(missing: 1)) == "\(file): it ends inside of the data of rows")
    #expect(try reason([1, 2, 3]) == "\(file): it has less than 8 bytes")
    #expect(try reason(Array(Sample.blob().prefix(20))) == "\(file): it ends inside of its header")
    #expect(
      try reason([UInt8](repeating: 0xFF, count: 64))
        == "\(file): its header would have \(UInt64.max) bytes: not a safetensors file")
    #expect(try reason([2, 0, 0, 0, 0, 0, 0, 0, 0x7B, 0x7B])?.hasPrefix("\(file): its header is not JSON") == true)
    let header = Array(#"{"rows":{"dtype":"I32","shape":[9223372036854775808]}}"#.utf8)
    #expect(
      try reason([UInt8(header.count), 0, 0, 0, 0, 0, 0, 0] + header)
        == "\(file): its header says nothing usable about the tensor rows")
  }

  @Test func aPipeInABlobsPlaceDoesNotStopTheCheck() throws {
    let texts = try found {
      unlink($0.path + "/" + Sample.blobFile)
      mkfifo($0.path + "/" + Sample.blobFile, 0o600)
    }
    #expect(texts.first?.hasSuffix("\(Sample.blobFile): it is no regular file") == true, "\(texts)")
  }

  @Test func aBlobOutsideOfTheSetIsAnError() throws {
    for path in ["/etc/hostname", "../w.safetensors"] {
      let texts = try found(
        workload: Sample.workload(rows: #"{"type": "safetensors", "path": "\#(path)", "tensor_key": "rows"}"#))
      #expect(texts.first?.contains("leaves the trace set") == true, "\(texts)")
    }
  }

  // MARK: traces and baselines

  @Test func aTraceOfAnUnknownSolutionIsAWarningOnce() throws {
    let texts = try found {
      try $0.write(
        [Sample.trace(), Sample.trace(solution: "lost"), Sample.trace(solution: "lost")].joined(separator: "\n"),
        to: Sample.traceFile)
    }
    #expect(
      texts == ["warning: \(Sample.traceFile):2: 2 traces name the solution lost, which is not in the set"])
  }

  @Test func aTraceOfAnotherDefinitionsSolutionIsAnError() throws {
    let texts = try found {
      try $0.write(
        Sample.definition.replacing("scale_n4", with: "other"), to: "definitions/elementwise/other.json")
      try $0.write(Sample.workload(definition: "other"), to: "workloads/elementwise/other.jsonl")
      try $0.write(Sample.trace(definition: "other"), to: "traces/baseline/elementwise/other.jsonl")
    }
    #expect(texts == ["error: traces/baseline/elementwise/other.jsonl:1: plain implements scale_n4, not other"])
  }

  @Test func noBaselineAndTwoBaselinesAreWarnings() throws {
    let none = try found {
      unlink($0.path + "/" + Sample.solutionFile)
      try $0.write(Sample.solution(by: "me"), to: "solutions/me/elementwise/scale_n4/plain.json")
    }
    #expect(
      none == [
        "warning: scale_n4 has 0 solutions by baseline, so others cannot be scored (exactly one is needed)"
      ])
    let two = try found {
      try $0.write(Sample.solution("second"), to: "solutions/baseline/elementwise/scale_n4/second.json")
    }
    #expect(
      two == [
        "warning: scale_n4 has 2 solutions by baseline, so others cannot be scored (exactly one is needed)"
      ])
    let sample = try Sample()
    #expect(SetCheck(sample.path, baseline: "me").count(.warning) == 1)
  }

  @Test func whatIsOnlyWorthKnowingIsInformation() throws {
    let sample = try Sample()
    try sample.write(
      Sample.definition.replacing(#""description": "x times factor", "#, with: ""), to: Sample.definitionFile)
    try sample.write(Sample.trace("elsewhere"), to: Sample.traceFile)
    let check = SetCheck(sample.path)
    #expect(check.findings.allSatisfy { $0.level == .info })
    #expect(
      check.findings.map(\.reason) == [
        "it has no description", "a trace of plain has the workload elsewhere, which is not in workloads/",
        "plain is missing 1 of 1 workloads",
      ])
    #expect(check.status(of: "scale_n4") == .info)
  }

  // MARK: the fixtures

  @Test func thePublishedSetHasNoErrorsButItsMissingTensors() {
    let check = SetCheck(FixtureFiles.root)
    #expect(check.definitions.count > 50)
    let errors = check.findings.filter { $0.level == .error }
    #expect(errors.allSatisfy { $0.reason.hasSuffix("the tensors of this workload are not there") }, "\(errors)")
    #expect(!errors.isEmpty)
  }

  @Test func theInterchangeSetHasNoErrorsOnceItsTensorsAreThere() throws {
    let source = FixtureFiles.root + "/../interchange/set", folder = try TemporaryFolder()
    for file in FolderListing.files(under: source, suffix: "") {
      try FileStore.replace(folder.path + file.dropFirst(source.count), with: try FileStore.read(file))
    }
    let blob = "blob/workloads/elementwise/scale_n64/scale.safetensors"
    #expect(
      SetCheck(folder.path).findings.filter { $0.level == .error }.map(\.reason)
        == [String](repeating: "./\(blob): the tensors of this workload are not there", count: 3))
    try FileStore.replace(
      "\(folder.path)/\(blob)", with: SampleSet.blob(key: "längen", dtype: "I64", shape: [2], bytes: 16))
    #expect(SetCheck(folder.path).count(.error) == 0)
  }
}
