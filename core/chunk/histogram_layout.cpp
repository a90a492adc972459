#include "chunk/histogram_layout.h"

#include <algorithm>
#include <iterator>

namespace narthex {

std::vector<int32_t> bucket_indices(std::span<const BucketSpan> spans) {
    std::vector<int32_t> out;
    int64_t index = 0;
    for (BucketSpan s : spans) {
        index += s.offset;
        for (uint32_t k = 0; k < s.length; ++k) out.push_back(static_cast<int32_t>(index++));
    }
    return out;
}

std::vector<BucketSpan> spans_of(std::span<const int32_t> indices) {
    std::vector<BucketSpan> out;
    int32_t next = 0;  // the index after the last one
    for (int32_t index : indices) {
        if (!out.empty() && index == next) {
            ++out.back().length;
        } else {
            out.push_back({index - next, 1});
        }
        next = index + 1;
    }
    return out;
}

namespace {

std::vector<BucketSpan> unite_spans(const std::vector<BucketSpan>& a, const std::vector<BucketSpan>& b) {
    if (a == b) return a;
    auto ia = bucket_indices(a), ib = bucket_indices(b);
    std::vector<int32_t> both;
    std::set_union(ia.begin(), ia.end(), ib.begin(), ib.end(), std::back_inserter(both));
    if (both.size() == ia.size()) return a;
    if (both.size() == ib.size()) return b;
    return spans_of(both);
}

void add_positions(const std::vector<BucketSpan>& from, const std::vector<BucketSpan>& to, size_t base,
                   std::vector<uint32_t>& out) {
    auto all = bucket_indices(to);
    size_t at = 0;
    for (int32_t index : bucket_indices(from)) {
        while (all[at] != index) ++at;
        out.push_back(static_cast<uint32_t>(base + at));
    }
}

std::vector<BucketSpan> reduce_spans(const std::vector<BucketSpan>& spans, unsigned steps, size_t base,
                                     std::vector<uint32_t>& to) {
    std::vector<int32_t> reduced;
    for (int32_t index : bucket_indices(spans)) {
        // A coarser bucket ends where its last finer one does.
        auto coarse = static_cast<int32_t>(((static_cast<int64_t>(index) - 1) >> steps) + 1);
        if (reduced.empty() || reduced.back() != coarse) reduced.push_back(coarse);
        to.push_back(static_cast<uint32_t>(base + reduced.size() - 1));
    }
    return spans_of(reduced);
}

}  // namespace

HistogramLayout unite(const HistogramLayout& a, const HistogramLayout& b) {
    HistogramLayout out = a;
    out.positive = unite_spans(a.positive, b.positive);
    out.negative = unite_spans(a.negative, b.negative);
    return out;
}

std::vector<uint32_t> bucket_positions(const HistogramLayout& from, const HistogramLayout& to) {
    std::vector<uint32_t> out;
    add_positions(from.positive, to.positive, 0, out);
    add_positions(from.negative, to.negative, to.positive_buckets(), out);
    return out;
}

HistogramLayout reduce_schema(const HistogramLayout& from, int32_t schema, std::vector<uint32_t>& to) {
    HistogramLayout out{schema, from.zero_threshold, {}, {}, {}};
    auto steps = static_cast<unsigned>(from.schema - schema);
    to.clear();
    out.positive = reduce_spans(from.positive, steps, 0, to);
    out.negative = reduce_spans(from.negative, steps, out.positive_buckets(), to);
    return out;
}

}  // namespace narthex
