#include "outbox/outbox.h"

#include <algorithm>
#include <stdexcept>
#include <unordered_set>
#include <utility>

#include "bytes/error.h"
#include "bytes/snappy.h"
#include "chunk/histogram_message.h"
#include "wal/histogram_records.h"

namespace narthex {

Outbox::Outbox(OutboxOptions options, OwnedLabels external, size_t shards)
    : options_(options), names_(std::move(external)), shards_(std::max<size_t>(shards, 1)) {}

bool Outbox::full(size_t capacity) const {
    return std::any_of(shards_.begin(), shards_.end(), [&](const auto& s) { return s.size() >= capacity; });
}

Outbox::Reading Outbox::read(const Piece& piece, bool series_only, size_t capacity, int64_t mint,
                             const ZstdDecoder& zstd) {
    std::lock_guard lock(mutex_);
    WalReader reader(piece.bytes, zstd, piece.start);
    Stop stop = Stop::kEnd;
    for (;;) {
        LogPlace here{piece.place.segment, piece.place.offset + reader.good_end()};
        if (!series_only && full(capacity)) {
            stop = Stop::kFull;
            break;
        }
        Bytes bytes;
        try {
            if (!reader.next(bytes)) break;
        } catch (const DecodeError&) {
            if (!piece.complete) {
                stop = Stop::kFault;
                break;
            }
            ++counts_.faults;
            if (!reader.skip_damage()) break;
            continue;
        }
        ++mark_;
        marks_.push_back({mark_, here});
        bool kept = false;
        try {
            kept = record(bytes, piece.place.segment, series_only, mint);
        } catch (const DecodeError&) {
            ++counts_.faults;
            kept = true;
        }
        if (!kept) marks_.pop_back();
        if (!names_.undecided().empty()) {
            stop = Stop::kUndecided;
            break;
        }
    }
    size_t end = reader.good_end();
    if (piece.complete && stop == Stop::kEnd) end = piece.bytes.size();
    if (!series_only) read_ = {piece.place.segment, piece.place.offset + end};
    return {stop, end};
}

// Whether the record may have given entries.
bool Outbox::record(Bytes record, uint64_t segment, bool series_only, int64_t mint) {
    if (record.empty()) return false;
    auto type = static_cast<WalRecord>(record[0]);
    ++counts_.records[record[0] <= kLastWalRecord ? record[0] : 0];
    Bytes body = record.subspan(1);
    if (type == WalRecord::kSeries) {
        decode_series(body, [&](uint64_t ref, std::span<const TextPair> labels) {
            names_.add(ref, labels, segment, options_.relabel);
        });
        return false;
    }
    if (type == WalRecord::kMetadata) {
        if (!options_.second_version) return false;
        decode_metadata(body, [&](uint64_t ref, uint8_t kind, std::span<const TextPair> fields) {
            std::string_view unit, help;
            for (const auto& [name, value] : fields) {
                if (name == "UNIT") unit = value;
                if (name == "HELP") help = value;
            }
            names_.set_metadata(ref, kind, unit, help);
        });
        return false;
    }
    if (series_only) return false;
    auto entry = [&](int64_t t, int64_t start, uint64_t value, EntryKind kind) {
        return Entry{t, start, value, mark_, 0, kind, {}};
    };
    if (type == WalRecord::kSamples) {
        decode_samples(body, [&](uint64_t ref, int64_t t, uint64_t bits) {
            put(ref, entry(t, 0, bits, EntryKind::kFloat), mint);
        });
        return true;
    }
    if (type == WalRecord::kSamplesV2) {
        decode_samples_v2(body, [&](uint64_t ref, int64_t t, uint64_t bits, int64_t start) {
            put(ref, entry(t, start, bits, EntryKind::kFloat), mint);
        });
        return true;
    }
    if (type == WalRecord::kExemplars && options_.exemplars) {
        decode_exemplars(body, [&](uint64_t ref, int64_t t, uint64_t bits, std::span<const TextPair> labels) {
            Entry e = entry(t, 0, bits, EntryKind::kExemplar);
            ByteWriter strings;
            for (const auto& [name, value] : labels) {
                strings.string(name);
                strings.string(value);
            }
            e.rest = std::move(strings.buffer());
            put(ref, std::move(e), mint);
        });
        return true;
    }
    if (is_histogram_record(type) && options_.histograms) {
        decode_histograms(type, body,
                          [&](uint64_t ref, int64_t t, int64_t start, const HistogramView& value) {
                              if (!options_.second_version && value.layout->schema == kCustomBuckets) {
                                  ++counts_.custom_buckets;
                                  return;
                              }
                              Entry e = entry(t, start, 0, EntryKind::kHistogram);
                              write_histogram_fields(value, e.rest);
                              put(ref, std::move(e), mint);
                          });
        return true;
    }
    return false;
}

void Outbox::put(uint64_t ref, Entry entry, int64_t mint) {
    auto kind = static_cast<size_t>(entry.kind);
    uint32_t row = names_.row(ref);
    if (entry.t < mint) {
        ++counts_.too_old[kind];
    } else if (row == SeriesNames::kUnknown) {
        ++counts_.unknown[kind];
    } else if (row == SeriesNames::kDropped) {
        ++counts_.relabelled_away[kind];
    } else {
        ++counts_.taken[kind];
        if (entry.kind != EntryKind::kExemplar) counts_.newest = std::max(counts_.newest, entry.t);
        entry.row = row;
        shards_[row % shards_.size()].push_back(std::move(entry));
    }
}

std::vector<OwnedLabels> Outbox::undecided() const {
    std::lock_guard lock(mutex_);
    return names_.undecided();
}

void Outbox::decide(std::span<const std::optional<OwnedLabels>> labels) {
    std::lock_guard lock(mutex_);
    if (labels.size() != names_.undecided().size())
        throw std::invalid_argument("one answer a series is wanted");
    names_.decide(labels);
}

std::unique_ptr<OutboxBatch> Outbox::take(size_t shard, size_t most) {
    std::lock_guard lock(mutex_);
    if (shard >= shards_.size()) return nullptr;
    std::deque<Entry>& from = shards_[shard];
    if (from.empty()) return nullptr;
    auto end = from.begin() + static_cast<ptrdiff_t>(std::min(most, from.size()));
    std::vector<Entry> entries(std::make_move_iterator(from.begin()), std::make_move_iterator(end));
    from.erase(from.begin(), end);
    if (options_.second_version && options_.exemplars) take_exemplars(from, entries);
    std::unique_ptr<OutboxBatch> batch(new OutboxBatch(*this, std::move(entries)));
    on_their_way_.insert(batch.get());
    return batch;
}

// Exemplars come behind all samples of a commit, but have to go with one of their series.
void Outbox::take_exemplars(std::deque<Entry>& from, std::vector<Entry>& entries) {
    auto is_exemplar = [](const Entry& e) { return e.kind == EntryKind::kExemplar; };
    auto first = std::find_if(from.begin(), from.end(), is_exemplar);
    if (first == from.end()) return;
    std::unordered_set<uint32_t> rows;
    for (const Entry& e : entries) {
        if (!is_exemplar(e)) rows.insert(e.row);
    }
    auto kept = first;
    for (auto at = first; at != from.end(); ++at) {
        if (is_exemplar(*at) && rows.contains(at->row)) {
            entries.push_back(std::move(*at));
        } else {
            if (kept != at) *kept = std::move(*at);
            ++kept;
        }
    }
    from.erase(kept, from.end());
}

std::vector<size_t> Outbox::pending() const {
    std::lock_guard lock(mutex_);
    std::vector<size_t> sizes;
    for (const auto& shard : shards_) sizes.push_back(shard.size());
    return sizes;
}

std::vector<uint64_t> Outbox::unsent() const {
    std::lock_guard lock(mutex_);
    std::vector<uint64_t> by_kind(3);
    for (const auto& shard : shards_) {
        for (const Entry& e : shard) ++by_kind[static_cast<size_t>(e.kind)];
    }
    for (const OutboxBatch* batch : on_their_way_) {
        for (const Entry& e : batch->entries_) ++by_kind[static_cast<size_t>(e.kind)];
    }
    return by_kind;
}

void Outbox::reshard(size_t shards) {
    std::lock_guard lock(mutex_);
    if (!on_their_way_.empty()) throw std::logic_error("batches are on their way");
    std::vector<std::deque<Entry>> old(std::max<size_t>(shards, 1));
    old.swap(shards_);
    for (auto& shard : old) {
        for (Entry& e : shard) shards_[e.row % shards_.size()].push_back(std::move(e));
    }
    // Of several old shards: acknowledged() wants the oldest first. Each series' entries keep their order.
    auto older = [](const Entry& a, const Entry& b) { return a.mark < b.mark; };
    for (auto& shard : shards_) std::stable_sort(shard.begin(), shard.end(), older);
}

LogPlace Outbox::acknowledged() const {
    std::lock_guard lock(mutex_);
    uint64_t oldest = UINT64_MAX;
    for (const auto& shard : shards_) {
        if (!shard.empty()) oldest = std::min(oldest, shard.front().mark);
    }
    for (const OutboxBatch* batch : on_their_way_) oldest = std::min(oldest, batch->first_mark());
    while (!marks_.empty() && marks_.front().mark < oldest) marks_.pop_front();
    return oldest == UINT64_MAX || marks_.empty() ? read_ : marks_.front().place;
}

void Outbox::forget_before(uint64_t segment) {
    std::lock_guard lock(mutex_);
    std::vector<uint32_t> used;
    for (const auto& shard : shards_) {
        for (const Entry& e : shard) used.push_back(e.row);
    }
    for (const OutboxBatch* batch : on_their_way_) {
        for (const Entry& e : batch->entries_) used.push_back(e.row);
    }
    names_.forget_before(segment, used);
}

size_t Outbox::series() const {
    std::lock_guard lock(mutex_);
    return names_.size();
}

OutboxCounts Outbox::counts() const {
    std::lock_guard lock(mutex_);
    return counts_;
}

OutboxBatch::OutboxBatch(Outbox& owner, std::vector<Entry> entries)
    : owner_(owner), entries_(std::move(entries)) {}

OutboxBatch::~OutboxBatch() {
    std::lock_guard lock(owner_.mutex_);
    owner_.on_their_way_.erase(this);
}

std::vector<uint8_t> OutboxBatch::encode() const {
    std::vector<uint8_t> plain, out;
    {
        std::lock_guard lock(owner_.mutex_);
        owner_.options_.second_version ? write_request_v2(entries_, owner_.names_, plain)
                                       : write_request_v1(entries_, owner_.names_, plain);
    }
    snappy_encode(plain, out);
    return out;
}

void OutboxBatch::drop_older(int64_t t, uint64_t (&dropped)[3]) {
    std::lock_guard lock(owner_.mutex_);
    std::erase_if(entries_, [&](const Entry& e) {
        if (e.t >= t) return false;
        ++dropped[static_cast<size_t>(e.kind)];
        return true;
    });
}

std::unique_ptr<OutboxBatch> OutboxBatch::split() {
    std::lock_guard lock(owner_.mutex_);
    if (entries_.size() < 2) return nullptr;
    auto middle = entries_.begin() + static_cast<ptrdiff_t>(entries_.size() / 2);
    std::vector<Entry> second(std::make_move_iterator(middle), std::make_move_iterator(entries_.end()));
    entries_.erase(middle, entries_.end());
    std::unique_ptr<OutboxBatch> batch(new OutboxBatch(owner_, std::move(second)));
    owner_.on_their_way_.insert(batch.get());
    return batch;
}

size_t OutboxBatch::count(EntryKind kind) const {
    return static_cast<size_t>(
        std::count_if(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.kind == kind; }));
}

int64_t OutboxBatch::newest() const {
    int64_t newest = 0;
    for (const Entry& e : entries_) {
        if (e.kind != EntryKind::kExemplar) newest = std::max(newest, e.t);
    }
    return newest;
}

}  // namespace narthex
