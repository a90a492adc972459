#include "head/replay.h"

#include <algorithm>
#include <bit>
#include <mutex>
#include <stdexcept>

#include "chunk/histogram.h"
#include "chunk/stale.h"
#include "wal/histogram_records.h"
#include "wal/records.h"

namespace narthex {

ReplayCounts HeadReplay::segment(std::span<const uint8_t> bytes, const ZstdDecoder& zstd, WalWriter* sound) {
    again_ = sound != nullptr;
    return replay_segment(bytes, zstd, sound, [this](std::span<const uint8_t> next, ReplayCounts& counts) {
        std::unique_lock lock(head_->mutex_);
        cursor_ = {};
        ++head_->version_;
        kind_ == LogKind::kAll ? record(next, counts) : out_of_order_record(next, counts);
    });
}

void HeadReplay::record(std::span<const uint8_t> record, ReplayCounts& counts) {
    auto body = record.subspan(1);
    auto use_sample = [&](uint64_t ref, int64_t t, uint64_t bits) { sample(ref, t, 0, bits, counts); };
    switch (static_cast<WalRecord>(record[0])) {
        case WalRecord::kSeries:
            decode_series(body, [&](uint64_t ref, std::span<const TextPair> l) { series(ref, l, counts); });
            break;
        case WalRecord::kSamples:
            decode_samples(body, use_sample);
            break;
        case WalRecord::kSamplesV2:
            decode_samples_v2(body, [&](uint64_t ref, int64_t t, uint64_t bits, int64_t start) {
                sample(ref, t, start, bits, counts);
            });
            break;
        case WalRecord::kTombstones:
            decode_tombstones(
                body, [&](uint64_t ref, int64_t mint, int64_t maxt) { deletion(ref, {mint, maxt}, counts); });
            break;
        case WalRecord::kMetadata:
            decode_metadata(body, [&](uint64_t ref, uint8_t type, std::span<const TextPair> fields) {
                metadata(ref, type, fields);
            });
            break;
        case WalRecord::kExemplars:
            decode_exemplars(body,
                             [&](uint64_t ref, int64_t t, uint64_t bits, std::span<const TextPair> labels) {
                                 exemplar(ref, t, bits, labels, counts);
                             });
            break;
        case WalRecord::kHistograms:
        case WalRecord::kFloatHistograms:
        case WalRecord::kCustomHistograms:
        case WalRecord::kCustomFloatHistograms:
        case WalRecord::kHistogramsV2:
        case WalRecord::kFloatHistogramsV2: {
            auto use = [&](uint64_t ref, int64_t t, int64_t start, const HistogramView& h) {
                Series* s = series_for(ref, t, counts);
                if (s == nullptr) return;
                head_->append(*s, t, start, h);
                ++counts.histograms;
            };
            counts.invalid_histograms += decode_histograms(static_cast<WalRecord>(record[0]), body, use);
            break;
        }
        default:
            ++counts.skipped_records;
            if (record[0] > kLastWalRecord) ++counts.unknown_records;
    }
}

void HeadReplay::series(uint64_t ref, std::span<const TextPair> labels, ReplayCounts& counts) {
    ++counts.series;
    if (head_->table_.by_ref.find(ref) != RefMap::kNone) return;
    std::vector<LabelPair> pairs;
    try {
        // Numbering goes on after the largest reference, which leaves the upper half as room.
        if (ref == 0 || ref >> 63 != 0) throw std::invalid_argument("reference is out of range");
        pairs = head_->table_.intern(labels);
    } catch (const std::invalid_argument&) {
        ++counts.invalid_series;
        return;
    }
    uint32_t slot = head_->create_or_find(pairs, ref);
    Series& s = head_->table_.series[slot];
    uint64_t own = s.ref;
    if (own != ref) {
        head_->table_.by_ref.set(ref, slot);
        head_->aliases_.emplace_back(ref, own);
        head_->counts_.last_ref = std::max(head_->counts_.last_ref, ref);
    }
    pending_.claim(ref, slot);
    cursor_ = {};
}

void HeadReplay::sample(uint64_t ref, int64_t t, int64_t start, uint64_t bits, ReplayCounts& counts) {
    if (Series* s = series_for(ref, t, counts)) {
        // What a stale marker ends, a chunk that was mapped may have to say.
        if (bits == kStaleNaNBits && s->size == 0 && s->closed != kNoChunk)
            s->encoding = read_head_chunk(head_->closed_.entry(head_->closed_[s->closed])).encoding;
        head_->append(*s, t, start, bits);
        ++counts.samples;
    }
}

void HeadReplay::exemplar(uint64_t ref, int64_t t, uint64_t bits, std::span<const TextPair> labels,
                          ReplayCounts& counts) {
    if (t < head_->counts_.min_valid_time) return;
    uint32_t slot = head_->table_.by_ref.find(ref, cursor_);
    if (slot == RefMap::kNone) return;
    auto status = head_->exemplars_.add(head_->labels_of(head_->table_.series[slot]), t,
                                        std::bit_cast<double>(bits), pack_labels(labels));
    counts.exemplars += status == ExemplarStatus::kOk;
}

// The series that a logged sample belongs to; nullptr, counted, when there is none or it is there already.
Series* HeadReplay::series_for(uint64_t ref, int64_t t, ReplayCounts& counts) {
    uint32_t slot = head_->table_.by_ref.find(ref, cursor_);
    if (slot == RefMap::kNone) {
        ++counts.unknown_refs;
        // Its series record is lost; no other series may ever be taken for it.
        if (ref >> 63 == 0) head_->counts_.last_ref = std::max(head_->counts_.last_ref, ref);
        return nullptr;
    }
    Series& s = head_->table_.series[slot];
    if (t >= head_->counts_.min_valid_time && !(s.has_samples() && t <= s.t)) {
        take_chunks(s, slot, t);
        if (!s.has_samples() || t > s.t) return &s;
    }
    ++counts.old_samples;
    return nullptr;
}

void HeadReplay::deletion(uint64_t ref, Interval interval, ReplayCounts& counts) {
    if (ref >> 63 == 0) head_->counts_.last_ref = std::max(head_->counts_.last_ref, ref);
    uint32_t slot = head_->table_.by_ref.find(ref, cursor_);
    if (slot == RefMap::kNone) {
        ++counts.unknown_refs;
        return;
    }
    if (interval.mint > interval.maxt || interval.maxt < head_->counts_.min_valid_time) return;
    ++counts.tombstones;
    Series& s = head_->table_.series[slot];
    if (interval.mint == kMinTime && interval.maxt == kMaxTime) {
        drop_series(s, slot);
        return;
    }
    // What chunk files have of it is there at finish() at the latest.
    auto& kept = head_->table_.extras.of(s).deleted;
    if (kept == nullptr) kept = std::make_unique<Intervals>();
    add_interval(*kept, interval);
}

// Everything there is: how Prometheus logs that it moved a stale series to a block.
void HeadReplay::drop_series(Series& s, uint32_t slot) {
    HeadStats& counts = head_->counts_;
    size_t open = s.size > 0;
    head_->release_open(s);
    size_t dropped = open + head_->closed_.drop(std::exchange(s.closed, kNoChunk));
    counts.chunks -= dropped;
    counts.chunks_removed += dropped;
    for (uint32_t id; (id = pending_.next(slot)) != kNoChunk;) {
        pending_.advance(slot);
        head_->closed_.set_older(id, kNoChunk);
        head_->closed_.drop(id);
    }
    head_->forget_newest(s);
    if (SeriesExtra* extra = head_->table_.extras.find(s)) extra->deleted.reset();
}

// Chunks from files that begin at or before t become the newest of their series.
void HeadReplay::take_chunks(Series& s, uint32_t slot, int64_t t) {
    for (uint32_t id; (id = pending_.next(slot)) != kNoChunk && head_->closed_[id].mint <= t;) {
        pending_.advance(slot);
        if (s.size > 0) head_->close_chunk(s);
        head_->closed_.set_older(id, s.closed);
        s.closed = id;
        const ClosedChunk& c = head_->closed_[id];
        head_->forget_newest(s);
        s.t = c.maxt();
        HeadStats& counts = head_->counts_;
        counts.min_time = std::min(counts.min_time, c.mint);
        counts.max_time = std::max(counts.max_time, s.t);
        ++counts.chunks;
        ++counts.chunks_created;
    }
}

HeadChunkCounts HeadReplay::chunk_file(uint32_t number, std::shared_ptr<const void> owner,
                                       std::span<const uint8_t> bytes) {
    std::unique_lock lock(head_->mutex_);
    HeadChunkCounts counts = pending_.load(number, std::move(owner), bytes, head_->counts_.min_valid_time);
    // A file outlives its series: no other one may get their references.
    head_->counts_.last_ref = std::max(head_->counts_.last_ref, pending_.last_ref());
    return counts;
}

uint64_t HeadReplay::finish() {
    std::vector<std::shared_ptr<const void>> released;  // let go after the lock
    std::unique_lock lock(head_->mutex_);
    ++head_->version_;
    for (uint32_t slot = 0; slot < head_->table_.series.size(); ++slot) {
        Series& s = head_->table_.series[slot];
        take_chunks(s, slot, kMaxTime);
        if (s.size == 0 && s.closed != kNoChunk) restore_value(s);
    }
    uint64_t unclaimed = pending_.finish();
    released = head_->closed_.take_released();
    return unclaimed;
}

// The newest value, which a duplicate is compared with and which says whether the series is stale.
void HeadReplay::restore_value(Series& s) {
    HeadChunk c = read_head_chunk(head_->closed_.entry(head_->closed_[s.closed]));
    ChunkView view{c.mint, c.maxt, c.bytes.data(), static_cast<uint32_t>(c.bytes.size()), c.encoding};
    s.encoding = c.encoding;
    SampleBuffer floats;
    HistogramColumns histograms;
    try {
        if (is_histogram(c.encoding)) {
            histogram_decode(c.bytes, c.encoding, s.t, s.t, histograms);
        } else {
            decode_chunk(view, s.t, s.t, floats);
        }
    } catch (const DecodeError&) {
        // Queries will say so.
    }
    uint64_t bits = kNormalNaNBits;
    if (floats.size() > 0) bits = std::bit_cast<uint64_t>(floats.values()[floats.size() - 1]);
    if (histograms.size() > 0) {
        bits = std::bit_cast<uint64_t>(histograms.sums.back());
        head_->count_histogram(s, histograms.runs.back().width);
    }
    head_->set_newest(s, s.t, bits);
}

void HeadReplay::out_of_order_record(std::span<const uint8_t> record, ReplayCounts& counts) {
    auto body = record.subspan(1);
    auto use = [&](uint64_t ref, int64_t t, int64_t start, const auto& value, uint64_t& taken) {
        uint32_t slot = head_->table_.by_ref.find(ref, cursor_);
        if (slot == RefMap::kNone) {
            ++counts.unknown_refs;
        } else if (!again_) {  // in order, what was applied is too old to be applied again
            ++(head_->insert(head_->table_.series[slot], t, start, value) ? taken : counts.old_samples);
        }
    };
    auto type = static_cast<WalRecord>(record[0]);
    switch (type) {
        case WalRecord::kSamples:
            decode_samples(
                body, [&](uint64_t ref, int64_t t, uint64_t bits) { use(ref, t, 0, bits, counts.samples); });
            break;
        case WalRecord::kSamplesV2:
            decode_samples_v2(body, [&](uint64_t ref, int64_t t, uint64_t bits, int64_t start) {
                use(ref, t, start, bits, counts.samples);
            });
            break;
        case WalRecord::kHistograms:
        case WalRecord::kFloatHistograms:
        case WalRecord::kCustomHistograms:
        case WalRecord::kCustomFloatHistograms:
        case WalRecord::kHistogramsV2:
        case WalRecord::kFloatHistogramsV2:
            counts.invalid_histograms += decode_histograms(
                type, body, [&](uint64_t ref, int64_t t, int64_t start, const HistogramView& h) {
                    use(ref, t, start, h, counts.histograms);
                });
            break;
        case WalRecord::kTombstones:
            decode_tombstones(body, [&](uint64_t ref, int64_t mint, int64_t maxt) {
                uint32_t slot = head_->table_.by_ref.find(ref, cursor_);
                if (slot == RefMap::kNone) return;
                ++counts.tombstones;
                head_->take_out(head_->table_.series[slot], {mint, maxt});
            });
            break;
        case WalRecord::kMmapMarkers:
            decode_markers(body, [&](uint64_t, uint64_t) { ++counts.markers; });
            break;
        default:
            ++counts.skipped_records;
            if (record[0] > kLastWalRecord) ++counts.unknown_records;
    }
}

}  // namespace narthex
