// The loop that all row kernels share: read, count, evaluate, store or reduce.
#pragma once

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "chunk/stale.h"
#include "query/select.h"

namespace narthex {

// Samples in memory while a row is worked on.
class HeldSamples {
  public:
    HeldSamples(QueryBudget& budget, size_t samples)
        : budget_(budget), samples_(static_cast<int64_t>(samples)) {
        budget_.count_read(samples_);
        budget_.hold(samples_);
    }
    ~HeldSamples() { budget_.release(samples_); }
    HeldSamples(const HeldSamples&) = delete;
    HeldSamples& operator=(const HeldSamples&) = delete;

  private:
    QueryBudget& budget_;
    int64_t samples_;
};

// read(row, buffer) gives a row's Samples, evaluate(samples, cells) fills `steps` cells. Where rows may have
// histograms, mixed(row, samples, cells) fills the cells of one that has, and tells whether it did.
template <typename Read, typename Evaluate, typename Mixed>
void each_row(RowRange rows, size_t steps, const RowTarget& target, QueryBudget& budget, Read&& read,
              Evaluate&& evaluate, Mixed&& mixed) {
    thread_local SampleBuffer buffer;
    thread_local std::vector<double> scratch;
    if (target.reducer) {
        if (rows.last > target.groups.size()) throw std::out_of_range("a row has no group");
        scratch.resize(steps);
    }
    for (size_t row = rows.first; row < rows.last; ++row) {
        budget.check();
        double* cells = target.reducer ? scratch.data() : target.cells + row * steps;
        Samples s = read(row, buffer);
        if (mixed(row, s, cells)) continue;
        if (s.n == 0) {
            if (!target.reducer) std::fill(cells, cells + steps, stale_nan());
            continue;
        }
        HeldSamples held(budget, s.n);
        evaluate(s, cells);
        if (target.reducer) target.reducer->add_row(target.groups[row], cells);
    }
}

// The same for numbers alone.
template <typename Read, typename Evaluate>
void each_row(RowRange rows, size_t steps, const RowTarget& target, QueryBudget& budget, Read&& read,
              Evaluate&& evaluate) {
    each_row(rows, steps, target, budget, read, evaluate,
             [](size_t, const Samples&, double*) { return false; });
}

}  // namespace narthex
