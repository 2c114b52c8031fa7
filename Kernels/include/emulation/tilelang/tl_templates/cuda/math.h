// Functions of numbers.
#pragma once

#include "common.h"

namespace tl {

template <typename T>
inline T clamp(T x, T low, T high) { return fast_min(fast_max(x, low), high); }

}  // namespace tl
