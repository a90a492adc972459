#include "head/stale_series.h"

#include <algorithm>
#include <mutex>
#include <shared_mutex>
#include <utility>

#include "chunk/stale.h"
#include "wal/records.h"

namespace narthex {

bool Head::has_ended(const Series& s) const {
    return s.ref != 0 && s.has_samples() && s.v == kStaleNaNBits && out_of_order(s) == nullptr;
}

StaleSeries::StaleSeries(std::shared_ptr<Head> head) : head_(std::move(head)) {
    std::lock_guard alone(head_->truncating_);
    for (size_t at = 0, n = 1; at < n;) {
        std::shared_lock lock(head_->mutex_);
        n = head_->table_.series.size();
        for (size_t end = std::min(n, at + Head::kSlice); at < end; ++at) {
            const Series& s = head_->table_.series[at];
            if (head_->has_ended(s)) marks_.push_back({s.ref, s.t});
        }
    }
    head_->end_epoch();  // who asks for one of them from now on shows
}

const std::vector<uint64_t>& StaleSeries::drop() {
    std::lock_guard alone(head_->truncating_);
    if (head_->transactions_->span_epochs()) return dropped_;
    uint8_t asked = head_->transactions_->mark();
    for (size_t at = 0; at < marks_.size();) {
        std::vector<std::shared_ptr<const void>> released;  // let go after the lock
        std::unique_lock lock(head_->mutex_);
        size_t first = dropped_.size();
        for (size_t end = std::min(marks_.size(), at + Head::kSlice); at < end; ++at) {
            uint32_t slot = head_->table_.by_ref.find(marks_[at].ref);
            if (slot == RefMap::kNone) continue;
            Series& s = head_->table_.series[slot];
            if (!head_->has_ended(s) || s.t != marks_[at].t || s.touched == asked) continue;
            head_->drop_chunks(s, kMaxTime);
            dropped_.push_back(s.ref);
            head_->table_.forget(s);
        }
        if (dropped_.size() > first) head_->forget_references(dropped_, first);
        ++head_->version_;
        released = head_->closed_.take_released();
    }
    return dropped_;
}

void StaleSeries::finish() {
    if (dropped_.empty()) return;
    std::lock_guard alone(head_->truncating_);
    head_->rebuild();
}

std::vector<uint8_t> StaleSeries::encode(size_t position, WalCompression compression) const {
    if (dropped_.empty()) return {};
    TombstonesRecord record;
    for (uint64_t ref : dropped_) record.add(ref, kMinTime, kMaxTime);
    WalWriter out(position, std::move(compression));
    out.record(record.bytes());
    return std::move(out.bytes());
}

}  // namespace narthex
