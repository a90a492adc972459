// Head snapshots from anywhere. The first byte chooses between the raw bytes as a segment and sound frames
// around records (two length bytes before each). What was read must come back from a snapshot of it.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "bytes/error.h"
#include "head/head.h"
#include "head/replay.h"
#include "head/snapshot.h"
#include "wal/pages.h"

using namespace narthex;

namespace {

size_t count_samples(const Head& head) {
    SeriesBatch batch;
    if (!head.select(head.view(), {}, kMinTime, kMaxTime, batch)) std::abort();
    SampleBuffer floats;
    HistogramColumns histograms;
    size_t n = 0;
    for (size_t i = 0; i < batch.rows(); ++i) {
        floats.clear();
        decode_row(batch, i, kMinTime, kMaxTime, floats);
        decode_histograms(batch, i, kMinTime, kMaxTime, histograms);
        n += floats.size() + histograms.size();
    }
    return n;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    std::span<const uint8_t> segment(data + 1, size - 1);
    WalWriter framed(0);
    if (data[0] & 1) {
        while (segment.size() >= 2) {
            size_t n =
                std::min<size_t>(static_cast<size_t>(segment[0]) << 8 | segment[1], segment.size() - 2);
            framed.record(segment.subspan(2, n));
            segment = segment.subspan(2 + n);
        }
        segment = framed.bytes();
    }
    auto head = std::make_shared<Head>(7'200'000);
    HeadReplay replay(head);
    ReplayCounts counts = replay.snapshot(segment, {});
    if (counts.fault.empty() && counts.good_end != segment.size()) std::abort();
    replay.finish();
    size_t taken = counts.samples + counts.histograms, seen = count_samples(*head);
    if (counts.tombstones == 0 ? seen != taken : seen > taken) std::abort();

    HeadSnapshot snapshot(head);
    std::vector<uint8_t> written;
    while (snapshot.step()) {
        auto part = snapshot.take();
        written.insert(written.end(), part.begin(), part.end());
    }
    if (snapshot.series() != head->stats().series) std::abort();
    auto again = std::make_shared<Head>(7'200'000);
    HeadReplay second(again);
    for (const auto& page : head->unwritten_chunks()) {  // closed chunks come back from files
        std::vector<uint8_t> bytes = {0x01, 0x30, 0xBC, 0x91, 1, 0, 0, 0};
        bytes.insert(bytes.end(), page.bytes.begin(), page.bytes.end());
        auto file = std::make_shared<std::vector<uint8_t>>(std::move(bytes));
        if (!second.chunk_file(page.page + 1, file, *file).fault.empty()) std::abort();
    }
    if (!second.snapshot(written, {}).fault.empty()) std::abort();
    second.finish();
    if (count_samples(*again) != count_samples(*head)) std::abort();
    return 0;
}
