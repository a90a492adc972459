#include "wal/checkpoint.h"

#include "wal/histogram_records.h"
#include "wal/records.h"

namespace narthex {

Checkpoint::Checkpoint(std::span<const uint64_t> refs, int64_t mint, WalCompression compression)
    : mint_(mint), out_(0, std::move(compression)) {
    for (uint64_t ref : refs) refs_.set(ref, 1);
}

void Checkpoint::segment(std::span<const uint8_t> bytes, const ZstdDecoder& zstd) {
    WalReader in(bytes, zstd);
    std::span<const uint8_t> next;
    for (bool more = true; more;) {
        try {
            more = in.next(next);
            if (more) record(next);
        } catch (const DecodeError& e) {
            if (counts_.faults++ == 0) counts_.fault = e.what();
            more = in.skip_damage();
        }
    }
}

void Checkpoint::record(std::span<const uint8_t> record) {
    if (record.empty()) throw DecodeError("empty record", 0);
    auto body = record.subspan(1);
    switch (static_cast<WalRecord>(record[0])) {
        case WalRecord::kSeries: {
            SeriesRecord kept;
            decode_series(body, [&](uint64_t ref, std::span<const TextPair> labels) {
                ++(keep(ref) ? counts_.kept_series : counts_.dropped_series);
                if (!keep(ref)) return;
                kept.begin(ref, labels.size());
                for (const auto& [name, value] : labels) kept.label(name, value);
            });
            if (!kept.empty()) out_.record(kept.bytes());
            break;
        }
        case WalRecord::kSamples: {
            SamplesRecord kept(body.size() / 16);
            decode_samples(body, [&](uint64_t ref, int64_t t, uint64_t bits) {
                if (keep_sample(t)) kept.add(ref, t, bits);
            });
            if (!kept.empty()) out_.record(kept.bytes());
            break;
        }
        case WalRecord::kSamplesV2: {
            SamplesV2Record kept;
            decode_samples_v2(body, [&](uint64_t ref, int64_t t, uint64_t bits, int64_t start) {
                if (keep_sample(t)) kept.add(ref, t, bits, start);
            });
            if (!kept.empty()) out_.record(kept.bytes());
            break;
        }
        case WalRecord::kTombstones: {
            TombstonesRecord kept;
            decode_tombstones(body, [&](uint64_t ref, int64_t mint, int64_t maxt) {
                if (maxt >= mint_) kept.add(ref, mint, maxt);
            });
            if (!kept.empty()) out_.record(kept.bytes());
            break;
        }
        case WalRecord::kExemplars: {
            ExemplarsRecord kept;
            decode_exemplars(body, [&](uint64_t ref, int64_t t, uint64_t bits, std::span<const TextPair> l) {
                if (t >= mint_) kept.add(ref, t, bits, l);
            });
            if (!kept.empty()) out_.record(kept.bytes());
            break;
        }
        case WalRecord::kMetadata:
            metadata(body);
            break;
        case WalRecord::kHistograms:
        case WalRecord::kFloatHistograms:
        case WalRecord::kCustomHistograms:
        case WalRecord::kCustomFloatHistograms:
        case WalRecord::kHistogramsV2:
        case WalRecord::kFloatHistogramsV2: {
            auto type = static_cast<WalRecord>(record[0]);
            HistogramsRecord kept(type);
            auto use = [&](uint64_t ref, int64_t t, int64_t start, const HistogramView& h) {
                if (keep_sample(t)) kept.add(ref, t, start, h);
            };
            counts_.dropped_samples += decode_histograms(type, body, use);
            if (!kept.empty()) out_.record(kept.bytes());
            break;
        }
        default:
            ++counts_.dropped_records;
    }
}

bool Checkpoint::keep_sample(int64_t t) {
    ++(t >= mint_ ? counts_.kept_samples : counts_.dropped_samples);
    return t >= mint_;
}

void Checkpoint::metadata(std::span<const uint8_t> body) {
    decode_metadata(body, [&](uint64_t ref, uint8_t type, std::span<const TextPair> fields) {
        if (!keep(ref)) return;
        MetadataRecord one;
        one.add(ref, type, fields);
        metadata_[ref].assign(one.bytes().begin() + 1, one.bytes().end());
    });
}

void Checkpoint::finish() {
    std::vector<uint8_t> all{static_cast<uint8_t>(WalRecord::kMetadata)};
    for (const auto& [ref, entry] : metadata_) all.insert(all.end(), entry.begin(), entry.end());
    if (all.size() > 1) out_.record(all);
    out_.fill_page();
}

std::vector<uint8_t> Checkpoint::take() {
    return std::exchange(out_.bytes(), {});
}

}  // namespace narthex
