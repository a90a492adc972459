#include "exposition/classic_histogram.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace narthex {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// Empty buckets in a row that Prometheus keeps between others.
constexpr size_t kKeptGap = 2;

bool is_count(double n) {
    return n >= 0 && n < kInfinity;
}

}  // namespace

void ClassicHistogram::clear() {
    buckets_.clear();
    count_.reset();
    sum_ = 0;
}

bool ClassicHistogram::settle() {
    if (count_ && !is_count(*count_)) return false;
    for (const Bucket& b : buckets_) {
        if (std::isnan(b.bound) || !is_count(b.count)) return false;
    }
    std::ranges::sort(buckets_, {}, [](const Bucket& b) { return std::pair(b.bound, b.count); });
    size_t kept = 0;
    for (const Bucket& b : buckets_) {
        if (kept > 0 && b.count < buckets_[kept - 1].count) return false;
        if (kept > 0 && b.bound == buckets_[kept - 1].bound) {
            if (b.count != buckets_[kept - 1].count) return false;
            continue;
        }
        buckets_[kept++] = b;
    }
    buckets_.resize(kept);
    if (buckets_.empty() && !count_) return false;
    if (buckets_.empty() || buckets_.back().bound != kInfinity) {
        double all = count_ ? *count_ : buckets_.back().count;
        if (!buckets_.empty() && all < buckets_.back().count) return false;
        buckets_.push_back({kInfinity, all});
    }
    return !count_ || *count_ == buckets_.back().count;
}

bool ClassicHistogram::integers() const {
    constexpr double kExact = 9007199254740992.0;  // 2^53
    return std::ranges::all_of(
        buckets_, [](const Bucket& b) { return b.count <= kExact && b.count == std::floor(b.count); });
}

bool ClassicHistogram::add(bool gauge, uint64_t bucket_limit, HistogramBatch& out) const {
    HistogramLayout layout{kCustomBuckets, 0, {{0, static_cast<uint32_t>(buckets_.size())}}, {}, {}};
    bool floats = !integers();
    std::vector<HistogramCell> cells;
    double before = 0;
    size_t width = 0, gap = 0;
    for (const Bucket& b : buckets_) {
        double n = b.count - before;
        before = b.count;
        if (b.bound != kInfinity) layout.bounds.push_back(b.bound);
        cells.push_back(floats ? HistogramCell{.f = n} : HistogramCell{.i = static_cast<int64_t>(n)});
        if (n == 0) {
            ++gap;
            continue;
        }
        width += 1 + (width > 0 && gap <= kKeptGap ? gap : 0);
        gap = 0;
    }
    HistogramCell count =
        floats ? HistogramCell{.f = before} : HistogramCell{.i = static_cast<int64_t>(before)};
    HistogramCell zero = floats ? HistogramCell{.f = 0} : HistogramCell{.i = 0};
    ResetHint hint = gauge ? ResetHint::kGauge : ResetHint::kUnknown;
    out.add({layout, floats, cells.size(), 0, {&count, 1}, {&zero, 1}, {&sum_, 1}, {&hint, 1}, cells});
    return bucket_limit == 0 || width <= bucket_limit;
}

}  // namespace narthex
