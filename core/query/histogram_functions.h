// Functions and operators on cells with native histograms.
#pragma once

#include <cstdint>

#include "query/elementwise.h"
#include "query/histogram_pool.h"
#include "query/notes.h"

namespace narthex {

// The numbers are part of the binding; src/narthex/promql/functions/histogram_values.py names them.
enum class HistogramNumber : uint8_t { kCount = 0, kSum, kAvg, kStddev, kStdvar };
inline constexpr uint8_t kHistogramNumbers = 5;

// rows x steps cells.
struct PooledCells {
    const double* cells;
    size_t rows;
    size_t steps;
    const HistogramPool& pool;
};

// One number of each histogram; absent where there is none. Writes as many cells as there are.
void histogram_numbers(HistogramNumber what, const PooledCells& in, QueryBudget& budget, double* out);

// The q[k]-quantile of the histograms at step k, absent where there is none. A row's notes go to notes[row].
void native_quantiles(const PooledCells& in, const double* q, QueryBudget& budget, double* out,
                      uint32_t* notes);
// The share of observations between lower[k] and upper[k].
void native_fractions(const PooledCells& in, const double* lower, const double* upper, QueryBudget& budget,
                      double* out, uint32_t* notes);

// Histograms times -1; everything else stays as it is. `out` may be the input.
void negate_histograms(const PooledCells& in, QueryBudget& budget, HistogramPool& pool, double* out);

// What combine_cells does where a side is a histogram; other cells of `out` stay as they are, besides that
// two numbers are noted for the operators that take none. Gives the notes.
uint32_t combine_histograms(BinaryOp op, CompareResult result, const Operand& left, const Operand& right,
                            size_t rows, size_t steps, HistogramPool& pool, QueryBudget& budget, double* out);

}  // namespace narthex
