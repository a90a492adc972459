// What a window's samples would have seen of its whole length.
#pragma once

#include <cstdint>

namespace narthex {

// The ends of a window (end - range, end] and of its samples, in milliseconds; `count` samples, two at least.
struct SampledWindow {
    int64_t end;
    int64_t range;
    int64_t first;
    int64_t last;
    uint64_t count;

    double sampled() const { return static_cast<double>(last - first) / 1000; }
};

inline constexpr double kThreshold = 1.1;

// By what to multiply the difference of the ends' values. Samples within 1.1 mean spacings of an edge of the
// window belong to it, else half a spacing is taken. A counter starts at 0: `to_zero` is how many seconds
// before the first sample it would have been there, for others it is infinite. Two samples at least.
inline double extrapolated_share(const SampledWindow& w, double to_zero) {
    double to_start = static_cast<double>(w.first - (w.end - w.range)) / 1000;
    double to_end = static_cast<double>(w.end - w.last) / 1000;
    double interval = w.sampled();
    double spacing = interval / static_cast<double>(w.count - 1);
    double threshold = spacing * kThreshold;
    if (to_start >= threshold) to_start = spacing / 2;
    if (to_end >= threshold) to_end = spacing / 2;
    to_start = to_zero < to_start ? to_zero : to_start;
    return (interval + to_start + to_end) / interval;
}

// The same for the growth of a counter that began inside of the window, at `start`: it was 0 then, so nothing
// is extrapolated on that side. One sample is enough.
inline double share_since(const SampledWindow& w, int64_t start) {
    double interval = static_cast<double>(w.last - start) / 1000;
    double spacing = w.count > 1 ? w.sampled() / static_cast<double>(w.count - 1) : 0;
    double to_end = static_cast<double>(w.end - w.last) / 1000;
    if (to_end >= spacing * kThreshold) to_end = spacing / 2;
    return (interval + to_end) / interval;
}

}  // namespace narthex
