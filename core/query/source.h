// Where a kernel's samples come from: chunks of a selection, or the rows of a matrix (a subquery's result).
#pragma once

#include <optional>
#include <vector>

#include "chunk/series_batch.h"
#include "histogram/float_histogram.h"
#include "query/budget.h"
#include "query/grid.h"
#include "query/histogram_pool.h"

namespace narthex {

// A matrix is row-major; cells as in query/cell.h. `pool` has the histograms that they refer to.
struct MatrixView {
    const double* values;
    size_t rows;
    StepGrid grid;
    const HistogramPool* pool = nullptr;

    const double* row(size_t i) const { return values + i * grid.count; }
};

// One series' histograms, ascending in time, and where they are kept. Stale markers are those with a stale
// sum.
struct HistogramSamples {
    std::vector<int64_t> times;
    std::vector<int64_t> starts;  // start times, 0 where unknown
    std::vector<FloatHistogramView> values;
    HistogramColumns columns;  // of what is not in a pool
    std::optional<FloatHistogramSamples> decoded;

    size_t size() const { return times.size(); }
    // Times and start times alone.
    Samples as_times() const { return {times.data(), nullptr, times.size(), starts.data()}; }
    bool stale(size_t i) const { return is_stale(values[i].sum); }
    void clear() {
        times.clear();
        starts.clear();
        values.clear();
    }
    void drop_stale();
    // How many samples they count for against limits.
    size_t samples() const;
};

// Reads rows of either kind. The spans it gives live until the next call on the same buffer. Numbers that
// have the bits of a reference to a histogram are read as NaN.
class SampleSource {
  public:
    explicit SampleSource(const SeriesBatch& batch) : batch_(&batch) {}
    explicit SampleSource(const MatrixView& matrix) : matrix_(matrix) {}

    // The same, but histograms have no buckets. What they tell about resets is found out before, from one to
    // the next: enough for their counts and sums.
    SampleSource without_buckets() const {
        SampleSource out = *this;
        out.bucketless_ = true;
        return out;
    }

    size_t rows() const { return batch_ ? batch_->rows() : matrix_.rows; }
    // Whether the row may have histograms.
    bool holds_histograms(size_t row) const;
    // Whether samples of the row may have start times. Subqueries have none.
    bool holds_start_times(size_t row) const;
    // The numbers in windows (t - range, t], t being the grid's steps, stale markers included; others may
    // come along.
    Samples read(size_t row, const StepGrid& grid, int64_t range, SampleBuffer& buffer) const;
    // The same without stale markers.
    Samples read_values(size_t row, const StepGrid& grid, int64_t range, SampleBuffer& buffer) const;
    // Both with start times, where the row has any. They live as long as the buffer's spans.
    Samples read_with_starts(size_t row, const StepGrid& grid, int64_t range, SampleBuffer& buffer) const;
    Samples read_values_with_starts(size_t row, const StepGrid& grid, int64_t range,
                                    SampleBuffer& buffer) const;
    // The histograms in those windows, stale markers included. What is known about resets between the steps
    // of a subquery is forgotten: they may leave samples out or repeat them.
    void read_histograms(size_t row, const StepGrid& grid, int64_t range, HistogramSamples& out) const;

  private:
    const SeriesBatch* batch_ = nullptr;
    MatrixView matrix_{};
    bool bucketless_ = false;
};

}  // namespace narthex
