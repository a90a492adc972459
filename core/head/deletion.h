// Deleting samples of the head: which ones is decided first, logged, then done.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "block/tombstones.h"
#include "head/head.h"
#include "wal/pages.h"

namespace narthex {

// The order is plan -> encode -> (the caller writes the logs) -> apply, with no commit in between.
class HeadDeletion {
  public:
    explicit HeadDeletion(std::shared_ptr<Head> head) : head_(std::move(head)) {}

    // Samples in [mint, maxt] of the series for which all terms hold; intervals are clipped to what each
    // series has. false when the view is no longer valid.
    bool plan(HeadView view, std::span<const MatchTerm> terms, int64_t mint, int64_t maxt);
    size_t series() const { return marks_.size(); }
    // A framed log record, for a segment that is `position` bytes long; empty when nothing is marked.
    std::vector<uint8_t> encode(size_t position, WalCompression compression = {}) const;
    // Samples in order are marked, others are taken out: what comes late in the same interval will be seen.
    void apply();

  private:
    std::shared_ptr<Head> head_;
    std::vector<std::pair<uint64_t, Interval>> marks_;  // series reference
};

}  // namespace narthex
