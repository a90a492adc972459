#include "text/scrape_cache.h"

#include <algorithm>
#include <bit>
#include <stdexcept>

#include "bytes/error.h"
#include "exposition/protobuf_keys.h"
#include "exposition/protobuf_scan.h"
#include "text/body_scan.h"
#include "text/number.h"

namespace narthex {

namespace {

template <typename T>
void release(std::vector<T>& v) {
    std::vector<T>().swap(v);
}

}  // namespace

void ScrapeCache::begin_scan(const ScanOptions& options) {
    forget_scan();
    ++scan_;
    known_ = static_cast<uint32_t>(entries_.size());
    track_explicit_ = options.track_explicit;
    type_and_unit_ = options.type_and_unit;
    order_.reserve(entries_.size());
    ids_.reserve(placed_);
    timestamps_.reserve(placed_);
    values_.reserve(placed_);
}

void ScrapeCache::end_scan(ScanCounts& counts, std::optional<TextFormat> format) {
    counts.unknown = unknown_.size();
    counts.starts = !starts_.empty() || !histograms_.starts.empty();
    format_ = format;
    complete_ = true;
}

ScanCounts ScrapeCache::scan(std::string_view body, const ScanOptions& options) {
    begin_scan(options);
    ScanCounts counts = BodyScan(*this, body, options).run();
    end_scan(counts, options.format);
    return counts;
}

ScanCounts ScrapeCache::scan_protobuf(std::span<const uint8_t> body, const ScanOptions& options) {
    begin_scan(options);
    ScanCounts counts = ProtobufScan(*this, body, options).run();
    end_scan(counts, std::nullopt);
    return counts;
}

std::vector<uint32_t> ScrapeCache::unknown(bool with_unstored) const {
    if (with_unstored) return unknown_;
    std::vector<uint32_t> out;
    for (uint32_t id : unknown_) {
        if (entries_[id].ref == kRefUnassigned) out.push_back(id);
    }
    return out;
}

uint64_t ScrapeCache::known_kept() const {
    auto kept = [this](uint32_t id) { return entries_[id].ref <= kRefUnstored; };
    return static_cast<uint64_t>(std::count_if(ids_.begin(), ids_.end(), kept) +
                                 std::count_if(histograms_.ids.begin(), histograms_.ids.end(), kept) +
                                 std::count_if(repeated_.begin(), repeated_.end(), kept));
}

const ScrapeCache::Entry& ScrapeCache::series_entry(uint32_t id) const {
    if (id >= entries_.size() || !is_series(entries_[id])) {
        throw std::out_of_range("no series has this id");
    }
    return entries_[id];
}

LabelStrings ScrapeCache::labels(uint32_t id) const {
    const Entry& e = series_entry(id);
    LabelStrings out = is_protobuf_key(text(e)) ? protobuf_labels(id) : text_labels(id);
    if (!type_and_unit_) return out;
    auto [type, unit] = type_and_unit(id);
    auto add = [&out](std::string_view name, std::string value) {
        std::erase_if(out, [&](const auto& pair) { return pair.first == name; });
        out.emplace(out.begin() + 1, name, std::move(value));
    };
    if (!unit.empty()) add("__unit__", std::move(unit));
    if (type != MetricType::kUnknown) add("__type__", std::string(metric_type_name(type)));
    return out;
}

LabelStrings ScrapeCache::text_labels(uint32_t id) const {
    const Entry& e = entries_[id];
    std::string_view series = text(e);
    if (static_cast<LineKind>(e.kind) == LineKind::kGroup) series.remove_prefix(1);
    std::vector<RawLabel> raw;
    // The text format's grammar takes every text that OpenMetrics' takes.
    parse_series(series.data(), series.data() + series.size(), TextFormat::kText, raw);
    LabelStrings out;
    out.reserve(raw.size());
    for (const RawLabel& label : raw) {
        std::string name = unescape(label.name), value = unescape(label.value);
        auto type = static_cast<MetricType>(e.type);
        if ((type == MetricType::kHistogram && name == "le") ||
            (type == MetricType::kSummary && name == "quantile")) {
            if (auto number = parse_float(value)) value = openmetrics_float(*number);
        }
        out.emplace_back(std::move(name), std::move(value));
    }
    return out;
}

LabelSets ScrapeCache::label_sets(std::span<const uint32_t> ids) const {
    LabelSets out;
    std::vector<std::pair<std::string_view, std::string_view>> pairs;
    for (uint32_t id : ids) {
        LabelStrings strings = labels(id);
        pairs.assign(strings.begin(), strings.end());
        out.add_row(pairs);
    }
    return out;
}

std::vector<uint32_t> ScrapeCache::find_refs(std::span<const uint64_t> sorted_refs) const {
    std::vector<uint32_t> out;
    for (uint32_t id = 0; id < entries_.size(); ++id) {
        const Entry& e = entries_[id];
        if (is_series(e) && std::binary_search(sorted_refs.begin(), sorted_refs.end(), e.ref)) {
            out.push_back(id);
        }
    }
    return out;
}

void ScrapeCache::assign(std::span<const uint32_t> ids, std::span<const uint64_t> refs) {
    if (ids.size() != refs.size()) throw std::out_of_range("columns differ in length");
    for (uint32_t id : ids) series_entry(id);
    for (size_t i = 0; i < ids.size(); ++i) entries_[ids[i]].ref = refs[i];
}

std::vector<uint64_t> ScrapeCache::refs(std::span<const uint32_t> ids) const {
    std::vector<uint64_t> out;
    out.reserve(ids.size());
    for (uint32_t id : ids) out.push_back(series_entry(id).ref);
    return out;
}

std::vector<uint64_t> ScrapeCache::live_refs(bool only_vanished) const {
    std::vector<uint64_t> out;
    if (!live_) return out;
    for (uint32_t id = 0; id < placed_; ++id) {
        const Entry& e = entries_[id];
        if (!is_series(e) || !is_stored(e.ref)) continue;
        if ((e.timed && !track_explicit_) || (only_vanished && e.seen == scan_)) continue;
        out.push_back(e.ref);
    }
    // Several lines may stand for one series (labels in another order, relabelling).
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return out;
}

std::vector<uint64_t> ScrapeCache::vanished() const {
    if (!moved_ && links_.empty() && order_.size() >= placed_) return {};  // each entry was met, in its place
    std::vector<uint64_t> gone = live_refs(true);
    if (gone.empty()) return gone;
    std::vector<bool> present(gone.size());
    for (uint32_t id : order_) {
        const Entry& e = entries_[id];
        // A histogram whose lines are there may have made no sample.
        if (!is_series(e) || e.seen != scan_) continue;
        auto at = std::lower_bound(gone.begin(), gone.end(), e.ref);
        if (at != gone.end() && *at == e.ref) present[static_cast<size_t>(at - gone.begin())] = true;
    }
    size_t kept = 0;
    for (size_t i = 0; i < gone.size(); ++i) {
        if (!present[i]) gone[kept++] = gone[i];
    }
    gone.resize(kept);
    return gone;
}

void ScrapeCache::commit() {
    if (!complete_) throw std::logic_error("commit without a scan that was read to its end");
    for (uint32_t id : order_) entries_[id].timed = entries_[id].timed_now;
    reorder();
    live_ = true;
    known_ = static_cast<uint32_t>(entries_.size());
    forget_scan();
}

void ScrapeCache::keep() {
    if (!complete_) throw std::logic_error("keep without a scan that was read to its end");
    known_ = placed_ = static_cast<uint32_t>(entries_.size());
    forget_scan();
}

std::vector<uint64_t> ScrapeCache::fail() {
    std::vector<uint64_t> refs = live_refs(false);
    live_ = false;
    if (complete_) {
        reorder();
        known_ = static_cast<uint32_t>(entries_.size());
    }
    forget_scan();
    return refs;
}

// Drops what the current scan holds; entries that it brought go too unless `known_` was raised over them.
void ScrapeCache::forget_scan() {
    if (known_ < entries_.size()) {
        arena_.resize(entries_[known_].offset);
        entries_.resize(known_);
        if (!links_.empty()) links_.resize(known_);
        rebuild_slots();
    }
    complete_ = moved_ = false;
    release(order_);
    release(ids_);
    release(timestamps_);
    release(values_);
    release(starts_);
    release(unknown_);
    release(repeated_);
    release(parts_);
    if (!histograms_.ids.empty()) histograms_ = {};
    if (!exemplars_.ids.empty()) exemplars_ = {};
}

// Puts the entries in the order of the scanned body and forgets series that are not in it.
void ScrapeCache::reorder() {
    if (!moved_ && order_.size() == entries_.size()) {
        if (placed_ != order_.size()) {
            placed_ = static_cast<uint32_t>(order_.size());
            entries_.shrink_to_fit();
            arena_.shrink_to_fit();
            rebuild_slots();
        }
        return;
    }
    std::vector<Entry> placed;
    std::vector<uint32_t> from;  // the old place of each
    size_t lingering = 0;
    auto lingers = [this](const Entry& e) { return !is_series(e) && e.seen != scan_ && is_kept_metadata(e); };
    for (const Entry& e : entries_) lingering += lingers(e);
    placed.reserve(order_.size() + lingering);
    from = order_;
    from.reserve(order_.size() + lingering);
    for (uint32_t id = 0; id < entries_.size(); ++id) {
        if (lingers(entries_[id])) from.push_back(id);
    }
    for (uint32_t id : from) placed.push_back(entries_[id]);
    placed_ = static_cast<uint32_t>(order_.size());
    if (!links_.empty()) reorder_links(from);
    entries_ = std::move(placed);
    compact_arena();
    rebuild_slots();
}

// An entry that stays keeps what it hangs on: that was met before it, or lingers as long.
void ScrapeCache::reorder_links(std::span<const uint32_t> from) {
    std::vector<uint32_t> place(links_.size(), kNone);
    for (uint32_t id = 0; id < from.size(); ++id) place[from[id]] = id;
    std::vector<Link> links;
    links.reserve(from.size());
    for (uint32_t id : from) {
        Link link = links_[id];
        if (link.parent != kNone) link.parent = place[link.parent];
        if (link.unit != kNone) link.unit = place[link.unit];
        links.push_back(link);
    }
    links_ = std::move(links);
}

void ScrapeCache::compact_arena() {
    size_t used = 0;
    for (const Entry& e : entries_) used += e.length;
    if (arena_.capacity() - used <= used / 4 + 1024) return;
    std::vector<char> arena;
    arena.reserve(used);
    for (Entry& e : entries_) {
        std::string_view t = text(e);
        e.offset = static_cast<uint32_t>(arena.size());
        arena.insert(arena.end(), t.begin(), t.end());
    }
    arena_ = std::move(arena);
}

uint32_t ScrapeCache::find(std::string_view wanted, uint32_t hash) const {
    if (slots_.empty()) return kNone;
    size_t mask = slots_.size() - 1;
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        uint32_t id = slots_[i];
        if (id == kNone || (entries_[id].hash == hash && text(entries_[id]) == wanted)) return id;
    }
}

