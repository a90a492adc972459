// The part of each_row that rows with native histograms need.
#pragma once

#include "query/each_row.h"
#include "query/histogram_windows.h"

namespace narthex {

// Reads a row's histograms in the windows of `grid` and calls evaluate(row, cells). Rows without histograms
// are left to others, as are all of them when there is nowhere for histograms to go.
template <typename Evaluate>
class MixedRows {
  public:
    MixedRows(const SampleSource& source, const StepGrid& grid, int64_t range, const RowTarget& target,
              QueryBudget& budget, const HistogramTarget& histograms, Evaluate evaluate)
        : source_(source),
          grid_(grid),
          range_(range),
          active_(histograms.pool && !target.reducer),
          budget_(budget),
          to_(histograms),
          evaluate_(std::move(evaluate)) {}

    bool operator()(size_t row, const Samples& numbers, double* cells) const {
        if (!active_ || !source_.holds_histograms(row)) return false;
        thread_local HistogramSamples histograms;
        source_.read_histograms(row, grid_, range_, histograms);
        histograms.drop_stale();
        HeldSamples held(budget_, numbers.n + histograms.samples());
        MixedRow mixed{numbers, histograms, *to_.pool, to_.notes[row]};
        evaluate_(mixed, cells);
        return true;
    }

  private:
    const SampleSource& source_;
    StepGrid grid_;
    int64_t range_;
    bool active_;
    QueryBudget& budget_;
    const HistogramTarget& to_;
    Evaluate evaluate_;
};

}  // namespace narthex
