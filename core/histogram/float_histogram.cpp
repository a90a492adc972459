#include "histogram/float_histogram.h"

#include <algorithm>
#include <bit>

namespace narthex {

namespace {

bool same_bits(double a, double b) {
    return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b);
}

bool same_buckets(const BucketsView& a, const BucketsView& b) {
    return std::ranges::equal(a.runs, b.runs) && std::ranges::equal(a.counts, b.counts, same_bits);
}

void append_bucket(std::vector<BucketRun>& runs, int32_t index) {
    if (!runs.empty() && runs.back().end() == index) {
        ++runs.back().length;
    } else {
        runs.push_back({index, 1});
    }
}

void scale(std::vector<double>& counts, double factor) {
    for (double& c : counts) c *= factor;
}

// Spans that touch are one run.
std::vector<BucketRun> runs_of(std::span<const BucketSpan> spans) {
    std::vector<BucketRun> out;
    int64_t index = 0;
    for (BucketSpan s : spans) {
        index += s.offset;
        if (s.length == 0) continue;
        if (!out.empty() && out.back().end() == index) {
            out.back().length += s.length;
        } else {
            out.push_back({static_cast<int32_t>(index), s.length});
        }
        index += s.length;
    }
    return out;
}

SharedBounds bounds_of(const HistogramLayout& layout) {
    if (layout.schema != kCustomBuckets) return nullptr;
    return std::make_shared<const std::vector<double>>(layout.bounds);
}

double number(HistogramCell cell, bool floats, bool bucket) {
    if (floats) return cell.f;
    return bucket ? static_cast<double>(cell.i) : static_cast<double>(static_cast<uint64_t>(cell.i));
}

// Cells of floats are doubles side by side.
std::span<const double> doubles(std::span<const HistogramCell> cells) {
    static_assert(sizeof(HistogramCell) == sizeof(double));
    return {reinterpret_cast<const double*>(cells.data()), cells.size()};
}

}  // namespace

void Buckets::assign(const BucketsView& other) {
    runs.assign(other.runs.begin(), other.runs.end());
    counts.assign(other.counts.begin(), other.counts.end());
}

void Buckets::clear() {
    runs.clear();
    counts.clear();
}

void Buckets::push(int32_t index, double count) {
    append_bucket(runs, index);
    counts.push_back(count);
}

void Buckets::compact(std::vector<double>* rest) {
    if (std::ranges::find(counts, 0.0) == counts.end()) return;
    std::vector<BucketRun> kept;
    size_t from = 0, to = 0;
    for (BucketRun run : runs) {
        for (int64_t index = run.first; index < run.end(); ++index, ++from) {
            if (counts[from] == 0 && (!rest || (*rest)[from] == 0)) continue;
            if (rest) (*rest)[to] = (*rest)[from];
            counts[to++] = counts[from];
            append_bucket(kept, static_cast<int32_t>(index));
        }
    }
    counts.resize(to);
    if (rest) rest->resize(to);
    runs = std::move(kept);
}

bool same_bounds(const SharedBounds& a, const SharedBounds& b) {
    if (a == b) return true;
    size_t na = a ? a->size() : 0, nb = b ? b->size() : 0;
    return na == nb && (na == 0 || *a == *b);
}

bool FloatHistogramView::equals(const FloatHistogramView& other) const {
    return schema == other.schema && same_bits(count, other.count) && same_bits(sum, other.sum) &&
           (!custom() || same_bounds(*shared, *other.shared)) && zero_threshold == other.zero_threshold &&
           same_bits(zero_count, other.zero_count) && same_buckets(negative, other.negative) &&
           same_buckets(positive, other.positive);
}

size_t FloatHistogramView::samples() const {
    // What a value is there without its lists, a time with it, and eight bytes an entry of a list.
    constexpr size_t kFixed = 168 + 8;
    size_t entries = positive.runs.size() + negative.runs.size() + positive.counts.size() +
                     negative.counts.size() + bounds().size();
    return (kFixed + 8 * entries) / 16;
}

void FloatHistogram::assign(const FloatHistogramView& other) {
    schema = other.schema;
    hint = other.hint;
    zero_threshold = other.zero_threshold;
    zero_count = other.zero_count;
    count = other.count;
    sum = other.sum;
    positive.assign(other.positive);
    negative.assign(other.negative);
    bounds = *other.shared;
}

void FloatHistogram::assign(const HistogramView& sample) {
    FloatLayout layout(*sample.layout);
    schema = layout.schema;
    hint = sample.hint;
    zero_threshold = layout.zero_threshold;
    zero_count = custom() ? 0 : number(sample.zero_count, sample.floats, false);
    count = number(sample.count, sample.floats, false);
    sum = sample.sum;
    positive.runs = std::move(layout.positive);
    negative.runs = std::move(layout.negative);
    positive.counts.clear();
    negative.counts.clear();
    for (size_t k = 0; k < sample.buckets.size(); ++k) {
        auto& side = k < layout.positive_buckets ? positive : negative;
        side.counts.push_back(number(sample.buckets[k], sample.floats, true));
    }
    bounds = std::move(layout.bounds);
}

void FloatHistogram::multiply(double factor) {
    zero_count *= factor;
    count *= factor;
    sum *= factor;
    scale(positive.counts, factor);
    scale(negative.counts, factor);
    if (factor < 0) hint = ResetHint::kGauge;
}

void FloatHistogram::divide(double divisor) {
    zero_count /= divisor;
    count /= divisor;
    sum /= divisor;
    if (divisor == 0) {
        positive.clear();
        negative.clear();
        return;
    }
    for (double& c : positive.counts) c /= divisor;
    for (double& c : negative.counts) c /= divisor;
    if (divisor < 0) hint = ResetHint::kGauge;
}

void FloatHistogram::compact() {
    positive.compact();
    negative.compact();
}

FloatLayout::FloatLayout(const HistogramLayout& layout)
    : schema(layout.schema),
      zero_threshold(layout.schema == kCustomBuckets ? 0 : layout.zero_threshold),
      positive(runs_of(layout.positive)),
      negative(runs_of(layout.negative)),
      bounds(bounds_of(layout)),
      positive_buckets(layout.positive_buckets()) {}

FloatHistogramSamples::FloatHistogramSamples(const HistogramColumns& columns) : columns_(columns) {
    for (const HistogramLayout& layout : columns.layouts) layouts_.emplace_back(layout);
}

FloatHistogramView FloatHistogramSamples::at(size_t sample) {
    if (sample < columns_.runs[run_].first) run_ = 0;
    while (sample >= columns_.runs[run_].last) ++run_;
    const HistogramRun& run = columns_.runs[run_];
    const FloatLayout& layout = layouts_[run.layout];
    auto counts = doubles(columns_.buckets(run, sample));
    return {layout.schema,
            columns_.hints[sample],
            layout.zero_threshold,
            layout.schema == kCustomBuckets ? 0 : columns_.zero_counts[sample].f,
            columns_.counts[sample].f,
            columns_.sums[sample],
            {layout.positive, counts.first(layout.positive_buckets)},
            {layout.negative, counts.subspan(layout.positive_buckets)},
            &layout.bounds};
}

}  // namespace narthex
