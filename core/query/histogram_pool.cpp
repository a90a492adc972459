#include "query/histogram_pool.h"

#include <bit>
#include <stdexcept>
#include <utility>

namespace narthex {

HistogramPool::~HistogramPool() {
    for (auto& block : blocks_) delete[] block.load(std::memory_order_relaxed);
    budget_->release(held_.load(std::memory_order_relaxed));
}

std::pair<size_t, uint64_t> HistogramPool::locate(uint64_t index) {
    uint64_t scaled = index / kFirstBlock + 1;
    auto block = static_cast<size_t>(std::bit_width(scaled) - 1);
    return {block, index - kFirstBlock * ((uint64_t{1} << block) - 1)};
}

void HistogramPool::count(const FloatHistogramView& value) {
    auto samples = static_cast<int64_t>(value.samples());
    budget_->hold(samples);
    held_.fetch_add(samples, std::memory_order_relaxed);
}

FloatHistogram& HistogramPool::next(uint64_t& index) {
    std::lock_guard lock(mutex_);
    index = size_.load(std::memory_order_relaxed);
    auto [block, place] = locate(index);
    if (block >= kBlocks) throw LimitError("too many native histograms in one query");
    FloatHistogram* values = blocks_[block].load(std::memory_order_relaxed);
    if (!values) {
        values = new FloatHistogram[kFirstBlock << block];
        blocks_[block].store(values, std::memory_order_release);
    }
    size_.store(index + 1, std::memory_order_release);
    return values[place];
}

double HistogramPool::add(const FloatHistogramView& value) {
    count(value);
    uint64_t index;
    next(index).assign(value);
    return histogram_cell(index);
}

double HistogramPool::add(FloatHistogram&& value) {
    count(value.view());
    uint64_t index;
    next(index) = std::move(value);
    return histogram_cell(index);
}

const FloatHistogram& HistogramPool::value(double cell) const {
    uint64_t index = histogram_index(cell);
    if (!is_histogram_cell(cell) || index >= size()) throw std::out_of_range("no such histogram");
    auto [block, place] = locate(index);
    return blocks_[block].load(std::memory_order_acquire)[place];
}

}  // namespace narthex
