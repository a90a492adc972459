// What start times of samples say about counters: when a counter began to count, milliseconds, 0 when
// unknown.
#pragma once

#include <cstddef>
#include <cstdint>

#include "query/grid.h"

namespace narthex {

// One sample's time and start time.
struct Started {
    int64_t t;
    int64_t start;
};

// Whether a counter began anew between two samples. A start time at or behind its own sample is no start
// time. One at the sample before is that of a delta, unless the sample before has none that is known.
inline bool began_anew(Started before, Started now) {
    if (now.start == 0 || now.start >= now.t || now.start < before.t) return false;
    if (now.start > before.t) return true;
    return before.start != 0 && before.start < before.t;
}

// Whether the later sample claims to count from a time that the sample before has counted too.
inline bool counts_twice(Started before, Started now) {
    return now.start != 0 && now.start < before.t && now.start != before.start;
}

// Whether the counter began inside a window: then it was 0 at that time, which is as good as a sample.
inline bool began_inside(Started first, int64_t window_start) {
    return first.start != 0 && first.start > window_start && first.start < first.t;
}

// Sample i of a series that has start times.
inline Started started(const Samples& s, size_t i) {
    return {s.t[i], s.starts[i]};
}

}  // namespace narthex
