// Kernels over the rows of a selection or a matrix: instant selectors and range functions for all steps,
// either into a matrix or straight into a reduction.
#pragma once

#include <span>

#include "query/budget.h"
#include "query/range_function.h"
#include "query/reduce.h"
#include "query/source.h"

namespace narthex {

// An instant selector: at each step the newest sample in (t - lookback, t], absent when that is a stale
// marker. It gives the sample's value, or instead its time or its start time (0 when unknown), in seconds.
// The numbers are part of the binding; src/narthex/promql/operators/selector.py names them.
enum class Given : uint8_t { kValue = 0, kTime, kStartTime };
inline constexpr uint8_t kGivens = 3;

struct LookbackCall {
    StepGrid grid;
    int64_t lookback;
    Given given = Given::kValue;
};

void lookback_row(const LookbackCall& call, const Samples& s, double* out);
// The same for a series that has histograms; those that a step sees go to the pool.
void mixed_lookback_row(const LookbackCall& call, const Samples& s, const HistogramSamples& h,
                        HistogramPool& pool, double* out);

// Rows [first, last) of a source; several threads may work on disjoint ranges.
struct RowRange {
    size_t first;
    size_t last;
};

// Where results go: `cells` of a whole matrix (rows x steps), or `reducer` with one group id a row.
struct RowTarget {
    double* cells = nullptr;
    Reducer* reducer = nullptr;
    std::span<const uint32_t> groups{};
};

// Where histograms go, and notes (query/notes.h, an entry a row); a pool needs notes.
struct HistogramTarget {
    HistogramPool* pool = nullptr;
    uint32_t* notes = nullptr;
};

// All throw LimitError, CanceledError and DecodeError. Histograms go to `pool`; without one, and into a
// reducer, numbers alone count.
void select_rows(const SampleSource& source, RowRange rows, const LookbackCall& call, const RowTarget& target,
                 QueryBudget& budget, HistogramPool* pool = nullptr);
void range_rows(const SampleSource& source, RowRange rows, const RangeCall& call, const RowTarget& target,
                QueryBudget& budget, const HistogramTarget& histograms = {});

}  // namespace narthex
