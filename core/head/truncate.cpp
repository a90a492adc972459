#include <algorithm>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "head/head.h"

namespace narthex {

// Gives the oldest time that is left, kMaxTime when nothing is.
int64_t Head::drop_chunks(Series& s, int64_t mint) {
    if (!s.has_samples()) return kMaxTime;
    size_t dropped = 0;
    int64_t oldest = kMaxTime;
    if (s.size > 0 && s.t < mint) {
        release_open(s);
        dropped = 1;
    } else if (s.size > 0) {
        oldest = s.mint;
    }
    uint32_t last = kNoChunk, id = s.closed;
    while (id != kNoChunk && closed_[id].maxt() >= mint) {
        oldest = closed_[id].mint;
        last = std::exchange(id, closed_[id].older);
    }
    dropped += closed_.drop(id);
    if (last == kNoChunk) {
        s.closed = kNoChunk;
    } else {
        closed_.set_older(last, kNoChunk);
    }
    if (!s.has_samples()) forget_newest(s);
    counts_.chunks -= dropped;
    counts_.chunks_removed += dropped;
    return oldest;
}

std::vector<uint64_t> Head::truncate(int64_t mint) {
    std::vector<std::shared_ptr<const void>> released;  // let go after the lock
    std::unique_lock lock(mutex_);
    ++version_;
    bool met = transactions_->note_truncation();
    counts_.min_valid_time = std::max(counts_.min_valid_time, mint);
    size_t n = table_.series.size();
    std::vector<bool> dead(n);
    std::vector<uint64_t> dropped;
    int64_t oldest = kMaxTime;
    for (size_t i = 0; i < n; ++i) {
        Series& s = table_.series[i];
        oldest = std::min(oldest, drop_chunks(s, mint));
        const SeriesExtra* extra = table_.extras.find(s);
        bool awaited = s.touched == Series::kTouched || (met && s.touched == Series::kTouchedBefore);
        if (!s.has_samples() && !awaited && (extra == nullptr || extra->out_of_order == kNoChunk)) {
            dead[i] = true;
            dropped.push_back(s.ref);
        }
        s.touched = awaited ? Series::kTouchedBefore : 0;
    }
    released = closed_.take_released();
    // An empty head still says where it ends: appends are bounded by its newest time.
    if (counts_.max_time != kMinTime) counts_.min_time = oldest == kMaxTime ? mint : oldest;
    if (!dropped.empty()) {
        std::vector<std::pair<uint64_t, uint64_t>> aliases = aliases_;
        rebuild(dead);
        for (const auto& [alias, ref] : aliases) {
            if (table_.by_ref.find(ref) == RefMap::kNone) dropped.push_back(alias);
        }
    }
    return dropped;
}

void Head::rebuild(const std::vector<bool>& dead) {
    SeriesTable next;
    SymbolMapper map(*table_.symbols, *next.symbols);
    for (size_t i = 0; i < table_.series.size(); ++i) {
        if (!dead[i]) next.adopt(table_, table_.series[i], map);
    }
    counts_.removed += table_.series.size() - next.series.size();
    table_ = std::move(next);
    counts_.label_pairs = table_.postings.pairs();
    std::erase_if(aliases_, [&](const auto& alias) {
        uint32_t slot = table_.by_ref.find(alias.second);
        if (slot != RefMap::kNone) table_.by_ref.set(alias.first, slot);
        return slot == RefMap::kNone;
    });
    std::erase_if(unlogged_, [&](uint64_t ref) { return table_.by_ref.find(ref) == RefMap::kNone; });
    ++generation_;
}

}  // namespace narthex
