// What a window's samples would have seen of its whole length.
#pragma once

#include <algorithm>
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

// How much of a window's edges counts, in seconds. Samples within 1.1 mean spacings of an edge belong to it,
// else half a spacing is taken. Two samples at least.
struct Extrapolation {
    double interval;  // between first and last sample
    double to_start;
    double to_end;

    explicit Extrapolation(const SampledWindow& w)
        : interval(w.sampled()),
          to_start(static_cast<double>(w.first - (w.end - w.range)) / 1000),
          to_end(static_cast<double>(w.end - w.last) / 1000) {
        double spacing = interval / static_cast<double>(w.count - 1);
        double threshold = spacing * kThreshold;
        if (to_start >= threshold) to_start = spacing / 2;
        if (to_end >= threshold) to_end = spacing / 2;
    }
    // By what to multiply the difference of the ends' values.
    double share() const { return share_from(to_start); }
    // The same for a counter, which starts at 0: it was there where `growth` carried it back to from `first`.
    double share(double first, double growth) const {
        if (!(growth > 0 && first >= 0)) return share();
        return share_from(std::min(to_start, interval * (first / growth)));
    }
    // A counter's share is that of any other difference unless first * safe() < growth. The margin covers
    // what rounding does to either side.
    double safe() const { return interval / to_start * (1 - 0x1p-40); }

  private:
    double share_from(double before) const { return (interval + before + to_end) / interval; }
};

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
