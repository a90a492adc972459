// Dense buckets of OTLP as the spans of native histograms.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "chunk/histogram_columns.h"
#include "chunk/histogram_layout.h"

namespace narthex {

// Appends spans and counts for `counts`, of buckets side by side whose first has the OTLP index `offset`, at
// a scale that is finer by `finer` than the schema wanted (2^finer buckets become one). OTLP's bucket i
// begins where Prometheus' bucket i begins to be number i + 1. Empty buckets at the ends are left out, and
// inside where more than two of them follow one another, as Prometheus has it.
void append_exponential_buckets(std::span<const uint64_t> counts, int32_t offset, uint32_t finer,
                                std::vector<BucketSpan>& spans, std::vector<HistogramCell>& cells);

// The same for buckets that are numbered as they lie.
void append_custom_buckets(std::span<const uint64_t> counts, std::vector<BucketSpan>& spans,
                           std::vector<HistogramCell>& cells);

}  // namespace narthex
