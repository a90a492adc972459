// What all kernels of one query share: the limit on samples in memory and the flag that stops them.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "bytes/error.h"

namespace narthex {

// Safe to use from several threads at once; counters are relaxed, so a limit may be passed by what one thread
// adds at a time.
class QueryBudget {
  public:
    explicit QueryBudget(int64_t max_samples) : max_samples_(max_samples) {}

    void cancel() { canceled_.store(true, std::memory_order_relaxed); }
    bool canceled() const { return canceled_.load(std::memory_order_relaxed); }
    // Throws CanceledError once `cancel` was called. Kernels call it at least once a row.
    void check() const {
        if (canceled()) throw CanceledError();
    }

    // Counts samples that are in memory from now on. Throws LimitError, with nothing counted, when they are
    // too many.
    void hold(int64_t samples) {
        int64_t now = live_.fetch_add(samples, std::memory_order_relaxed) + samples;
        if (now > max_samples_) {
            release(samples);
            throw LimitError("query processing would load too many samples into memory in query execution");
        }
        int64_t peak = peak_.load(std::memory_order_relaxed);
        while (now > peak && !peak_.compare_exchange_weak(peak, now, std::memory_order_relaxed)) {
        }
    }
    // The same for new text of labels, which lives to the end of the query: 16 bytes are a sample, as in a
    // histogram. Series of storage have labels of modest size; label functions can make any.
    void hold_text(size_t bytes) { hold(static_cast<int64_t>(bytes / 16)); }
    void release(int64_t samples) { live_.fetch_sub(samples, std::memory_order_relaxed); }
    void count_read(int64_t samples) { read_.fetch_add(samples, std::memory_order_relaxed); }

    int64_t live() const { return live_.load(std::memory_order_relaxed); }
    int64_t peak() const { return peak_.load(std::memory_order_relaxed); }
    int64_t read() const { return read_.load(std::memory_order_relaxed); }

  private:
    const int64_t max_samples_;
    std::atomic<int64_t> live_{0};
    std::atomic<int64_t> peak_{0};
    std::atomic<int64_t> read_{0};
    std::atomic<bool> canceled_{false};
};

}  // namespace narthex
