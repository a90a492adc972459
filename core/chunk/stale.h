// The stale marker: one NaN payload that means "the series ended here" in storage and "no value" in a matrix.
// A real NaN keeps its own bits, so the two never mix.
#pragma once

#include <bit>
#include <cstdint>

namespace narthex {

inline constexpr uint64_t kStaleNaNBits = 0x7ff0000000000002ULL;
inline constexpr uint64_t kNormalNaNBits = 0x7ff8000000000001ULL;

inline bool is_stale(double v) {
    return std::bit_cast<uint64_t>(v) == kStaleNaNBits;
}
inline double stale_nan() {
    return std::bit_cast<double>(kStaleNaNBits);
}
inline double normal_nan() {
    return std::bit_cast<double>(kNormalNaNBits);
}
// The number, every NaN as the normal one: what a target sends must not pass for a marker.
inline double plain_number(double v) {
    return v != v ? normal_nan() : v;
}

}  // namespace narthex
