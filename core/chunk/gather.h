// Samples of many series in any order, as the rows of a batch.
#pragma once

#include <cstdint>
#include <span>

#include "chunk/series_batch.h"

namespace narthex {

struct GatherCounts {
    uint64_t repeated = 0;     // samples that repeat time and value of one of their series: left out
    uint64_t conflicting = 0;  // the same time, but another value than the one that came first: left out
};

// Columns of equal length: sample i belongs to row rows[i] of `labels`, which are in label order, with first
// <= rows[i] < last. The batch has those rows in [first, last) that have samples, each sorted by time. Throws
// std::invalid_argument on columns that do not fit.
SeriesBatch gather_series(const LabelSets& labels, uint32_t first, uint32_t last,
                          std::span<const uint32_t> rows, std::span<const int64_t> times,
                          std::span<const double> values, GatherCounts& counts);

}  // namespace narthex
