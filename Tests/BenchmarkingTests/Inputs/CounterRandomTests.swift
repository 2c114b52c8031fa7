import Testing

@testable import Benchmarking

/// The numbers that every language must make, computed independently in Python from the formulas of `CounterRandom`.
struct CounterRandomTests {
}
