// Arrays that come from numpy: matrices of cells (rows x steps, float64) and columns.
#pragma once

#include <nanobind/ndarray.h>

#include <span>

#include "bind/module.h"

using Cells = nb::ndarray<double, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using CellsIn = nb::ndarray<const double, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Flags = nb::ndarray<uint8_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using FlagsIn = nb::ndarray<const uint8_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
// Bits of query/notes.h, an entry a row.
using RowNotes = nb::ndarray<uint32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
template <typename T>
using Column = nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

template <typename T>
std::span<const T> view(const Column<T>& column) {
    return {column.data(), column.shape(0)};
}
