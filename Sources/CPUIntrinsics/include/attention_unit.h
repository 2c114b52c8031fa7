// What a unit of attention consists of, for the kernels of all instruction sets and the planner that calls them.
#pragma once

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
