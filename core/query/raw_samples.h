// The samples of one window of every row: what a query for a range vector itself answers.
#pragma once

#include <cstdint>
#include <vector>

#include "query/extended.h"

namespace narthex {

// Columns of all rows behind each other, without stale markers; rows[i] has [offsets[i], offsets[i + 1]) of
// them. Rows without samples are left out. Values are cells; numbers come before histograms of the same time.
struct RawSamples {
    std::vector<int64_t> rows;
    std::vector<uint64_t> offsets{0};
    std::vector<int64_t> t;
    std::vector<double> v;
    bool unextended = false;  // a row has histograms: they cannot stand for a window's edges
};

// The grid of `call` has one step. With a lookback the samples that stand for the window's edges are put in.
// The samples count as live from now on.
RawSamples raw_samples(const SampleSource& source, const ExtendedCall& call, QueryBudget& budget,
                       HistogramPool& pool);

}  // namespace narthex