uint32_t ScrapeCache::insert(std::string_view added, uint32_t hash, LineKind kind) {
    if (arena_.size() + added.size() > 0xffffffffULL) throw DecodeError("more than 4 GiB of series text", 0);
    auto id = static_cast<uint32_t>(entries_.size());
    Entry e{};
    e.ref = kRefUnassigned;
    e.offset = static_cast<uint32_t>(arena_.size());
    e.length = static_cast<uint32_t>(added.size()) & kMaxText;
    e.kind = static_cast<uint32_t>(kind) & 7;
    e.hash = hash;
    arena_.insert(arena_.end(), added.begin(), added.end());
    entries_.push_back(e);
    if (!links_.empty()) links_.push_back({.serial = ++serial_, .parent = kNone});
    if (entries_.size() * 4 > slots_.size() * 3) {
        rebuild_slots();
    } else {
        insert_slot(id);
    }
    return id;
}

uint32_t ScrapeCache::insert_linked(std::string_view key, uint32_t hash, LineKind kind, uint32_t parent) {
    uint32_t id = insert(key, hash, kind);
    need_links();
    links_[id].parent = parent;
    return id;
}

// Entries of a text body hang on nothing until it shows that some do.
void ScrapeCache::need_links() {
    while (links_.size() < entries_.size()) links_.push_back({.serial = ++serial_, .parent = kNone});
}

void ScrapeCache::insert_slot(uint32_t id) {
    size_t mask = slots_.size() - 1;
    size_t i = entries_[id].hash & mask;
    while (slots_[i] != kNone) i = (i + 1) & mask;
    slots_[i] = id;
}

void ScrapeCache::rebuild_slots() {
    size_t wanted = std::bit_ceil(std::max<size_t>(16, entries_.size() * 4 / 3 + 1));
    if (wanted != slots_.size()) {
        slots_ = std::vector<uint32_t>(wanted, kNone);
    } else {
        std::fill(slots_.begin(), slots_.end(), kNone);
    }
    for (uint32_t id = 0; id < entries_.size(); ++id) insert_slot(id);
}

size_t ScrapeCache::series() const {
    return static_cast<size_t>(
        std::count_if(entries_.begin(), entries_.end(), [](const Entry& e) { return is_series(e); }));
}

size_t ScrapeCache::memory_bytes() const {
    return sizeof *this + entries_.capacity() * sizeof(Entry) + arena_.capacity() + slots_.capacity() * 4 +
           links_.capacity() * sizeof(Link) + order_.capacity() * 4 + ids_.capacity() * 4 +
           timestamps_.capacity() * 8 + values_.capacity() * 8;
}

}  // namespace narthex
