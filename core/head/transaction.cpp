#include "head/transaction.h"

#include <algorithm>
#include <bit>
#include <mutex>
#include <shared_mutex>
#include <stdexcept>

#include "chunk/histogram_follow.h"
#include "chunk/stale.h"
#include "wal/pages.h"
#include "wal/sample_records.h"

namespace narthex {

namespace {

// A record is decoded as a whole: this keeps it at about a megabyte. See also SampleRecords.
constexpr size_t kSamplesPerRecord = 1 << 16;
constexpr size_t kAhead = 8;
// What a target says is followed by a few samples about the scrape.
constexpr size_t kRoomForReport = 16;

template <typename Same>
AppendStatus compare(int64_t t, int64_t newest_t, Same&& same) {
    if (t > newest_t) return AppendStatus::kOk;
    if (t < newest_t) return AppendStatus::kOutOfOrder;
    return same() ? AppendStatus::kDuplicateSame : AppendStatus::kDuplicate;
}

}  // namespace

HeadTransaction::HeadTransaction(std::shared_ptr<Head> head)
    : head_(std::move(head)), ticket_(head_->transactions_) {
    std::shared_lock lock(head_->mutex_);
    appendable_from_ = head_->appendable_from();
    window_ = head_->window_;
    newest_time_ = head_->counts_.max_time;
    removals_ = head_->removals_;
    version_ = head_->version_;
}

// Under a lock of the head, when slots_ holds those of all samples and places_ those of the ones that were
// judged.
void HeadTransaction::prepare_newest() {
    size_t n = slots_.size();
    size_t late = n - ascending_;
    if (late > ascending_ / 8 && ascending_ > 0) {  // a search for each of so many would take longer
        ascending_ = 0;
        newest_.clear();
    }
    if (ascending_ == n) return;
    size_t wanted = std::bit_ceil(std::max<size_t>(2 * (n - ascending_), 16));
    if (newest_.size() >= wanted) return;
    newest_.assign(wanted, RefMap::kNone);
    for (auto i = static_cast<uint32_t>(ascending_); i < n; ++i) {
        if (places_[i] == kInOrder) newest_of(slots_[i]) = i;
    }
}

uint32_t& HeadTransaction::newest_of(uint32_t slot) {
    size_t mask = newest_.size() - 1;
    for (size_t i = (slot * 0x9e3779b1u) & mask;; i = (i + 1) & mask) {
        if (newest_[i] == RefMap::kNone || slots_[newest_[i]] == slot) return newest_[i];
    }
}

uint32_t HeadTransaction::newest_before(uint32_t index) {
    if (index < ascending_) return RefMap::kNone;
    uint32_t slot = slots_[index];
    uint32_t newest = newest_of(slot);
    if (newest != RefMap::kNone) return newest;
    auto end = slots_.begin() + static_cast<ptrdiff_t>(ascending_);
    auto at = std::lower_bound(slots_.begin(), end, slot);
    auto found = static_cast<uint32_t>(at - slots_.begin());
    return at != end && *at == slot && places_[found] == kInOrder ? found : RefMap::kNone;
}

inline void HeadTransaction::take_to(Place place, const Series& s, uint32_t index) {
    places_[index] = place;
    // The truncation reads it under the exclusive lock; other judges may write the same meanwhile.
    std::atomic_ref<uint8_t> touched(const_cast<Series&>(s).touched);
    uint8_t mark = head_->transactions_->mark();
    if (touched.load(std::memory_order_relaxed) != mark) touched.store(mark, std::memory_order_relaxed);
}

AppendStatus HeadTransaction::judge(const Series& s, uint32_t index) {
    int64_t t = ts_[index];
    places_[index] = kNowhere;
    if (t < appendable_from_) {
        return window_ == 0 ? AppendStatus::kOutOfBounds : judge_late(s, index);
    }
    uint32_t newest = newest_before(index);
    AppendStatus status = AppendStatus::kOk;
    int64_t before = kMinTime;
    if (newest != RefMap::kNone) {
        before = ts_[newest];
        status = compare(t, before, [&] { return same(index, newest); });
    } else if (s.has_samples()) {
        before = s.t;
        status = compare(t, before, [&] { return same_as_newest(s, index); });
    }
    if (status == AppendStatus::kOk) {
        if (head_->encoding_.start_zeros && !starts_.empty()) mark_zero(index, before);
        if (kind(index) == Kind::kFloat && values_[index] == kStaleNaNBits) end_histograms(s, index, newest);
        if (index >= ascending_) newest_of(slots_[index]) = index;
        take_to(kInOrder, s, index);
    }
    return status == AppendStatus::kOutOfOrder ? judge_late(s, index) : status;
}

// Whether judge() would only say that the sample is the newest of its series, as it says of nearly all.
inline bool HeadTransaction::is_ordinary(const Series& s, uint32_t index) const {
    int64_t t = ts_[index];
    return index < ascending_ && t > s.t && t >= appendable_from_ && kind(index) == Kind::kFloat &&
           values_[index] != kStaleNaNBits && !(head_->encoding_.start_zeros && !starts_.empty());
}

// The sample cannot be taken in order.
AppendStatus HeadTransaction::judge_late(const Series& s, uint32_t index) {
    if (window_ == 0) return AppendStatus::kOutOfOrder;
    if (newest_time_ >= kMinTime + window_ && ts_[index] < newest_time_ - window_) {
        return AppendStatus::kTooOld;
    }
    if (kind(index) == Kind::kFloat && values_[index] == kStaleNaNBits) {
        end_histograms(s, index, newest_before(index));
    }
    take_to(kOutOfOrder, s, index);
    return AppendStatus::kOk;
}

void HeadTransaction::mark_zero(uint32_t index, int64_t before) {
    int64_t at = starts_[index];
    bool zero = at != 0 && at < ts_[index] && at > before && at >= appendable_from_;
    if (!zero && index >= zeros_.size()) return;
    if (index >= zeros_.size()) zeros_.resize(refs_.size());
    zeros_[index] = zero;
}

void HeadTransaction::end_histograms(const Series& s, uint32_t index, uint32_t before) {
    bool first = before == RefMap::kNone;
    if (first ? !head_->newest_is_histogram(s) : kind(before) == Kind::kFloat) return;
    bool floats = first ? is_float_histogram(s.encoding) : histogram(before).floats;
    kinds_.resize(refs_.size(), Kind::kFloat);
    kinds_[index] = Kind::kHistogram;
    values_[index] = histograms_.size();
    histograms_.push(0, 0, stale_histogram(floats));
}

HistogramView HeadTransaction::histogram(size_t index) const {
    return histograms_.view(histograms_.run_of(values_[index]), values_[index]);
}

bool HeadTransaction::same(uint32_t a, uint32_t b) const {
    if (kind(a) != kind(b)) {
        return kind(a) == Kind::kFloat && values_[a] == kStaleNaNBits && histogram(b).stale();
    }
    return kind(a) == Kind::kFloat ? values_[a] == values_[b] : same_histogram(histogram(a), histogram(b));
}

bool HeadTransaction::same_as_newest(const Series& s, uint32_t index) const {
    if (kind(index) == Kind::kHistogram) return head_->same_as_newest(s, histogram(index));
    return values_[index] == s.v && (s.v == kStaleNaNBits || !head_->newest_is_histogram(s));
}

void HeadTransaction::check_columns(size_t n, size_t ts, size_t values, size_t starts,
                                    size_t statuses) const {
    if (ts != n || values != n || statuses != n || (starts != n && starts != 0)) {
        throw std::invalid_argument("columns differ in length");
    }
    if (n > RefMap::kNone - 1 - refs_.size()) throw std::length_error("transaction is too long");
}

void HeadTransaction::reserve(size_t samples) {
    refs_.reserve(samples);
    ts_.reserve(samples);
    values_.reserve(samples);
    slots_.reserve(samples);
    places_.reserve(samples);
}

void HeadTransaction::keep(std::span<const uint64_t> refs, std::span<const int64_t> ts,
                           std::span<const int64_t> starts) {
    if (refs_.empty()) reserve(refs.size() + kRoomForReport);
    if (!starts.empty() || !starts_.empty()) {
        starts_.resize(refs_.size());
        starts_.insert(starts_.end(), starts.begin(), starts.end());
        starts_.resize(refs_.size() + refs.size());
    }
    refs_.insert(refs_.end(), refs.begin(), refs.end());
    ts_.insert(ts_.end(), ts.begin(), ts.end());
}

void HeadTransaction::append(std::span<const uint64_t> refs, std::span<const int64_t> ts,
                             std::span<const uint64_t> values, std::span<const int64_t> starts,
                             std::span<uint8_t> statuses) {
    check_columns(refs.size(), ts.size(), values.size(), starts.size(), statuses.size());
    size_t first = refs_.size();
    keep(refs, ts, starts);
    values_.insert(values_.end(), values.begin(), values.end());
    if (!kinds_.empty()) kinds_.resize(refs_.size(), Kind::kFloat);
    take(first, statuses);
}

void HeadTransaction::append(std::span<const uint64_t> refs, std::span<const int64_t> ts,
                             const HistogramBatch& values, std::span<const int64_t> starts,
                             std::span<uint8_t> statuses) {
    check_columns(refs.size(), ts.size(), values.size(), starts.size(), statuses.size());
    size_t first = refs_.size();
    keep(refs, ts, starts);
    kinds_.resize(first, Kind::kFloat);
    kinds_.resize(refs_.size(), Kind::kHistogram);
    HistogramWalk walk(values.columns());
    for (size_t i = 0; i < refs.size(); ++i) {
        values_.push_back(histograms_.size());
        histograms_.push(0, 0, walk.at(i));
        statuses[i] = static_cast<uint8_t>(values.fault(i));
    }
    take(first, statuses);
}

void HeadTransaction::take(size_t first, std::span<uint8_t> statuses) {
    size_t end = refs_.size();
    std::shared_lock lock(head_->mutex_);
    SeriesTable& table = head_->table_;
    if (removals_ != head_->removals_) judge_again();
    if (first == 0 && end > 0 && newest_time_ == kMinTime) newest_time_ = ts_[0];
    slots_.resize(end, RefMap::kNone);
    places_.resize(end, kNowhere);
    RefMap::Cursor cursor;
    for (size_t i = first; i < end; ++i) {
        uint32_t slot = slots_[i] = table.by_ref.find(refs_[i], cursor);
        if (slot != RefMap::kNone) __builtin_prefetch(&table.series[slot]);
        ascending_ += goes_on_ascending(i);
    }
    prepare_newest();
    size_t late = 0;
    bool histograms = end > first && kind(first) == Kind::kHistogram;
    for (size_t i = first; i < end; ++i) {
        if (histograms && statuses[i - first] != 0) continue;  // faulty
        AppendStatus status = AppendStatus::kUnknownRef;
        if (slots_[i] != RefMap::kNone) {
            const Series& s = table.series[slots_[i]];
            auto index = static_cast<uint32_t>(i);
            if (is_ordinary(s, index)) {
                take_to(kInOrder, s, index);
                status = AppendStatus::kOk;
            } else {
                status = judge(s, index);
            }
        }
        pending_ += places_[i] != kNowhere;
        late += places_[i] != kInOrder;
        statuses[i - first] = static_cast<uint8_t>(status);
    }
    if (late > 0) count_late(first, statuses);
}

// Counts what was refused, and how far behind the head's newest sample that and out-of-order samples are.
void HeadTransaction::count_late(size_t first, std::span<const uint8_t> statuses) {
    auto count = [](std::atomic<uint64_t>& to) { to.fetch_add(1, std::memory_order_relaxed); };
    bool histograms = kind(first) == Kind::kHistogram;
    for (size_t i = 0; i < statuses.size(); ++i) {
        auto status = static_cast<AppendStatus>(statuses[i]);
        if (status == AppendStatus::kOutOfBounds) count(head_->out_of_bounds_[histograms]);
        if (status == AppendStatus::kOutOfOrder) count(head_->out_of_order_[histograms]);
        if (status == AppendStatus::kTooOld) count(head_->too_old_[histograms]);
        bool judged_late = places_[first + i] == kOutOfOrder || status == AppendStatus::kOutOfOrder ||
                           status == AppendStatus::kTooOld;
        int64_t t = ts_[first + i];
        if (!judged_late || t >= newest_time_) continue;
        uint64_t behind = static_cast<uint64_t>(newest_time_) - static_cast<uint64_t>(t);
        auto delay = static_cast<int64_t>(std::min<uint64_t>(behind, kMaxTime));
        auto at = std::find_if(kDelays.begin(), kDelays.end(),
                               [&](int64_t seconds) { return delay <= seconds * 1000; });
        count(head_->delays_[static_cast<size_t>(at - kDelays.begin())]);
        head_->delay_sum_.fetch_add(delay, std::memory_order_relaxed);
    }
}

// Under a lock of the head: other commits, or a truncation, came between.
void HeadTransaction::judge_again() {
    SeriesTable& table = head_->table_;
    appendable_from_ = std::max(appendable_from_, head_->counts_.min_valid_time);
    pending_ = 0;
    ascending_ = 0;
    for (size_t i = 0; i < slots_.size(); ++i) {
        slots_[i] = places_[i] != kNowhere ? table.by_ref.find(refs_[i]) : RefMap::kNone;
        places_[i] = kNowhere;
        ascending_ += goes_on_ascending(i);
    }
    newest_.clear();
    prepare_newest();
    for (uint32_t i = 0; i < slots_.size(); ++i) {
        if (slots_[i] != RefMap::kNone) judge(table.series[slots_[i]], i);
        pending_ += places_[i] != kNowhere;
    }
    removals_ = head_->removals_;
    version_ = head_->version_;
}

std::vector<uint8_t> HeadTransaction::encode(size_t position, WalCompression compression) {
    WalWriter out(position, std::move(compression));
    std::shared_lock lock(head_->mutex_);
    if (version_ != head_->version_) judge_again();
    SeriesRecord series;
    head_->table_.describe(head_->unlogged_, series);
    logged_series_ = head_->unlogged_.size();
    lock.unlock();
    if (!series.empty()) out.record(series.bytes());
    encode_metadata(out);
    encode_samples(out, false);
    encode_exemplars(out);
    return std::move(out.bytes());
}

std::vector<uint8_t> HeadTransaction::encode_out_of_order(size_t position, WalCompression compression) const {
    if (std::find(places_.begin(), places_.end(), kOutOfOrder) == places_.end()) return {};
    WalWriter out(position, std::move(compression));
    encode_samples(out, true);
    return std::move(out.bytes());
}

void HeadTransaction::encode_samples(WalWriter& out, bool late) const {
    bool plain = kinds_.empty() && zeros_.empty() && !head_->stores_starts();
    plain ? encode_floats(out, late) : encode_all(out, late);
}

void HeadTransaction::encode_floats(WalWriter& out, bool late) const {
    for (size_t i = 0; i < refs_.size();) {
        size_t end = std::min(refs_.size(), i + kSamplesPerRecord);
        SamplesRecord samples(end - i);
        for (; i < end; ++i) {
            if (is_logged(i, late)) samples.add(refs_[i], ts_[i], values_[i]);
        }
        if (!samples.empty()) out.record(samples.bytes());
    }
}

void HeadTransaction::encode_all(WalWriter& out, bool late) const {
    SampleRecords records(out, head_->stores_starts());
    HistogramWalk walk(histograms_);
    HistogramLayout room;
    for (size_t i = 0; i < refs_.size(); ++i) {
        if (!is_logged(i, late)) continue;
        bool zero = !late && has_zero(i);
        if (kind(i) == Kind::kFloat) {
            if (zero) records.add(refs_[i], starts_[i], 0, uint64_t{0});
            records.add(refs_[i], ts_[i], start(i), values_[i]);
        } else {
            HistogramView h = walk.at(values_[i]);
            if (zero) records.add(refs_[i], starts_[i], 0, zero_histogram(h, room));
            records.add(refs_[i], ts_[i], start(i), h);
        }
    }
    records.flush();
}

void HeadTransaction::append_zero(Series& s, size_t index) {
    if (kind(index) == Kind::kFloat) return head_->append(s, starts_[index], 0, uint64_t{0});
    HistogramLayout room;
    head_->append(s, starts_[index], 0, zero_histogram(histogram(index), room));
}

HeadTransaction::Applied HeadTransaction::apply() {
    std::unique_lock lock(head_->mutex_);
    if (removals_ != head_->removals_) judge_again();
    auto logged = static_cast<ptrdiff_t>(std::min(logged_series_, head_->unlogged_.size()));
    head_->unlogged_.erase(head_->unlogged_.begin(), head_->unlogged_.begin() + logged);
    if (head_->unlogged_.empty()) head_->unlogged_.shrink_to_fit();
    SeriesTable& table = head_->table_;
    HeadStats& counts = head_->counts_;
    size_t n = refs_.size();
    size_t taken[2] = {};  // floats, histograms
    HistogramWalk walk(histograms_);
    const Kind* kinds = kinds_.empty() ? nullptr : kinds_.data();
    const int64_t* starts = starts_.empty() ? nullptr : starts_.data();
    for (size_t i = 0; i < n; ++i) {
        if (i + kAhead < n && places_[i + kAhead] == kInOrder) {
            const Series& later = table.series[slots_[i + kAhead]];
            if (later.size > kElsewhere) head_->open_.prefetch(later);
        }
        if (places_[i] == kNowhere) continue;
        Series& s = table.series[slots_[i]];
        bool histogram = kinds != nullptr && kinds[i] == Kind::kHistogram;
        int64_t start = starts == nullptr ? 0 : starts[i];
        if (places_[i] == kOutOfOrder) {
            bool inserted = histogram ? head_->insert(s, ts_[i], start, walk.at(values_[i]))
                                      : head_->insert(s, ts_[i], start, values_[i]);
            taken[histogram] += inserted;
            (histogram ? counts.histograms_out_of_order_appended : counts.out_of_order_appended) += inserted;
            continue;
        }
        ++taken[histogram];
        if (!zeros_.empty() && has_zero(i)) {
            append_zero(s, i);
            ++taken[histogram];
        }
        if (histogram) {
            head_->append(s, ts_[i], start, walk.at(values_[i]));
        } else {
            head_->append(s, ts_[i], start, values_[i]);
        }
    }
    apply_exemplars();
    apply_metadata();
    counts.appended += taken[0];
    counts.histograms_appended += taken[1];
    ++head_->version_;
    return {taken[0], taken[1]};
}

}  // namespace narthex
