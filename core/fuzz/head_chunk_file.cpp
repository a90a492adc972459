// Head chunk files from anywhere. The first byte chooses between raw bytes as a file and sound entries around
// chunks (reference, two times, encoding and a length byte before each), so that damage is not all that is
// seen. A replay must end with a head that answers, writes its chunks again and reads them back.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "bytes/error.h"
#include "head/chunk_file.h"
#include "head/head.h"
#include "head/replay.h"
#include "wal/pages.h"

using namespace narthex;

namespace {

std::vector<uint8_t> framed(std::span<const uint8_t> in) {
    std::vector<uint8_t> out = {0x01, 0x30, 0xBC, 0x91, 1, 0, 0, 0};
    while (in.size() >= 5) {
        size_t n = std::min<size_t>(in[4], in.size() - 5);
        int64_t mint = in[1] * 1000;
        HeadChunk chunk{in[0] % 8u,       mint,
                        mint + in[2],     static_cast<uint8_t>(in[3] & 7),
                        (in[3] & 8) != 0, in.subspan(5, n)};
        size_t at = out.size();
        out.resize(at + head_chunk_size(chunk));
        write_head_chunk(chunk, out.data() + at);
        in = in.subspan(5 + n);
    }
    return out;
}

std::vector<uint8_t> log() {
    SeriesRecord series;
    SamplesRecord samples(16);
    for (uint64_t ref = 1; ref < 8; ++ref) {
        series.begin(ref, 1);
        series.label("a", std::string(1, static_cast<char>('a' + ref % 5)));  // some references mean the same
        samples.add(ref, 100'000, ref);
    }
    WalWriter out(0);
    out.record(series.bytes());
    out.record(samples.bytes());
    return out.bytes();
}

size_t read_all(const Head& head) {
    SeriesBatch batch;
    if (!head.select(head.view(), {}, kMinTime, kMaxTime, batch)) std::abort();
    SampleBuffer samples;
    size_t n = 0;
    for (size_t i = 0; i < batch.rows(); ++i) {
        try {
            decode_row(batch, i, kMinTime, kMaxTime, samples);
            n += samples.size();
        } catch (const DecodeError&) {
        }
    }
    return n;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    auto file = std::make_shared<std::vector<uint8_t>>(data + 1, data + size);
    if (data[0] & 1) *file = framed(std::span<const uint8_t>(*file));
    auto head = std::make_shared<Head>(7'200'000);
    HeadReplay replay(head);
    HeadChunkCounts counts = replay.chunk_file(1, file, *file);
    if (counts.fault.empty() != (counts.good_end == file->size()) && counts.fault.empty()) std::abort();
    replay.segment(log(), {});
    replay.finish();
    size_t samples = read_all(*head);

    uint32_t position = kHeadChunkFileHeader;
    auto written = std::make_shared<std::vector<uint8_t>>(framed({}));
    for (const auto& page : head->unwritten_chunks()) {
        head->chunks_written(page.page, 2, position);
        written->insert(written->end(), page.bytes.begin(), page.bytes.end());
        position = static_cast<uint32_t>(written->size());
    }
    head->map_chunks(2, written, *written);
    if (head->stats().chunk_bytes != 0 || read_all(*head) != samples) std::abort();
    if (!HeadReplay(std::make_shared<Head>(7'200'000)).chunk_file(2, written, *written).fault.empty()) {
        std::abort();
    }
    head->truncate(kMaxTime);
    return 0;
}
