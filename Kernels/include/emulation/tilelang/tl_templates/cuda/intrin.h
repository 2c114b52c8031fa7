// Places of a thread among its warps.
#pragma once

#include "common.h"

namespace tl {

inline int get_lane_idx(int warp_size = 32) { return static_cast<int>(emulation::self->number) % warp_size; }
inline int get_warp_idx(int warp_size = 32) { return static_cast<int>(emulation::self->number) / warp_size; }
inline int get_warp_idx_sync(int warp_size = 32) { return get_warp_idx(warp_size); }

}  // namespace tl
