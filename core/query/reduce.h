// Reductions over the rows of a group that need one pass and constant memory a cell. They can run behind a
// selector or a range function row by row, so that the rows never have to be in memory together.
#pragma once

#include <cstdint>
#include <vector>

#include "query/grid.h"

namespace narthex {

// The numbers are part of the binding; src/narthex/promql/operators/aggregation.py names them.
enum class ReduceOp : uint8_t { kSum = 0, kAvg, kMin, kMax, kCount, kGroup, kStddev, kStdvar };
inline constexpr uint8_t kReduceOps = 8;

// Accumulates groups x steps cells. Cells with a stale marker add nothing; a group's cell to which nothing
// was added is a stale marker in the result.
class Reducer {
  public:
    Reducer(ReduceOp op, size_t groups, size_t steps);

    size_t groups() const { return groups_; }
    size_t steps() const { return steps_; }

    // `cells` holds steps() values. Throws std::out_of_range when there is no such group.
    void add_row(size_t group, const double* cells);
    // Adds what another reducer of the same shape accumulated over other rows.
    void merge(const Reducer& other);
    // Writes groups x steps cells.
    void finish(double* out) const;

  private:
    void add_sum(size_t at, const double* cells);
    void add_mean(size_t at, const double* cells);
    void add_spread(size_t at, const double* cells);

    ReduceOp op_;
    size_t groups_;
    size_t steps_;
    std::vector<double> count_;
    std::vector<double> first_;     // sum, extreme, or mean
    std::vector<double> second_;    // compensation, or sum of squared distances
    std::vector<uint8_t> running_;  // avg: the sum overflowed, first_ is a mean from here on
};

}  // namespace narthex
