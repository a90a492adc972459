// Segments of the log of out-of-order samples from anywhere, into a head that knows eight series. As in
// wal_segment.cpp the first byte chooses between raw bytes and sound frames around records. Whatever is
// taken must be there for a selection and for a compaction, in order and once a time.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "head/head.h"
#include "head/replay.h"
#include "wal/pages.h"

using namespace narthex;

namespace {

void check_row(const SeriesBatch& batch, size_t row) {
    std::vector<int64_t> ts;
    std::vector<double> vs;
    decode_row(batch, row, kMinTime, kMaxTime, ts, vs);
    HistogramColumns histograms;
    decode_histograms(batch, row, kMinTime, kMaxTime, histograms);
    if (ts.empty() && histograms.size() == 0) std::abort();
    for (const auto& times : {ts, histograms.times}) {
        for (size_t i = 1; i < times.size(); ++i) {
            if (times[i - 1] >= times[i]) std::abort();
        }
    }
    int64_t newest_start = kMinTime;
    for (const ChunkView& c : batch.row(row)) {
        if (c.mint < newest_start || c.maxt < c.mint) std::abort();
        newest_start = c.mint;
    }
}

size_t check(const Head& head, HeadPart part) {
    SeriesBatch batch;
    if (!head.select(head.view(), {}, kMinTime, kMaxTime, batch, part)) std::abort();
    for (size_t row = 0; row < batch.rows(); ++row) check_row(batch, row);
    return batch.rows();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    std::span<const uint8_t> segment(data + 1, size - 1);
    WalWriter framed(0);
    if (data[0] & 1) {
        while (!segment.empty()) {
            size_t n = std::min<size_t>(segment[0], segment.size() - 1);
            framed.record(segment.subspan(1, n));
            segment = segment.subspan(1 + n);
        }
        segment = framed.bytes();
    }
    auto head = std::make_shared<Head>(7'200'000, 1 + (data[0] >> 1) % 4);
    for (int i = 0; i < 8; ++i) {
        std::string name = std::to_string(i);
        TextPair pair{"i", name};
        head->series({&pair, 1});
    }
    ReplayCounts counts = HeadReplay(head, LogKind::kOutOfOrder).segment(segment, {});
    if (counts.fault.empty() != (counts.good_end == segment.size()) && counts.fault.empty()) std::abort();
    size_t rows = check(*head, HeadPart::kAll);
    uint64_t taken = counts.samples + counts.histograms;
    bool deleted = counts.tombstones > 0;
    if (deleted ? rows > taken : (rows == 0) != (taken == 0)) std::abort();
    HeadStats stats = head->stats();
    if (taken > 0 && stats.out_of_order_min_time > stats.out_of_order_max_time) std::abort();
    auto [mint, maxt] = head->begin_out_of_order_compaction();
    bool same = mint == stats.out_of_order_min_time && maxt == stats.out_of_order_max_time;
    if (!deleted && !same) std::abort();
    if (check(*head, HeadPart::kCompacting) != rows) std::abort();
    head->end_out_of_order_compaction();
    if (head->stats().chunks != 0) std::abort();
    return 0;
}
