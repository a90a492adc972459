// Exemplars: examples of what a series counts, such as a trace. The newest of all series, in one ring.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "wal/records.h"

namespace narthex {

// The numbers go over the contract as append statuses.
enum class ExemplarStatus : uint8_t {
    kOk = 0,
    kOutOfOrder = 64,
    kDuplicate = 65,    // as the newest of its series: silently fine
    kLabelLength = 66,  // names and values are longer than kMaxExemplarLabels together
    kDisabled = 67,
};

inline constexpr size_t kMaxExemplarLabels = 128;  // code points

struct ExemplarStats {
    uint64_t appended = 0;
    uint64_t out_of_order = 0;
    size_t stored = 0;
    size_t series = 0;
    size_t capacity = 0;
    int64_t oldest = 0;  // time of the one that goes next, 0 without any; milliseconds
};

// Label sets as the log has them: a count, then names and values, each with its length.
std::string pack_labels(std::span<const TextPair> labels);
// Views into `packed`.
std::vector<TextPair> unpack_labels(std::string_view packed);
// Whether packed labels have more than kMaxExemplarLabels code points.
bool too_long(std::string_view packed);

// Not safe for concurrent use. A series is its packed label set: it may outlive the head's series.
class ExemplarRing {
  public:
    // Keeps the newest ones that fit; 0 turns exemplars off.
    void resize(size_t capacity);
    // What add() would say. Within a series exemplars ascend by time, then value, then labels.
    ExemplarStatus check(std::string_view series, int64_t t, double value, std::string_view labels) const;
    ExemplarStatus add(std::string_view series, int64_t t, double value, std::string labels);

    // use(series, t, value, labels) for those with mint <= t <= maxt, series by series, each in its order.
    template <typename Use>
    void each(int64_t mint, int64_t maxt, Use&& use) const {
        for (const auto& [series, list] : series_) {
            for (uint32_t at = list.first; at != kNone; at = ring_[at].next) {
                const Entry& e = ring_[at];
                if (e.t >= mint && e.t <= maxt) use(std::string_view(series), e.t, e.value, e.labels);
            }
        }
    }
    // The same in the order in which they came.
    template <typename Use>
    void each_by_age(Use&& use) const {
        size_t n = ring_.size(), first = n < capacity_ ? 0 : next_;
        for (size_t k = 0; k < n; ++k) {
            const Entry& e = ring_[(first + k) % n];
            use(std::string_view(e.series->first), e.t, e.value, e.labels);
        }
    }
    ExemplarStats stats() const;

  private:
    static constexpr uint32_t kNone = 0xffffffff;
    // Places in the ring, chained by Entry::next.
    struct List {
        uint32_t first = kNone, newest = kNone;
    };
    using Lists = std::map<std::string, List, std::less<>>;
    struct Entry {
        int64_t t = 0;
        double value = 0;
        std::string labels;
        uint32_t next;
        Lists::iterator series;
    };
    void remove(uint32_t at);
    void place(std::string_view series, Entry entry);

    Lists series_;
    std::vector<Entry> ring_;
    size_t capacity_ = 0;
    size_t next_ = 0;  // where the next one goes
    uint64_t appended_ = 0, out_of_order_ = 0;
};

}  // namespace narthex
