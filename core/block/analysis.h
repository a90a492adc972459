// What a block's index says about its series: which labels are many, which come and go, how full chunks are.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "block/block.h"
#include "labels/match_terms.h"

namespace narthex {

// `value` is empty where a name alone is counted.
struct RankedLabel {
    std::string_view name;
    std::string_view value;
    uint64_t count;
};

// Lists are in descending order of their counts, equal ones by text; each has at most the wanted length.
// A series churns by the share of the block's time that lies outside its first and last sample: sums of such
// shares, cut to whole series.
struct LabelAnalysis {
    uint64_t series = 0;
    uint64_t names = 0;
    uint64_t pairs = 0;    // distinct
    uint64_t entries = 0;  // pairs of all series
    std::vector<RankedLabel> churning_pairs;
    std::vector<RankedLabel> churning_names;
    std::vector<RankedLabel> common_pairs;
    std::vector<RankedLabel> longest_names;    // by the bytes of all their values
    std::vector<RankedLabel> richest_names;    // by the number of values
    std::vector<RankedLabel> largest_metrics;  // by the number of series
};

// Of the series for which all terms hold; mint inclusive, maxt exclusive, milliseconds: the block's own
// range. Texts are views into the index. Throws DecodeError on broken bytes.
LabelAnalysis analyze_labels(const IndexReader& index, std::span<const MatchTerm> terms, int64_t mint,
                             int64_t maxt, size_t limit);

// One entry a chunk. `buckets` counts those of all samples together.
struct ChunkAnalysis {
    std::vector<uint32_t> float_samples, float_bytes;
    std::vector<uint32_t> histogram_samples, histogram_bytes, histogram_buckets;
};

// Throws DecodeError on broken bytes.
ChunkAnalysis analyze_chunks(const Block& block, std::span<const MatchTerm> terms);

}  // namespace narthex
