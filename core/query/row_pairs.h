// The rows of a binary operator's sides.
#pragma once

#include <stdexcept>

#include "query/elementwise.h"

namespace narthex {

// The cells that side `side` has for result row i. Throws std::out_of_range.
inline const double* row_of(const Operand& side, size_t i, size_t steps) {
    if (side.scalar) return side.cells;
    size_t row = side.rows.empty() ? i : static_cast<size_t>(side.rows[i]);
    if (row >= side.row_count) throw std::out_of_range("row out of range");
    return side.cells + row * steps;
}

}  // namespace narthex
