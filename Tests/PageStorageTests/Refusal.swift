import PageStorage
import Testing

/// Expects a ``PageStorageError`` of this code, whose sentence has all of these words.
func expectRefusal<R>(
  _ code: PageStorageError.Code, _ words: String..., at place: SourceLocation = #_sourceLocation,
  _ body: () throws -> R
) {
  do {
    _ = try body()
    Issue.record("nothing was refused, expected \(code) \(words)", sourceLocation: place)
  } catch let error as PageStorageError {
    #expect(error.code == code, "\(error)", sourceLocation: place)
    for word in words { #expect(error.description.contains(word), sourceLocation: place) }
  } catch {
    Issue.record("another error: \(error)", sourceLocation: place)
  }
}
