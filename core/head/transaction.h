// One transaction: samples are judged when they come, logged and applied when it commits.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "head/head.h"

namespace narthex {

// The order is append* -> encode -> (the caller writes the log) -> apply. Used by one thread at a time;
// encode and apply of different transactions must not interleave.
class HeadTransaction {
  public:
    explicit HeadTransaction(std::shared_ptr<Head> head);

    // Judges and keeps columns of equal length; gives one status a sample. Nothing in the head changes.
    void append(std::span<const uint64_t> refs, std::span<const int64_t> ts, std::span<const uint64_t> values,
                std::span<uint8_t> statuses);

    // Framed log records of series that no record holds yet, then of the samples, for a segment that is
    // `position` bytes long. Samples that other commits have overtaken meanwhile are dropped.
    // Empty when there is nothing to log.
    std::vector<uint8_t> encode(size_t position);

    // Makes the samples visible, all at once; gives how many. The series that encode() wrote count as logged.
    size_t apply();

    // Samples that wait for the commit, dropped ones excluded.
    size_t pending() const { return pending_; }

  private:
    AppendStatus judge(const Series& s, uint32_t index);
    void judge_again();
    uint32_t& newest_of(uint32_t slot);
    void reserve_newest(size_t samples);

    std::shared_ptr<Head> head_;
    int64_t appendable_from_;
    uint64_t generation_;
    uint64_t version_;
    std::vector<uint64_t> refs_;
    std::vector<uint32_t> slots_;
    std::vector<int64_t> ts_;
    std::vector<uint64_t> values_;
    std::vector<uint8_t> ok_;
    // Open addressing: slot -> index of its newest accepted sample, kNone = free.
    std::vector<uint32_t> newest_;
    size_t pending_ = 0;
    size_t logged_series_ = 0;
};

}  // namespace narthex
