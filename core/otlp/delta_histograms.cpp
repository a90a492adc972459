#include "otlp/delta_histograms.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "histogram/as_sample.h"
#include "histogram/combine.h"

namespace narthex {

namespace {

int64_t reach(const Buckets& side) {
    return side.runs.empty() ? 0 : side.runs.back().end() - side.runs.front().first;
}

void add_unchanged(HistogramBatch& out, const HistogramView& v) {
    const HistogramLayout& layout = *v.layout;
    out.add({layout,
             v.floats,
             layout.positive_buckets(),
             layout.negative_buckets(),
             {&v.count, 1},
             {&v.zero_count, 1},
             {&v.sum, 1},
             {&v.hint, 1},
             v.buckets});
}

}  // namespace

void DeltaHistograms::grow(Total& total, const FloatHistogram& delta, int64_t start) {
    FloatHistogram& sum = total.value;
    bool alike = sum.custom() == delta.custom() && (!sum.custom() || same_bounds(sum.bounds, delta.bounds));
    if (!alike) {
        sum = delta;
        total.begun = start;
        return;
    }
    add(sum, delta.view());
    sum.hint = ResetHint::kUnknown;
    if (sum.custom()) return;
    while (sum.schema > -4 && std::max(reach(sum.positive), reach(sum.negative)) > kMostBuckets)
        reduce_schema(sum, sum.schema - 1);
}

DeltaHistograms::Totals DeltaHistograms::convert(std::span<const uint64_t> refs,
                                                 std::span<const int64_t> times,
                                                 std::span<const int64_t> starts,
                                                 const HistogramBatch& samples,
                                                 std::span<const uint8_t> deltas) {
    pending_.clear();
    const size_t n = refs.size();
    std::vector<uint32_t> order(n);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return times[a] < times[b]; });
    HistogramWalk walk(samples.columns());
    std::vector<uint8_t> keep(n, 1);
    std::vector<FloatHistogram> made(n);  // of deltas that are kept
    Totals out;
    std::vector<int64_t> begun(starts.begin(), starts.end());
    FloatHistogram delta;
    for (uint32_t i : order) {
        HistogramView v = walk.at(i);
        if (!deltas[i] || v.stale() || samples.fault(i) != HistogramFault::kNone) continue;
        delta.assign(v);
        delta.hint = ResetHint::kUnknown;
        auto [at, fresh] = pending_.try_emplace(refs[i]);
        Total& total = at->second;
        if (fresh) {
            auto known = totals_.find(refs[i]);
            if (known != totals_.end() && times[i] - known->second.newest <= silence_) {
                total = known->second;
            } else {
                total.begun = starts[i];
                total.newest = std::numeric_limits<int64_t>::min();
            }
        }
        bool first = total.newest == std::numeric_limits<int64_t>::min();
        if (!first && (times[i] <= total.newest || starts[i] < total.begun)) {
            keep[i] = 0;
            continue;
        }
        if (first) {
            total.value = delta;
        } else {
            grow(total, delta, starts[i]);
        }
        total.newest = times[i];
        begun[i] = total.begun;
        made[i] = total.value;
        keep[i] = 2;
    }
    HistogramWalk again(samples.columns());
    for (uint32_t i = 0; i < n; ++i) {
        if (keep[i] == 0) continue;
        out.rows.push_back(i);
        out.starts.push_back(begun[i]);
        if (keep[i] == 2) {
            add_sample(out.batch, made[i], false);
        } else {
            add_unchanged(out.batch, again.at(i));
        }
    }
    return out;
}

void DeltaHistograms::take() {
    int64_t newest = std::numeric_limits<int64_t>::min();
    bool others = false;
    for (const auto& [ref, total] : pending_) {
        newest = std::max(newest, total.newest);
        others |= !totals_.contains(ref);
    }
    if (others) {
        std::erase_if(totals_, [&](const auto& known) { return newest - known.second.newest > silence_; });
    }
    for (auto& [ref, total] : pending_) totals_[ref] = std::move(total);
    pending_.clear();
}

}  // namespace narthex
