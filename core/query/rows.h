// Cells of several rows that stand for one thing: merging equal series, presence of a match group, picking
// rows.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "query/grid.h"

namespace narthex {

// Two rows with one id that both have a value at one step.
struct Collision {
    size_t first;
    size_t second;
    size_t step;
};

// The collision with the lowest second row, if any. `cells` is rows x steps, ids[row] < count.
std::optional<Collision> find_collision(const double* cells, size_t steps, std::span<const uint32_t> ids,
                                        size_t count);

// Writes count x steps cells: the value of the row that has one (the last of them).
void merge_cells(const double* cells, size_t steps, std::span<const uint32_t> ids, size_t count, double* out);

// Writes count x steps flags: 1 where any row of the id has a value.
void mark_presence(const double* cells, size_t steps, std::span<const uint32_t> ids, size_t count,
                   uint8_t* out);

// Copies cells and leaves only those whose flag (of row ids[row] in `presence`) equals `wanted`; the rest is
// absent.
void mask_cells(const double* cells, size_t steps, std::span<const uint32_t> ids, const uint8_t* presence,
                size_t count, bool wanted, double* out);

// Rows with a value at any step.
std::vector<int64_t> rows_with_values(const double* cells, size_t rows, size_t steps);

}  // namespace narthex
