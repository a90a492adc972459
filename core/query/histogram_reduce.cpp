#include "query/histogram_reduce.h"

#include "histogram/accumulate.h"

namespace narthex {

namespace {

// One group at one step, whose cells come in the order of rows. `sum` keeps its room from step to step.
template <typename Sum>
struct Column {
    Sum& sum;
    HistogramPool& pool;
    bool numbers = false, histograms = false, summed = false, collision = false, incompatible = false;
    uint32_t told = 0;

    // False when the cell does not go together with those before it.
    bool add(double cell) {
        if (is_stale(cell) || incompatible) return true;
        if (!is_histogram_cell(cell)) {
            numbers = true;
            return true;
        }
        histograms = true;
        if (!summed) {
            if (numbers) return true;  // there is no result any more, nor anything to tell of the histograms
            sum.begin(pool.at(cell));
            summed = true;
            return true;
        }
        Combined c = sum.add(pool.at(cell));
        collision = c.reset_collision;
        incompatible = c.incompatible;
        if (c.bounds_reconciled) told |= kNoteReconciledAgg;
        return !incompatible;
    }

    // The group's cell, which is `number` without histograms.
    double finish(double number) {
        if (!histograms) return number;
        if (numbers) told |= kNoteMixedAgg;
        if (numbers || incompatible) return stale_nan();
        if (collision) told |= kNoteCollisionAgg;
        FloatHistogram& result = sum.finish();
        result.compact();
        return pool.add(result.view());
    }
};

template <typename Sum>
uint32_t reduce(const GroupedCells& in, HistogramPool& pool, QueryBudget& budget, double* out,
                uint32_t* notes) {
    Sum sum;
    uint32_t told = 0;
    auto groups = rows_by_group(in);
    for (size_t g = 0; g < groups.size(); ++g) {
        for (size_t k = 0; k < in.steps; ++k) {
            budget.check();
            Column<Sum> column{sum, pool};
            for (uint32_t row : groups[g]) {
                if (!column.add(in.cells[row * in.steps + k])) notes[row] |= kNoteMixedSchemas;
            }
            double& cell = out[g * in.steps + k];
            cell = column.finish(cell);
            told |= column.told;
        }
    }
    return told;
}

}  // namespace

uint32_t reduce_histograms(const GroupedCells& in, bool mean, HistogramPool& pool, QueryBudget& budget,
                           double* out, uint32_t* notes) {
    return mean ? reduce<HistogramMean>(in, pool, budget, out, notes)
                : reduce<HistogramSum>(in, pool, budget, out, notes);
}

}  // namespace narthex
