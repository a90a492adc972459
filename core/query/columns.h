// Aggregations that need all values of a group at a step together: quantile, topk, bottomk, limitk,
// limit_ratio, count_values.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "labels/label_sets.h"
#include "query/budget.h"
#include "query/histogram_pool.h"

namespace narthex {

// rows x steps cells whose row i belongs to group ids[i] < groups.
struct GroupedCells {
    const double* cells;
    size_t steps;
    std::span<const uint32_t> ids;
    size_t groups;
};

// Rows of each group, in order. Throws std::out_of_range for a row of none.
std::vector<std::vector<uint32_t>> rows_by_group(const GroupedCells& in);

// Writes groups x steps cells: the q[k]-quantile of the group's values at step k.
void quantile_columns(const GroupedCells& in, const double* q, QueryBudget& budget, double* out);

// Keeps the `keep[k]` greatest (least) values of each group at step k, of equal ones the earlier rows; NaN
// only when there are not enough numbers. Writes rows x steps cells.
void extreme_columns(const GroupedCells& in, const int64_t* keep, bool greatest, QueryBudget& budget,
                     double* out);

// Keeps the first `keep[k]` rows of each group that have a value at step k.
void first_columns(const GroupedCells& in, const int64_t* keep, double* out);

// Keeps rows whose offset (their share of the hash range, [0, 1]) is below ratio[k], or for a negative ratio
// those at or above 1 + ratio[k].
void ratio_columns(const GroupedCells& in, const double* offsets, const double* ratio, double* out);

// One row a group and distinct value: how many of the group's rows have the value at each step.
struct ValueCounts {
    std::vector<uint32_t> group;
    std::vector<std::string> text;  // the value as PromQL writes it, numbers never with an exponent
    std::vector<double> cells;      // rows x steps
};
// `pool` has the histograms, which count as equal when their texts are.
ValueCounts count_values(const GroupedCells& in, const HistogramPool& pool, QueryBudget& budget);

}  // namespace narthex
