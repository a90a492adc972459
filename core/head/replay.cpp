#include "head/replay.h"

#include <mutex>
#include <stdexcept>

#include "wal/records.h"

namespace narthex {

ReplayCounts HeadReplay::segment(std::span<const uint8_t> bytes, const ZstdDecoder& zstd, WalWriter* sound) {
    ReplayCounts counts;
    WalReader in(bytes, zstd);
    std::span<const uint8_t> next;
    for (bool more = true; more;) {
        size_t good_end = in.good_end();
        try {
            // Decompression may call back into Python, which must not happen under the lock.
            more = in.next(next);
            if (!more) break;
            std::unique_lock lock(head_->mutex_);
            cursor_ = {};
            ++head_->version_;
            record(next, counts);
            if (sound != nullptr) sound->record(next);
        } catch (const DecodeError& e) {
            if (counts.faults++ == 0) {
                counts.fault = e.what();
                counts.good_end = good_end;
            }
            more = in.skip_damage();
        }
    }
    if (counts.faults == 0) counts.good_end = bytes.size();
    return counts;
}

void HeadReplay::record(std::span<const uint8_t> record, ReplayCounts& counts) {
    ++counts.records;
    if (record.empty()) throw DecodeError("empty record", 0);
    auto body = record.subspan(1);
    auto use_sample = [&](uint64_t ref, int64_t t, uint64_t bits) { sample(ref, t, bits, counts); };
    switch (static_cast<WalRecord>(record[0])) {
        case WalRecord::kSeries:
            decode_series(body, [&](uint64_t ref, std::span<const TextPair> l) { series(ref, l, counts); });
            break;
        case WalRecord::kSamples:
            decode_samples(body, use_sample);
            break;
        case WalRecord::kSamplesV2:
            decode_samples_v2(body, use_sample);
            break;
        case WalRecord::kTombstones:
            decode_tombstones(body, [&](uint64_t, int64_t, int64_t) { ++counts.tombstones; });
            break;
        case WalRecord::kHistograms:
        case WalRecord::kFloatHistograms:
        case WalRecord::kCustomHistograms:
        case WalRecord::kCustomFloatHistograms:
            ++counts.histogram_records;
            ++counts.skipped_records;
            break;
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
        pairs = head_->intern(labels);
    } catch (const std::invalid_argument&) {
        ++counts.invalid_series;
        return;
    }
    uint32_t slot = head_->create_or_find(pairs, ref);
    uint64_t own = head_->table_.series[slot].ref;
    if (own != ref) {
        head_->table_.by_ref.set(ref, slot);
        head_->aliases_.emplace_back(ref, own);
        head_->counts_.last_ref = std::max(head_->counts_.last_ref, ref);
    }
    cursor_ = {};
}

void HeadReplay::sample(uint64_t ref, int64_t t, uint64_t bits, ReplayCounts& counts) {
    uint32_t slot = head_->table_.by_ref.find(ref, cursor_);
    if (slot == RefMap::kNone) {
        ++counts.unknown_refs;
        // Its series record is lost; no other series may ever be taken for it.
        if (ref >> 63 == 0) head_->counts_.last_ref = std::max(head_->counts_.last_ref, ref);
        return;
    }
    Series& s = head_->table_.series[slot];
    if (t < head_->counts_.min_valid_time || (s.size > 0 && t <= s.t)) {
        ++counts.old_samples;
        return;
    }
    head_->append(s, t, bits);
    ++counts.samples;
}

}  // namespace narthex
