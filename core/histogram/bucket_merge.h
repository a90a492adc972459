// Adding the buckets of one side of a histogram to those of another one.
#pragma once

#include "histogram/float_histogram.h"

namespace narthex {

// One side that is added to. `rest` has what additions lost, a number a bucket, or is nullptr where nobody
// minds.
struct SummedSide {
    Buckets& buckets;
    std::vector<double>* rest;
};

// One side that is added: numbers of either sign, `rest` as above or empty.
struct AddedSide {
    BucketsView buckets;
    std::span<const double> rest;
    bool negated = false;
};

// Adds bucket by bucket; what only the addend has is put in. Without new buckets nothing is allocated.
void add_buckets(SummedSide to, const AddedSide& addend);

// The buckets behind the first `n`. `runs` keeps what the result views.
AddedSide without_first(const AddedSide& addend, size_t n, std::vector<BucketRun>& runs);

// 2^steps buckets become one. `rest` of the result is filled when it is not nullptr.
void reduce_buckets(const AddedSide& from, unsigned steps, SummedSide to);

// Adds each custom bucket to that one of `common.size() + 1` whose range holds it. `bounds` are the buckets'.
void remap_buckets(const AddedSide& from, std::span<const double> bounds, std::span<const double> common,
                   std::span<double> counts, std::span<double> rest);

}  // namespace narthex
