// What only some series need, beside Series: each mechanism that keeps more than a few bytes for a series has
// a member here, so that the many plain float series do not pay for it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "block/tombstones.h"
#include "chunk/start_times.h"
#include "head/open_histogram.h"
#include "head/out_of_order.h"
#include "head/series.h"

namespace narthex {

// What the encoder of XOR2 must remember and Series has no room for: needed once a chunk has a stale marker
// or a start time.
struct Xor2Rest {
    uint64_t window;  // newest value that was no stale marker
    StartTimeWriter starts;
};

// What a series says it measures. `type` is the log's number of a metric type.
struct SeriesMetadata {
    uint8_t type = 0;
    std::string unit, help;
    bool operator==(const SeriesMetadata&) const = default;
};

// Empty members mean that the series does not use the mechanism.
struct SeriesExtra {
    std::unique_ptr<OutOfOrder> out_of_order;
    std::unique_ptr<Intervals> deleted;        // samples in order that are not to be seen any more
    std::unique_ptr<OpenHistogram> histogram;  // the open chunk
    std::unique_ptr<SeriesMetadata> metadata;  // newest
    std::unique_ptr<Xor2Rest> xor2;            // of the open chunk
    std::optional<size_t> buckets;             // of the newest sample when that is a histogram
};

// The extras of a table, by the number that Series::extra holds; 0 is nobody's.
class SeriesExtras {
  public:
    SeriesExtra* find(const Series& s) { return s.extra == 0 ? nullptr : all_[s.extra - 1].get(); }
    const SeriesExtra* find(const Series& s) const {
        return s.extra == 0 ? nullptr : all_[s.extra - 1].get();
    }

    // The open chunk of histograms, or nullptr.
    OpenHistogram* histogram(const Series& s) const {
        return s.size == kElsewhere && is_histogram(s.encoding) ? all_[s.extra - 1]->histogram.get()
                                                                : nullptr;
    }

    // The extra of a series, made when it has none. Addresses are stable.
    SeriesExtra& of(Series& s) {
        if (s.extra == 0) s.extra = add(std::make_unique<SeriesExtra>());
        return *all_[s.extra - 1];
    }
    // Forgets the extra of a series.
    void release(Series& s) {
        if (s.extra != 0) take(s.extra);
        s.extra = 0;
    }

    uint32_t add(std::unique_ptr<SeriesExtra> extra) {
        if (free_.empty()) {
            free_.push_back(static_cast<uint32_t>(all_.size()));
            all_.emplace_back();
        }
        uint32_t at = free_.back();
        free_.pop_back();
        all_[at] = std::move(extra);
        return at + 1;
    }
    std::unique_ptr<SeriesExtra> take(uint32_t number) {
        free_.push_back(number - 1);
        return std::move(all_[number - 1]);
    }

  private:
    std::vector<std::unique_ptr<SeriesExtra>> all_;
    std::vector<uint32_t> free_;
};

}  // namespace narthex
