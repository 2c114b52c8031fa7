// Shuffles, votes, matches and reductions of a warp.
#include "../parts/warps.h"

#include "blocks.h"
#include "races.h"

namespace emulation {

namespace {

/// Calls `body` with each lane of the mask.
template <typename Body>
void for_lanes(Thread* lanes, uint32_t mask, Body body) {
  for (uint32_t rest = mask; rest != 0; rest &= rest - 1) body(lanes[__builtin_ctz(rest)]);
}

void give_all(Thread* lanes, uint32_t mask, uint64_t result) {
  for_lanes(lanes, mask, [&](Thread& thread) { thread.result = result; });
}

template <Reduction REDUCTION>
void reduce_lanes(Thread* lanes, uint32_t mask) {
  uint32_t sum = 0;
  bool first = true;
  for_lanes(lanes, mask, [&](Thread& thread) {
    const uint32_t x = static_cast<uint32_t>(thread.value);
    const int32_t a = static_cast<int32_t>(sum), b = static_cast<int32_t>(x);
    if (first) sum = x;
    else if constexpr (REDUCTION == Reduction::add) sum += x;
    else if constexpr (REDUCTION == Reduction::minimum) sum = x < sum ? x : sum;
    else if constexpr (REDUCTION == Reduction::maximum) sum = x > sum ? x : sum;
    else if constexpr (REDUCTION == Reduction::signed_minimum) sum = static_cast<uint32_t>(b < a ? b : a);
    else if constexpr (REDUCTION == Reduction::signed_maximum) sum = static_cast<uint32_t>(b > a ? b : a);
    else if constexpr (REDUCTION == Reduction::bit_and) sum &= x;
    else if constexpr (REDUCTION == Reduction::bit_or) sum |= x;
    else sum ^= x;
    first = false;
  });
  give_all(lanes, mask, sum);
}

}  // namespace

void synchronize_warp(uint32_t mask) {
  Worker::current->operate(mask, "__syncwarp", __builtin_return_address(0), [](Thread* lanes, uint32_t mask) {
    const uint32_t epoch = ++lanes[0].warp->epoch;
    for_lanes(lanes, mask, [&](Thread& thread) { thread.warp_epoch = epoch; });
  });
}

uint64_t shuffle(uint32_t mask, uint64_t value, uint32_t source, const char* name) {
  self->value = value;
  self->argument = static_cast<int32_t>(source & 31);
  Worker::current->operate(mask, name, __builtin_return_address(0), [](Thread* lanes, uint32_t mask) {
    for_lanes(lanes, mask, [&](Thread& thread) {
      thread.result = mask >> thread.argument & 1 ? lanes[thread.argument].value : ~uint64_t{0};
    });
  });
  return self->result;
}

uint32_t ballot(uint32_t mask, bool predicate, const char* name) {
  self->value = predicate;
  Worker::current->operate(mask, name, __builtin_return_address(0), [](Thread* lanes, uint32_t mask) {
    uint32_t votes = 0;
    for_lanes(lanes, mask, [&](Thread& thread) { votes |= static_cast<uint32_t>(thread.value) << thread.lane; });
    give_all(lanes, mask, votes);
  });
  return static_cast<uint32_t>(self->result);
}

uint32_t match_any(uint32_t mask, uint64_t value) {
  self->value = value;
  Worker::current->operate(mask, "__match_any_sync", __builtin_return_address(0), [](Thread* lanes, uint32_t mask) {
    for_lanes(lanes, mask, [&](Thread& thread) {
      thread.result = 0;
      for_lanes(lanes, mask, [&](Thread& other) {
        if (other.value == thread.value) thread.result |= uint64_t{1} << other.lane;
      });
    });
  });
  return static_cast<uint32_t>(self->result);
}

uint32_t match_all(uint32_t mask, uint64_t value) {
  self->value = value;
  Worker::current->operate(mask, "__match_all_sync", __builtin_return_address(0), [](Thread* lanes, uint32_t mask) {
    bool same = true;
    const uint64_t first = lanes[__builtin_ctz(mask)].value;
    for_lanes(lanes, mask, [&](Thread& thread) { same = same && thread.value == first; });
    give_all(lanes, mask, same ? mask : 0);
  });
  return static_cast<uint32_t>(self->result);
}

uint32_t reduce(uint32_t mask, uint32_t value, Reduction reduction) {
  Operation operation = nullptr;
  switch (reduction) {
    case Reduction::add: operation = reduce_lanes<Reduction::add>; break;
    case Reduction::minimum: operation = reduce_lanes<Reduction::minimum>; break;
    case Reduction::maximum: operation = reduce_lanes<Reduction::maximum>; break;
    case Reduction::signed_minimum: operation = reduce_lanes<Reduction::signed_minimum>; break;
    case Reduction::signed_maximum: operation = reduce_lanes<Reduction::signed_maximum>; break;
    case Reduction::bit_and: operation = reduce_lanes<Reduction::bit_and>; break;
    case Reduction::bit_or: operation = reduce_lanes<Reduction::bit_or>; break;
    case Reduction::bit_xor: operation = reduce_lanes<Reduction::bit_xor>; break;
  }
  self->value = value;
  Worker::current->operate(mask, "__reduce_sync", __builtin_return_address(0), operation);
  return static_cast<uint32_t>(self->result);
}

uint32_t active_lanes() { return self->warp->live; }

}  // namespace emulation
