// What binary operators and functions with parameters get from Python.
#pragma once

#include <optional>
#include <utility>

#include "bind/cells.h"
#include "query/elementwise.h"

template <typename T>
const T* per_step(const Column<T>& values, size_t steps) {
    if (values.shape(0) != steps) throw nb::value_error("a parameter needs one value a step");
    return values.data();
}

inline std::pair<narthex::BinaryOp, narthex::CompareResult> checked_operator(uint8_t op, uint8_t result) {
    if (op >= narthex::kBinaryOps || result > 2) throw nb::value_error("no such operation");
    return {static_cast<narthex::BinaryOp>(op), static_cast<narthex::CompareResult>(result)};
}

// A side of an operator whose results go to `out`.
inline narthex::Operand operand(const CellsIn& cells, const std::optional<Column<int64_t>>& rows, bool scalar,
                                const Cells& out) {
    if (cells.shape(1) != out.shape(1) || (scalar && cells.shape(0) != 1) ||
        (rows && rows->shape(0) != out.shape(0)))
        throw nb::value_error("an operand does not fit the output");
    return {cells.data(), cells.shape(0), rows ? view(*rows) : std::span<const int64_t>{}, scalar};
}
