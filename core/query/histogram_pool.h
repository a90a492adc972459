// The native histograms of one query, which cells refer to.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>

#include "histogram/float_histogram.h"
#include "query/budget.h"
#include "query/cell.h"

namespace narthex {

// Histograms are added, by any number of threads, and never changed or removed; the query's budget counts
// them as samples for as long as the pool exists. A cell may be read by whoever got it after it was added.
class HistogramPool {
  public:
    explicit HistogramPool(std::shared_ptr<QueryBudget> budget) : budget_(std::move(budget)) {}
    ~HistogramPool();
    HistogramPool(const HistogramPool&) = delete;
    HistogramPool& operator=(const HistogramPool&) = delete;

    // The cell that stands for the value from now on. Throws LimitError.
    double add(const FloatHistogramView& value);
    double add(FloatHistogram&& value);

    uint64_t size() const { return size_.load(std::memory_order_acquire); }
    // The value that a cell stands for, valid as long as the pool is. Throws std::out_of_range for a cell of
    // another pool.
    const FloatHistogram& value(double cell) const;
    FloatHistogramView at(double cell) const { return value(cell).view(); }

  private:
    static constexpr uint64_t kFirstBlock = 256;  // each block is twice as large as the one before
    static constexpr size_t kBlocks = 40;

    // Where an index is: block and place in it.
    static std::pair<size_t, uint64_t> locate(uint64_t index);
    FloatHistogram& next(uint64_t& index);
    void count(const FloatHistogramView& value);

    std::shared_ptr<QueryBudget> budget_;
    std::mutex mutex_;  // of growing
    std::array<std::atomic<FloatHistogram*>, kBlocks> blocks_{};
    std::atomic<uint64_t> size_{0};
    std::atomic<int64_t> held_{0};
};

}  // namespace narthex
