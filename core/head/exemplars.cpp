#include "head/exemplars.h"

#include <algorithm>
#include <bit>
#include <tuple>

namespace narthex {

std::string pack_labels(std::span<const TextPair> labels) {
    ByteWriter out;
    out.uvarint(labels.size());
    for (const auto& [name, value] : labels) {
        out.string(name);
        out.string(value);
    }
    return {reinterpret_cast<const char*>(out.buffer().data()), out.size()};
}

std::vector<TextPair> unpack_labels(std::string_view packed) {
    ByteReader in({reinterpret_cast<const uint8_t*>(packed.data()), packed.size()});
    std::vector<TextPair> out;
    read_labels(in, out);
    return out;
}

namespace {

size_t code_points(std::string_view text) {
    return static_cast<size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

}  // namespace

bool too_long(std::string_view labels) {
    size_t total = 0;
    for (const auto& [name, value] : unpack_labels(labels)) total += code_points(name) + code_points(value);
    return total > kMaxExemplarLabels;
}

ExemplarStatus ExemplarRing::check(std::string_view series, int64_t t, double value,
                                   std::string_view labels) const {
    if (capacity_ == 0) return ExemplarStatus::kDisabled;
    if (too_long(labels)) return ExemplarStatus::kLabelLength;
    auto known = series_.find(series);
    if (known == series_.end()) return ExemplarStatus::kOk;
    const Entry& newest = ring_[known->second.newest];
    if (t != newest.t) return t > newest.t ? ExemplarStatus::kOk : ExemplarStatus::kOutOfOrder;
    if (std::bit_cast<uint64_t>(value) == std::bit_cast<uint64_t>(newest.value)) {
        if (labels == newest.labels) return ExemplarStatus::kDuplicate;
        return labels < newest.labels ? ExemplarStatus::kOutOfOrder : ExemplarStatus::kOk;
    }
    return value < newest.value ? ExemplarStatus::kOutOfOrder : ExemplarStatus::kOk;
}

ExemplarStatus ExemplarRing::add(std::string_view series, int64_t t, double value, std::string labels) {
    ExemplarStatus status = check(series, t, value, labels);
    out_of_order_ += status == ExemplarStatus::kOutOfOrder;
    if (status != ExemplarStatus::kOk) return status;
    place(series, {t, value, std::move(labels), kNone, {}});
    ++appended_;
    return status;
}

void ExemplarRing::place(std::string_view series, Entry entry) {
    auto at = static_cast<uint32_t>(next_);
    if (at < ring_.size()) {
        remove(at);
    } else {
        ring_.emplace_back();
    }
    auto list = series_.lower_bound(series);
    if (list == series_.end() || list->first != series) list = series_.emplace_hint(list, series, List{});
    List& chain = list->second;
    (chain.first == kNone ? chain.first : ring_[chain.newest].next) = at;
    chain.newest = at;
    entry.next = kNone;
    entry.series = list;
    ring_[at] = std::move(entry);
    next_ = (next_ + 1) % capacity_;
}

// Of a series the oldest in the ring is also its first.
void ExemplarRing::remove(uint32_t at) {
    auto list = ring_[at].series;
    list->second.first = ring_[at].next;
    if (list->second.first == kNone) series_.erase(list);
}

void ExemplarRing::resize(size_t capacity) {
    if (capacity == capacity_) return;
    std::vector<Entry> all;
    size_t n = ring_.size(), kept = std::min(n, capacity);
    for (size_t k = n - kept; k < n; ++k)
        all.push_back(std::move(ring_[(n < capacity_ ? k : (next_ + k) % n)]));
    std::vector<std::string> names;
    for (const Entry& e : all) names.push_back(e.series->first);
    series_.clear();
    ring_.clear();
    ring_.shrink_to_fit();
    capacity_ = capacity;
    next_ = 0;
    for (size_t k = 0; k < all.size(); ++k) place(names[k], std::move(all[k]));
}

ExemplarStats ExemplarRing::stats() const {
    int64_t oldest = 0;
    if (!ring_.empty()) oldest = ring_[next_ < ring_.size() ? next_ : 0].t;
    return {appended_, out_of_order_, ring_.size(), series_.size(), capacity_, oldest};
}

}  // namespace narthex
