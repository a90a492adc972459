// Native histograms as columns: one array a field, samples of one series in time order. Samples that share a
// layout form a run, and a run's buckets lie sample by sample in one stretch of cells, so a kernel walks
// arrays and never meets an object a sample.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "chunk/histogram_layout.h"
#include "chunk/stale.h"

namespace narthex {

// What is known about a counter reset between a sample and the one before it. The numbers are Prometheus'.
enum class ResetHint : uint8_t { kUnknown = 0, kReset = 1, kNotReset = 2, kGauge = 3 };

// A count: `i` in runs of integers, `f` in runs of floats. Counts of observations are uint64 kept in `i`;
// bucket counts may go wrong in damaged data and are signed.
union HistogramCell {
    int64_t i;
    double f;
};

inline void add_cell(HistogramCell& to, HistogramCell more, bool floats) {
    if (floats) {
        to.f += more.f;
    } else {
        to.i = static_cast<int64_t>(static_cast<uint64_t>(to.i) + static_cast<uint64_t>(more.i));
    }
}

// One sample's value where somebody else keeps it.
struct HistogramView {
    const HistogramLayout* layout;
    bool floats;  // what the cells hold
    ResetHint hint;
    HistogramCell count;
    HistogramCell zero_count;
    double sum;
    std::span<const HistogramCell> buckets;  // absolute, layout->width()

    bool stale() const { return is_stale(sum); }
};

// A stale marker of that kind.
HistogramView stale_histogram(bool floats);

// What histograms like `h` begin with: no observations, and a reset by definition. Keeps its layout in
// `room`.
HistogramView zero_histogram(const HistogramView& h, HistogramLayout& room);

struct HistogramRun {
    uint32_t layout;     // into HistogramColumns::layouts
    bool floats;         // what the cells hold
    size_t first, last;  // samples [first, last)
    size_t cells;        // sample k's buckets begin at cells + (k - first) * width
    size_t width;        // buckets of a sample: positive ones ascending, then negative ones; absolute counts
};

// Columns have one entry a sample. Runs cover them in order and are not empty. A stale marker is a sample
// whose sum is the stale NaN; it has no buckets, hence the empty layout (of schema 0). Schemas are at most
// kMaxSchema. Times are milliseconds.
class HistogramColumns {
  public:
    std::vector<HistogramLayout> layouts;
    std::vector<HistogramRun> runs;
    std::vector<int64_t> times;
    std::vector<int64_t> start_times;  // 0: unknown
    std::vector<HistogramCell> counts;
    std::vector<HistogramCell> zero_counts;
    std::vector<double> sums;
    std::vector<ResetHint> hints;
    std::vector<HistogramCell> cells;

    size_t size() const { return times.size(); }
    void clear();
    bool is_stale_at(size_t sample) const { return is_stale(sums[sample]); }
    // The run that holds a sample.
    const HistogramRun& run_of(size_t sample) const;
    std::span<const HistogramCell> buckets(const HistogramRun& run, size_t sample) const {
        return {cells.data() + run.cells + (sample - run.first) * run.width, run.width};
    }

    HistogramView view(const HistogramRun& run, size_t sample) const {
        return {&layouts[run.layout], run.floats,   hints[sample],       counts[sample],
                zero_counts[sample],  sums[sample], buckets(run, sample)};
    }

    // Appends a copy; the layout is compared with the last few.
    void push(int64_t t, int64_t start, const HistogramView& value);
    // Appends a sample and gives its buckets to fill. `layout` must be one that use_layout gave; a run goes
    // on where layout and kind are those of the sample before. Later samples move the cells.
    std::span<HistogramCell> push(uint32_t layout, bool floats, int64_t t, int64_t start, HistogramCell count,
                                  HistogramCell zero_count, double sum, ResetHint hint);
    // The number of a layout, which is added when none of the last few is equal.
    uint32_t use_layout(const HistogramLayout& layout);

    // Makes all runs float runs, as queries compute: integers become doubles.
    void to_floats();

    // The samples at `order` in that order, which must ascend in time. A sample that does not follow the one
    // before it any more loses what was known about a reset, unless it is a gauge's.
    HistogramColumns pick(std::span<const uint32_t> order) const;

  private:
    std::vector<size_t> widths_;  // of layouts
};

// The samples of some columns mostly in ascending order, without looking a run up for each.
class HistogramWalk {
  public:
    explicit HistogramWalk(const HistogramColumns& samples) : samples_(samples) {}
    HistogramView at(size_t sample) {
        if (sample < samples_.runs[run_].first) return samples_.view(samples_.run_of(sample), sample);
        while (sample >= samples_.runs[run_].last) ++run_;
        return samples_.view(samples_.runs[run_], sample);
    }

  private:
    const HistogramColumns& samples_;
    size_t run_ = 0;
};

}  // namespace narthex
