// What a unit of attention consists of, for the kernels of all instruction sets and the planner that calls them.
#pragma once
#include <stdbool.h>

// Rows of one sequence in a unit. A row is a query token and a query head of the unit's key-value head; rows of a
// sequence are counted token by token, `group` heads each.
typedef struct {
  // How many, and the first of them, counted from the sequence's first token.
  long rows, first_row;
  // The sequence's first token: its row in q, its absolute position.
  long first_token, first_position;
  // Where the sequence's block table begins in kv_indices.
  long first_page;
  // Up to this position, a multiple of 16, steps of the unit have attended for these rows.
  long alone;
} AttentionPart;

// Positions from ..< to, multiples of 16, that all of `rows` see whole and find through the same pages.
typedef struct {
  // Counted within the unit.
  long first_row, rows;
  long first_page;
  long from, to;
} AttentionStep;

// A row's positions are computed in segments that begin at multiples of this many, each with a maximum, sum and weighted
// sum of its own, which are merged in ascending order: so units can begin at any segment.
static const long attention_segment = 256;

// Types that the Swift kernels hand from file to file. They are declared here because Swift emits functions that copy a
// struct under names that every module shares (__swift_memcpy40_8): from a module for AVX-512 these would have AVX-512
// instructions, and the linker may keep them for all. For C's structs none are emitted.
#pragma clang assume_nonnull begin

// One cache [pages, pageSize, keyValueHeads, headDimension].
typedef struct {
  // Raw value of CacheKind.
  long kindCode;
  const void *elements;
  // Bytes from one page to the next.
  long pageBytes;
  // [pages, pageSize, keyValueHeads]: what an int8 element is multiplied with. Null for other kinds.
  const float *_Nullable scales;
  // Scales from one page to the next.
  long pageScales;
} PagedCache;

// Softmax states of rows: largest score, sum of weights, weighted sum of values [rows][padded]. A sum of 0: nothing seen.
typedef struct {
  float *sums, *maxima, *totals;
} AttentionState;

// The positions from ..< to that a unit computes of those its rows see; `from` begins a segment.
typedef struct {
  long from, to;
  // Where several units compute the same rows, the memory for this one's states, `attentionStateFloats` each: one for all
  // segments of the unit that begins first, one for each segment of the others. Null: the unit writes the output.
  float *_Nullable states;
  bool isFirst;
  // How many rows each of these states is of, and which of them is the unit's first: a unit may have some of the rows.
  long stateRows, firstRow;
} AttentionSpan;

// What is the same for all units of one call.
typedef struct {
  long queryHeads, keyValueHeads, headDimension, pageSize;
  // How many positions a query sees at most, itself included.
  long window;
  float scale;
} PagedAttentionShape;

// What the rows of one step share.
typedef struct {
  // [padded][16], [16][padded], and room for [4][16]; where integers are multiplied keys [padded / 2][16] and values
  // [8][padded] of pairs.
  const float *keys, *values;
  float *weights;
  // [16]: what one unit of the integers is worth, at each position.
  const float *keyUnits, *valueUnits;
  // visibleFrom ..< visibleTo: the positions of the block that the rows see.
  long padded, visibleFrom, visibleTo;
  float scale;
} BlockStep;

// The memory of a unit. Where integers are multiplied (`AttentionIntegers.swift`), keys, values, queries and weights are
// pairs of them instead of floats.
typedef struct {
  // A block's keys and values as gathered [16][padded], its keys transposed [padded][16].
  float *rawKeys, *values, *keys;
  // [16][padded], of keys or values that are about to be rounded to integers.
  float *wide;
  // [16], by position: what one unit of its integers is worth.
  float *keyUnits, *valueUnits;
  // [16]: what the slots of an int8 cache are multiplied with, and 1 over their units.
  float *slotScales, *inverses;
  // [rows][padded], and what one unit of a row's integers is worth, times the scale of scores.
  float *queries, *queryUnits;
  // By row, of the segment that is computed, and of those before it.
  AttentionState segment, merged;
  // [4][16], of the rows of one call.
  float *weights;
  // Where rows are lanes: [vectors][padded][16], states with sums like these, [vectors][16][16], [vectors][16], [16][16].
  float *laneQueries;
  AttentionState laneSegment, laneMerged;
  float *laneWeights, *laneRescales, *square;
  // [vectors][16]: what one unit of the weights' integers is worth.
  float *laneWeightUnits;
} AttentionScratch;

// What all blocks of a unit are read from and into.
typedef struct {
  PagedAttentionShape shape;
  PagedCache cacheKeys, cacheValues;
  // Rows of the unit.
  long head, rows;
  AttentionSpan span;
  AttentionScratch scratch;
} AttentionBlocks;

#pragma clang assume_nonnull end
