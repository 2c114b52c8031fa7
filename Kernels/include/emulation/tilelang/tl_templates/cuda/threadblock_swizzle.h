// Orders of the blocks in which neighbours in time share tiles: panels of WIDTH rows (or columns) of blocks, back and forth.
#pragma once

#include "common.h"

namespace tl {

inline unsigned ceil_div(unsigned a, unsigned b) { return (a + b - 1) / b; }

/// Places of a grid of `across` times `along` blocks, for block `number`: along a panel first.
inline uint2 panel_place(unsigned number, unsigned across, unsigned along, unsigned width) {
  const unsigned size = across * along, panel_size = width * across;
  const unsigned panel = number / panel_size, inside = number % panel_size;
  const bool last = panel + 1 >= ceil_div(size, panel_size);
  const unsigned depth = last ? (size - panel * panel_size) / across : width;
  const unsigned place = inside / depth;
  return uint2{panel % 2 ? across - 1 - place : place, inside % depth + panel * width};
}

template <int WIDTH>
inline dim3 rasterization2DRow() {
  const uint2 place = panel_place(blockIdx.x + blockIdx.y * gridDim.x, gridDim.x, gridDim.y, WIDTH);
  return dim3(place.x, place.y, blockIdx.z);
}
template <int WIDTH>
inline dim3 rasterization2DColumn() {
  const uint2 place = panel_place(blockIdx.x + blockIdx.y * gridDim.x, gridDim.y, gridDim.x, WIDTH);
  return dim3(place.y, place.x, blockIdx.z);
}

}  // namespace tl
