#include "chunk/histogram_columns.h"

#include <algorithm>

namespace narthex {

namespace {
constexpr size_t kLayoutsCompared = 4;
}

HistogramView stale_histogram(bool floats) {
    static const HistogramLayout kEmpty;
    return {&kEmpty, floats, ResetHint::kUnknown, {.i = 0}, {.i = 0}, stale_nan(), {}};
}

HistogramView zero_histogram(const HistogramView& h, HistogramLayout& room) {
    room = {h.layout->schema, h.layout->zero_threshold, {}, {}, h.layout->bounds};
    return {&room, h.floats, ResetHint::kReset, {.i = 0}, {.i = 0}, 0, {}};
}

void HistogramColumns::clear() {
    layouts.clear();
    widths_.clear();
    runs.clear();
    times.clear();
    start_times.clear();
    counts.clear();
    zero_counts.clear();
    sums.clear();
    hints.clear();
    cells.clear();
}

const HistogramRun& HistogramColumns::run_of(size_t sample) const {
    auto after = std::upper_bound(runs.begin(), runs.end(), sample,
                                  [](size_t k, const HistogramRun& run) { return k < run.first; });
    return *(after - 1);
}

uint32_t HistogramColumns::use_layout(const HistogramLayout& layout) {
    size_t n = layouts.size();
    for (size_t k = n; k > 0 && n - k < kLayoutsCompared; --k) {
        if (layouts[k - 1] == layout) return static_cast<uint32_t>(k - 1);
    }
    layouts.push_back(layout);
    widths_.push_back(layout.width());
    return static_cast<uint32_t>(n);
}

std::span<HistogramCell> HistogramColumns::push(uint32_t layout, bool floats, int64_t t, int64_t start,
                                                HistogramCell count, HistogramCell zero_count, double sum,
                                                ResetHint hint) {
    size_t width = widths_[layout];
    if (runs.empty() || runs.back().layout != layout || runs.back().floats != floats)
        runs.push_back({layout, floats, times.size(), times.size(), cells.size(), width});
    ++runs.back().last;
    times.push_back(t);
    start_times.push_back(start);
    counts.push_back(count);
    zero_counts.push_back(zero_count);
    sums.push_back(sum);
    hints.push_back(hint);
    cells.resize(cells.size() + width);
    return {cells.data() + cells.size() - width, width};
}

void HistogramColumns::push(int64_t t, int64_t start, const HistogramView& value) {
    auto to = push(use_layout(*value.layout), value.floats, t, start, value.count, value.zero_count,
                   value.sum, value.hint);
    std::copy(value.buckets.begin(), value.buckets.end(), to.begin());
}

void HistogramColumns::to_floats() {
    for (HistogramRun& run : runs) {
        if (run.floats) continue;
        auto unsigned_to_float = [](HistogramCell& c) {
            c.f = static_cast<double>(static_cast<uint64_t>(c.i));
        };
        for (size_t k = run.first; k < run.last; ++k) {
            unsigned_to_float(counts[k]);
            unsigned_to_float(zero_counts[k]);
        }
        size_t end = run.cells + (run.last - run.first) * run.width;
        for (size_t k = run.cells; k < end; ++k) cells[k].f = static_cast<double>(cells[k].i);
        run.floats = true;
    }
}

HistogramColumns HistogramColumns::pick(std::span<const uint32_t> order) const {
    HistogramColumns out;
    out.layouts = layouts;
    out.widths_ = widths_;
    const HistogramRun* run = nullptr;
    for (size_t k = 0; k < order.size(); ++k) {
        size_t from = order[k];
        if (run == nullptr || from < run->first || from >= run->last) run = &run_of(from);
        ResetHint hint = hints[from];
        bool follows = k > 0 && order[k - 1] + 1 == from;
        if (!follows && hint != ResetHint::kGauge) hint = ResetHint::kUnknown;
        auto to = out.push(run->layout, run->floats, times[from], start_times[from], counts[from],
                           zero_counts[from], sums[from], hint);
        auto source = buckets(*run, from);
        std::copy(source.begin(), source.end(), to.begin());
    }
    return out;
}

}  // namespace narthex
