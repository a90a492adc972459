#include <algorithm>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <utility>
#include <vector>

#include "head/head.h"

namespace narthex {

namespace {

// Takes a few milliseconds.
constexpr size_t kSeriesAtOnce = 4096;

}  // namespace

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
    std::lock_guard alone(truncating_);
    set_min_valid_time(mint);
    std::vector<uint64_t> dropped = sweep(mint);
    if (!dropped.empty()) rebuild();
    return dropped;
}

// Drops chunks and takes away the references of series without samples, some at a time: commits wait for one
// lot only. What is left of such series, postings say, goes with rebuild().
std::vector<uint64_t> Head::sweep(int64_t mint) {
    std::vector<uint64_t> dropped;
    int64_t oldest = kMaxTime;
    {
        std::unique_lock lock(mutex_);
        oldest_append_ = kMaxTime;
    }
    bool unsure = transactions_->span_epochs();
    uint8_t mark = transactions_->mark();
    for (size_t at = 0, n = 1; at < n;) {
        std::vector<std::shared_ptr<const void>> released;  // let go after the lock
        std::unique_lock lock(mutex_);
        n = table_.series.size();
        size_t first = dropped.size();
        for (size_t end = std::min(n, at + kSeriesAtOnce); at < end; ++at) {
            Series& s = table_.series[at];
            oldest = std::min(oldest, drop_chunks(s, mint));
            forget_deleted(s, mint);
            const SeriesExtra* extra = table_.extras.find(s);
            if (s.ref != 0 && !s.has_samples() && !unsure && s.touched != mark &&
                (extra == nullptr || extra->out_of_order == nullptr)) {
                dropped.push_back(s.ref);
                table_.forget(s);
            }
        }
        if (dropped.size() > first) forget_references(dropped, first);
        released = closed_.take_released();
    }
    end_epoch();
    std::unique_lock lock(mutex_);
    oldest = std::min(oldest, oldest_append_);
    // An empty head still says where it ends: appends are bounded by its newest time.
    if (counts_.max_time != kMinTime) counts_.min_time = oldest == kMaxTime ? mint : oldest;
    return dropped;
}

// Series in `dropped` from `first` on are gone: other references to them go, too.
void Head::forget_references(std::vector<uint64_t>& dropped, size_t first) {
    counts_.removed += dropped.size() - first;
    forgotten_ += dropped.size() - first;
    auto gone = [this](uint64_t ref) { return table_.by_ref.find(ref) == RefMap::kNone; };
    std::erase_if(unlogged_, gone);
    std::erase_if(aliases_, [&](const auto& alias) {
        if (!gone(alias.second)) return false;
        table_.by_ref.set(alias.first, RefMap::kNone);
        dropped.push_back(alias.first);
        return true;
    });
    ++removals_;
}

// A new table of the series that are left takes the place of the present one. Labels, which do not change,
// are copied some at a time while appends go on; only what a series has of samples is moved under the
// exclusive lock.
void Head::rebuild() {
    SeriesTable next;  // in the end the old one, which is freed without a lock
    SymbolMapper map(*table_.symbols, *next.symbols);
    size_t at = 0;
    auto copy_labels = [&](size_t end) {
        for (; at < end; ++at) next.add_labels_of(table_, table_.series[at], map);
    };
    while (true) {
        std::shared_lock lock(mutex_);
        if (table_.series.size() - at <= kSeriesAtOnce) break;
        copy_labels(at + kSeriesAtOnce);
    }
    std::unique_lock lock(mutex_);
    copy_labels(table_.series.size());
    next.take_samples(table_);
    std::swap(next, table_);
    for (const auto& [alias, ref] : aliases_) table_.by_ref.set(alias, table_.by_ref.find(ref));
    counts_.label_pairs = table_.postings.pairs();
    forgotten_ = 0;
    ++removals_;
    ++generation_;
}

}  // namespace narthex
