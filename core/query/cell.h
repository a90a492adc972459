// What a cell of a matrix holds: a number, nothing, or a native histogram of the query's pool. Nothing is the
// stale marker; a histogram is a NaN with a mark of our own and its place in the pool, so whatever only moves
// cells moves histograms as well.
#pragma once

#include <bit>
#include <cstdint>

#include "chunk/stale.h"

namespace narthex {

// A signaling NaN: arithmetic gives quiet ones only, so no number becomes a reference by chance.
inline constexpr uint64_t kHistogramMark = 0x7ff5;
inline constexpr unsigned kMarkShift = 48;

inline bool is_histogram_cell(double v) {
    return std::bit_cast<uint64_t>(v) >> kMarkShift == kHistogramMark;
}
inline bool is_number(double v) {
    return !is_stale(v) && !is_histogram_cell(v);
}
// `index` fits 48 bits.
inline double histogram_cell(uint64_t index) {
    return std::bit_cast<double>(kHistogramMark << kMarkShift | index);
}
inline uint64_t histogram_index(double cell) {
    return std::bit_cast<uint64_t>(cell) & ((uint64_t{1} << kMarkShift) - 1);
}

// Whether data has the bits of a reference, with either sign: what enters a cell must not pass for one, nor
// become one when it is negated.
inline bool passes_for_histogram(double v) {
    return std::bit_cast<uint64_t>(v) << 1 >> (kMarkShift + 1) == kHistogramMark;
}
// A number of data, as a cell.
inline double number_cell(double v) {
    return passes_for_histogram(v) ? normal_nan() : v;
}

}  // namespace narthex
