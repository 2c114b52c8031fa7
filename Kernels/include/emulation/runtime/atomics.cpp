// Atomic operations, also between the threads of the processor that run different blocks.
#include "../parts/atomics.h"

#include "blocks.h"
#include "races.h"

namespace emulation {

namespace {

template <typename T>
T from_bits(uint64_t bits) {
  T value;
  memcpy(static_cast<void*>(&value), &bits, sizeof(T));
  return value;
}
template <typename T>
uint64_t as_bits(T value) {
  uint64_t bits = 0;
  memcpy(&bits, static_cast<const void*>(&value), sizeof(T));
  return bits;
}

template <typename T>
T added(T a, T b) {
  if constexpr (std::is_same_v<T, __half2> || std::is_same_v<T, __nv_bfloat162>) return __hadd2(a, b);
  else if constexpr (std::is_integral_v<T>) return static_cast<T>(static_cast<std::make_unsigned_t<T>>(a) + static_cast<std::make_unsigned_t<T>>(b));
  else return a + b;
}

template <typename T>
bool updated(T old, T operand, Update update, T& result) {
  if (update == Update::add) return result = added(old, operand), true;
  if (update == Update::exchange) return result = operand, true;
  if constexpr (std::is_arithmetic_v<T>) {
    if (update == Update::minimum) return result = operand < old ? operand : old, true;
    if (update == Update::maximum) return result = operand > old ? operand : old, true;
  }
  if constexpr (std::is_integral_v<T>) {
    switch (update) {
      case Update::bit_and: return result = old & operand, true;
      case Update::bit_or: return result = old | operand, true;
      case Update::bit_xor: return result = old ^ operand, true;
      case Update::increment: return result = old >= operand ? 0 : old + 1, true;
      case Update::decrement: return result = old == 0 || old > operand ? operand : old - 1, true;
      default: break;
    }
  }
  return false;
}

/// Replaces what is at `address` until it was what the result was computed from. Word is the unsigned type of T's size.
template <typename T, typename Word>
uint64_t update_as(void* address, uint64_t operand, Update update) {
  static_assert(sizeof(T) == sizeof(Word));
  Word* word = static_cast<Word*>(address);
  Word old = __atomic_load_n(word, __ATOMIC_RELAXED);
  for (;;) {
    T result;
    if (!updated(from_bits<T>(old), from_bits<T>(operand), update, result)) fault("an atomic operation that this type does not have");
    const Word desired = static_cast<Word>(as_bits(result));
    if (__atomic_compare_exchange_n(word, &old, desired, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {
      // What changes nothing may be a loop that waits for somebody else's change.
      if (desired == old) spin();
      return old;
    }
  }
}

void check_aligned(const void* address, uint32_t bytes) {
  if (reinterpret_cast<uintptr_t>(address) % bytes != 0) {
    fault_with(misaligned_address, "an atomic operation on %u bytes at %p", bytes, address);
  }
}

constexpr uint32_t size_of(Element element) {
  switch (element) {
    case Element::int64:
    case Element::uint64:
    case Element::float64: return 8;
    case Element::float16:
    case Element::bfloat16: return 2;
    default: return 4;
  }
}

}  // namespace

uint64_t atomic_update(void* address, uint64_t operand, Update update, Element element) {
  check_aligned(address, size_of(element));
  note_atomic(address, size_of(element), __builtin_return_address(0));
  switch (element) {
    case Element::int32: return update_as<int32_t, uint32_t>(address, operand, update);
    case Element::uint32: return update_as<uint32_t, uint32_t>(address, operand, update);
    case Element::int64: return update_as<int64_t, uint64_t>(address, operand, update);
    case Element::uint64: return update_as<uint64_t, uint64_t>(address, operand, update);
    case Element::float32: return update_as<float, uint32_t>(address, operand, update);
    case Element::float64: return update_as<double, uint64_t>(address, operand, update);
    case Element::float16: return update_as<__half, uint16_t>(address, operand, update);
    case Element::bfloat16: return update_as<__nv_bfloat16, uint16_t>(address, operand, update);
    case Element::float16x2: return update_as<__half2, uint32_t>(address, operand, update);
    case Element::bfloat16x2: return update_as<__nv_bfloat162, uint32_t>(address, operand, update);
  }
  return 0;
}

uint64_t atomic_compare_exchange(void* address, uint64_t expected, uint64_t desired, uint32_t size) {
  check_aligned(address, size);
  note_atomic(address, size, __builtin_return_address(0));
  uint64_t old = expected;
  const auto exchange = [&](auto* word) {
    using Word = std::remove_pointer_t<decltype(word)>;
    Word seen = static_cast<Word>(expected);
    __atomic_compare_exchange_n(word, &seen, static_cast<Word>(desired), false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    old = seen;
    if (seen != static_cast<Word>(expected)) spin();
  };
  if (size == 2) exchange(static_cast<uint16_t*>(address));
  else if (size == 4) exchange(static_cast<uint32_t*>(address));
  else exchange(static_cast<uint64_t*>(address));
  return old;
}

}  // namespace emulation
