#include "head/transaction.h"

#include <algorithm>
#include <bit>
#include <mutex>
#include <shared_mutex>
#include <stdexcept>

#include "wal/pages.h"

namespace narthex {

namespace {

// A record is decoded as a whole: this keeps it at about a megabyte.
constexpr size_t kSamplesPerRecord = 1 << 16;
constexpr size_t kAhead = 8;

AppendStatus compare(int64_t t, uint64_t bits, int64_t newest_t, uint64_t newest_bits) {
    if (t > newest_t) return AppendStatus::kOk;
    if (t < newest_t) return AppendStatus::kOutOfOrder;
    return bits == newest_bits ? AppendStatus::kDuplicateSame : AppendStatus::kDuplicate;
}

}  // namespace

HeadTransaction::HeadTransaction(std::shared_ptr<Head> head) : head_(std::move(head)) {
    std::shared_lock lock(head_->mutex_);
    appendable_from_ = head_->appendable_from();
    generation_ = head_->generation_;
    version_ = head_->version_;
}

void HeadTransaction::reserve_newest(size_t samples) {
    size_t wanted = std::bit_ceil(std::max<size_t>(2 * samples, 16));
    if (newest_.size() >= wanted) return;
    newest_.assign(wanted, RefMap::kNone);
    for (uint32_t i = 0; i < slots_.size(); ++i) {
        if (ok_[i]) newest_of(slots_[i]) = i;
    }
}

uint32_t& HeadTransaction::newest_of(uint32_t slot) {
    size_t mask = newest_.size() - 1;
    for (size_t i = (slot * 0x9e3779b1u) & mask;; i = (i + 1) & mask) {
        if (newest_[i] == RefMap::kNone || slots_[newest_[i]] == slot) return newest_[i];
    }
}

AppendStatus HeadTransaction::judge(const Series& s, uint32_t index) {
    int64_t t = ts_[index];
    if (t < appendable_from_) return AppendStatus::kOutOfBounds;
    uint32_t& newest = newest_of(slots_[index]);
    AppendStatus status = AppendStatus::kOk;
    if (newest != RefMap::kNone) {
        status = compare(t, values_[index], ts_[newest], values_[newest]);
    } else if (s.has_samples()) {
        status = compare(t, values_[index], s.t, s.v);
    }
    if (status == AppendStatus::kOk) {
        newest = index;
        // The truncation reads it under the exclusive lock; other judges may write the same 1 meanwhile.
        std::atomic_ref<uint8_t>(const_cast<Series&>(s).touched).store(1, std::memory_order_relaxed);
    }
    return status;
}

void HeadTransaction::append(std::span<const uint64_t> refs, std::span<const int64_t> ts,
                             std::span<const uint64_t> values, std::span<uint8_t> statuses) {
    size_t first = refs_.size(), n = refs.size();
    if (ts.size() != n || values.size() != n || statuses.size() != n) {
        throw std::invalid_argument("columns differ in length");
    }
    if (n > RefMap::kNone - 1 - first) throw std::length_error("transaction is too long");
    refs_.insert(refs_.end(), refs.begin(), refs.end());
    ts_.insert(ts_.end(), ts.begin(), ts.end());
    values_.insert(values_.end(), values.begin(), values.end());
    std::shared_lock lock(head_->mutex_);
    SeriesTable& table = head_->table_;
    if (generation_ != head_->generation_) judge_again();
    reserve_newest(first + n);
    slots_.resize(first + n, RefMap::kNone);
    ok_.resize(first + n);
    RefMap::Cursor cursor;
    for (size_t i = first; i < first + n; ++i) {
        uint32_t slot = slots_[i] = table.by_ref.find(refs_[i], cursor);
        if (slot != RefMap::kNone) __builtin_prefetch(&table.series[slot]);
    }
    uint64_t out_of_order = 0, out_of_bounds = 0;
    for (size_t i = first; i < first + n; ++i) {
        AppendStatus status = slots_[i] == RefMap::kNone
                                  ? AppendStatus::kUnknownRef
                                  : judge(table.series[slots_[i]], static_cast<uint32_t>(i));
        ok_[i] = status == AppendStatus::kOk;
        pending_ += ok_[i];
        out_of_order += status == AppendStatus::kOutOfOrder;
        out_of_bounds += status == AppendStatus::kOutOfBounds;
        statuses[i - first] = static_cast<uint8_t>(status);
    }
    head_->out_of_order_.fetch_add(out_of_order, std::memory_order_relaxed);
    head_->out_of_bounds_.fetch_add(out_of_bounds, std::memory_order_relaxed);
}

// Under a lock of the head: other commits, or a truncation, came between.
void HeadTransaction::judge_again() {
    SeriesTable& table = head_->table_;
    std::fill(newest_.begin(), newest_.end(), RefMap::kNone);
    appendable_from_ = std::max(appendable_from_, head_->counts_.min_valid_time);
    pending_ = 0;
    for (uint32_t i = 0; i < slots_.size(); ++i) {
        slots_[i] = ok_[i] ? table.by_ref.find(refs_[i]) : RefMap::kNone;
        ok_[i] = slots_[i] != RefMap::kNone && judge(table.series[slots_[i]], i) == AppendStatus::kOk;
        pending_ += ok_[i];
    }
    generation_ = head_->generation_;
    version_ = head_->version_;
}

std::vector<uint8_t> HeadTransaction::encode(size_t position) {
    WalWriter out(position);
    std::shared_lock lock(head_->mutex_);
    if (version_ != head_->version_) judge_again();
    const SeriesTable& table = head_->table_;
    SeriesRecord series;
    for (uint64_t ref : head_->unlogged_) {
        const Series& s = table.series[table.by_ref.find(ref)];
        auto names = table.names.get(s.names);
        series.begin(ref, names.size());
        for (size_t i = 0; i < names.size(); ++i) {
            series.label(table.symbols->get(names[i]), table.symbols->get(s.values[i]));
        }
    }
    logged_series_ = head_->unlogged_.size();
    lock.unlock();
    if (!series.empty()) out.record(series.bytes());
    for (size_t i = 0; i < refs_.size();) {
        size_t end = std::min(refs_.size(), i + kSamplesPerRecord);
        SamplesRecord samples(end - i);
        for (; i < end; ++i) {
            if (ok_[i]) samples.add(refs_[i], ts_[i], values_[i]);
        }
        if (!samples.empty()) out.record(samples.bytes());
    }
    return std::move(out.bytes());
}

size_t HeadTransaction::apply() {
    std::unique_lock lock(head_->mutex_);
    if (generation_ != head_->generation_) judge_again();
    auto logged = static_cast<ptrdiff_t>(std::min(logged_series_, head_->unlogged_.size()));
    head_->unlogged_.erase(head_->unlogged_.begin(), head_->unlogged_.begin() + logged);
    if (head_->unlogged_.empty()) head_->unlogged_.shrink_to_fit();
    SeriesTable& table = head_->table_;
    size_t n = refs_.size();
    for (size_t i = 0; i < n; ++i) {
        if (i + kAhead < n && ok_[i + kAhead]) {
            const Series& later = table.series[slots_[i + kAhead]];
            if (later.size > 0) head_->open_.prefetch(later);
        }
        if (ok_[i]) head_->append(table.series[slots_[i]], ts_[i], values_[i]);
    }
    ++head_->version_;
    return pending_;
}

}  // namespace narthex
