// Series that ended, on their way out of the head: blocks take their samples over before the next truncation
// would.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "head/head.h"
#include "wal/pages.h"

namespace narthex {

// The order is constructor -> (the caller writes blocks of HeadPart::kStale) -> drop -> encode -> (the caller
// writes the log) -> finish; no commit may come between drop and the log.
class StaleSeries {
  public:
    // Notes the series whose newest sample is a stale marker and that have no out-of-order samples.
    explicit StaleSeries(std::shared_ptr<Head> head);
    size_t size() const { return marks_.size(); }

    // Drops those that got no sample since and that no open transaction may have asked for. Gives their
    // references, replayed aliases included.
    const std::vector<uint64_t>& drop();
    // A framed log record which says that the dropped ones are gone, for a segment that is `position` bytes
    // long; empty when there is none. Prometheus' way to say so: everything of the series is deleted.
    std::vector<uint8_t> encode(size_t position, WalCompression compression = {}) const;
    // Frees what is left of them.
    void finish();

  private:
    struct Mark {
        uint64_t ref;
        int64_t t;  // of the stale marker
    };

    std::shared_ptr<Head> head_;
    std::vector<Mark> marks_;
    std::vector<uint64_t> dropped_;
};

}  // namespace narthex
