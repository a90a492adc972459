#include "chunk/histogram_follow.h"

#include <bit>

namespace narthex {

namespace {

bool less(HistogramCell a, HistogramCell b, bool floats) {
    return floats ? a.f < b.f : static_cast<uint64_t>(a.i) < static_cast<uint64_t>(b.i);
}

bool same_grid(const HistogramLayout& a, const HistogramLayout& b) {
    return a.schema == b.schema && a.zero_threshold == b.zero_threshold && a.bounds == b.bounds;
}

bool same_layout(const HistogramView& a, const HistogramView& b) {
    return a.layout == b.layout || *a.layout == *b.layout;
}

// Calls use(cell of a, cell of b) for every bucket that one of them has, with an empty cell where the other
// has not; ends early when it gives false.
template <typename Use>
bool pair_buckets(std::span<const BucketSpan> a_spans, std::span<const HistogramCell> a,
                  std::span<const BucketSpan> b_spans, std::span<const HistogramCell> b, Use&& use) {
    constexpr HistogramCell kNone{.i = 0};  // 0.0 has the same bits
    auto ia = bucket_indices(a_spans), ib = bucket_indices(b_spans);
    size_t i = 0, j = 0;
    while (i < ia.size() || j < ib.size()) {
        bool from_a = j == ib.size() || (i < ia.size() && ia[i] <= ib[j]);
        bool from_b = i == ia.size() || (j < ib.size() && ib[j] <= ia[i]);
        if (!use(from_a ? a[i] : kNone, from_b ? b[j] : kNone)) return false;
        i += from_a;
        j += from_b;
    }
    return true;
}

// The same over both sides of histograms of one grid.
template <typename Use>
bool pair_all(const HistogramView& a, const HistogramView& b, Use&& use) {
    if (same_layout(a, b)) {
        for (size_t i = 0; i < a.buckets.size(); ++i) {
            if (!use(a.buckets[i], b.buckets[i])) return false;
        }
        return true;
    }
    size_t pa = a.layout->positive_buckets(), pb = b.layout->positive_buckets();
    return pair_buckets(a.layout->positive, a.buckets.first(pa), b.layout->positive, b.buckets.first(pb),
                        use) &&
           pair_buckets(a.layout->negative, a.buckets.subspan(pa), b.layout->negative, b.buckets.subspan(pb),
                        use);
}

bool is_reset(const HistogramView& before, const HistogramView& now, bool on_same_grid) {
    bool floats = now.floats;
    if (less(now.count, before.count, floats)) return true;
    // Prometheus looks no further when schema or threshold differ; other bounds are a reset.
    if (!on_same_grid)
        return before.layout->schema == now.layout->schema &&
               before.layout->zero_threshold == now.layout->zero_threshold;
    if (less(now.zero_count, before.zero_count, floats)) return true;
    return !pair_all(before, now, [floats](HistogramCell a, HistogramCell b) { return !less(b, a, floats); });
}

}  // namespace

bool may_follow(const HistogramView& before, const HistogramView& now, bool gauges, ResetHint& begin) {
    if (now.hint == ResetHint::kReset) {
        begin = ResetHint::kReset;
        return false;
    }
    if (before.stale() || gauges != (now.hint == ResetHint::kGauge)) return false;
    bool grid = same_grid(*before.layout, *now.layout);
    if (gauges || !is_reset(before, now, grid)) return grid;
    begin = ResetHint::kReset;
    return false;
}

bool same_histogram(const HistogramView& a, const HistogramView& b) {
    if (a.floats != b.floats || std::bit_cast<uint64_t>(a.sum) != std::bit_cast<uint64_t>(b.sum))
        return false;
    if (a.stale()) return true;
    auto same = [](HistogramCell x, HistogramCell y) { return x.i == y.i; };
    return same_grid(*a.layout, *b.layout) && same(a.count, b.count) && same(a.zero_count, b.zero_count) &&
           pair_all(a, b, same);
}

}  // namespace narthex
