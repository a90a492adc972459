// Which buckets a native histogram has. Semantics: docs/formats/chunk-histogram.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace narthex {

inline constexpr int32_t kCustomBuckets = -53;     // schema: the bounds are given one by one
inline constexpr int32_t kMinSchema = -9;          // exponential; below -4 known but not produced by anybody
inline constexpr int32_t kMaxSchema = 8;           // the finest resolution that is computed with
inline constexpr int32_t kMaxReservedSchema = 52;  // chunks may hold finer ones; reading reduces them to 8

// `length` buckets side by side, after a gap of `offset` buckets; of a first span `offset` is the index of
// its first bucket and may be negative.
struct BucketSpan {
    int32_t offset;
    uint32_t length;
    bool operator==(const BucketSpan&) const = default;
};

// Bucket i of an exponential schema s ends at 2^(i / 2^s); of custom buckets at bounds[i], the one after the
// last bound at +Inf. Negative buckets mirror positive ones.
struct HistogramLayout {
    int32_t schema = 0;
    double zero_threshold = 0;
    std::vector<BucketSpan> positive;
    std::vector<BucketSpan> negative;
    std::vector<double> bounds;  // strictly ascending; only with kCustomBuckets

    size_t positive_buckets() const { return count(positive); }
    size_t negative_buckets() const { return count(negative); }
    // Cells of one sample: positive buckets, then negative ones.
    size_t width() const { return positive_buckets() + negative_buckets(); }
    bool operator==(const HistogramLayout&) const = default;

  private:
    static size_t count(const std::vector<BucketSpan>& spans) {
        size_t n = 0;
        for (BucketSpan s : spans) n += s.length;
        return n;
    }
};

// Ascending; spans must be sound (what decoding gives is).
std::vector<int32_t> bucket_indices(std::span<const BucketSpan> spans);
// The shortest spans for ascending indices.
std::vector<BucketSpan> spans_of(std::span<const int32_t> indices);

// The buckets of both. When one has all buckets of the other, its own spans. `a` and `b` differ in nothing
// but spans.
HistogramLayout unite(const HistogramLayout& a, const HistogramLayout& b);

// Where each bucket of `from` stands among those of `to`, which has them all: positive ones, then negative.
std::vector<uint32_t> bucket_positions(const HistogramLayout& from, const HistogramLayout& to);

// The layout at the coarser `schema`; to.size() is the old width and tells for each bucket which new one
// takes its count. Not for custom buckets.
HistogramLayout reduce_schema(const HistogramLayout& from, int32_t schema, std::vector<uint32_t>& to);

}  // namespace narthex
