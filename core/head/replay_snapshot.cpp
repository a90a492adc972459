// A snapshot of open chunks instead of the log that they came from.
#include <bit>
#include <mutex>

#include "chunk/histogram_columns.h"
#include "chunk/xor2.h"
#include "head/replay.h"
#include "head/snapshot.h"

namespace narthex {

ReplayCounts HeadReplay::snapshot(std::span<const uint8_t> bytes, const ZstdDecoder& zstd) {
    ReplayCounts counts;
    WalReader in(bytes, zstd);
    std::span<const uint8_t> next;
    try {
        while (true) {
            counts.good_end = in.good_end();
            // Decompression may call back into Python, which must not happen under the lock.
            if (!in.next(next)) break;
            std::unique_lock lock(head_->mutex_);
            cursor_ = {};
            ++head_->version_;
            snapshot_record(next, counts);
        }
        counts.good_end = bytes.size();
    } catch (const DecodeError& e) {
        counts.fault = e.what();
        counts.faults = 1;
    }
    return counts;
}

void HeadReplay::snapshot_record(std::span<const uint8_t> record, ReplayCounts& counts) {
    ++counts.records;
    if (record.empty()) throw DecodeError("empty record", 0);
    auto body = record.subspan(1);
    switch (static_cast<SnapshotRecord>(record[0])) {
        case SnapshotRecord::kSeries: {
            SnapshotSeries s;
            decode_snapshot_series(body, s);
            series(s.ref, s.labels, counts);
            if (s.encoding != 0) open_chunk(s.ref, s.encoding, s.chunk, counts);
            break;
        }
        case SnapshotRecord::kTombstones:
            for (const auto& [ref, interval] : decode_snapshot_tombstones(body))
                deletion(ref, interval, counts);
            break;
        case SnapshotRecord::kExemplars:
            decode_exemplars(body,
                             [&](uint64_t ref, int64_t t, uint64_t bits, std::span<const TextPair> labels) {
                                 exemplar(ref, t, bits, labels, counts);
                             });
            break;
        default:
            throw DecodeError("unknown record in a snapshot", 0);
    }
}

// Its samples are taken like those of a log, so that chunks of files find their place among them.
void HeadReplay::open_chunk(uint64_t ref, uint8_t encoding, std::span<const uint8_t> chunk,
                            ReplayCounts& counts) {
    if (is_histogram(encoding)) {
        HistogramColumns samples;
        histogram_decode(chunk, encoding, kMinTime, kMaxTime, samples);
        HistogramWalk walk(samples);
        for (size_t i = 0; i < samples.size(); ++i) {
            Series* s = series_for(ref, samples.times[i], counts);
            if (s == nullptr) continue;
            head_->append(*s, samples.times[i], samples.start_times[i], walk.at(i));
            ++counts.histograms;
        }
        return;
    }
    SampleBuffer samples;
    std::vector<int64_t> starts;
    if (encoding == kEncodingXor2) {
        xor2_decode(chunk, kMinTime, kMaxTime, samples, &starts);
    } else {
        ChunkView view{kMinTime, kMaxTime, chunk.data(), static_cast<uint32_t>(chunk.size()), encoding};
        decode_chunk(view, kMinTime, kMaxTime, samples);
        starts.resize(samples.size());
    }
    for (size_t i = 0; i < samples.size(); ++i) {
        uint64_t bits = std::bit_cast<uint64_t>(samples.values()[i]);
        sample(ref, samples.times()[i], starts[i], bits, counts);
    }
}

}  // namespace narthex
