// sum and avg over rows that have native histograms.
#pragma once

#include "query/columns.h"
#include "query/histogram_pool.h"
#include "query/notes.h"

namespace narthex {

// Sums (or averages) the histograms of each group at each step. `out` has what numbers alone give and gets
// the histograms: groups x steps cells, absent where a group has both, or buckets that do not go together.
// The latter is told of the row that came too much in notes[row]; the rest of the notes is returned.
uint32_t reduce_histograms(const GroupedCells& in, bool mean, HistogramPool& pool, QueryBudget& budget,
                           double* out, uint32_t* notes);

}  // namespace narthex
