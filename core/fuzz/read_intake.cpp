// Answers of remote read from anywhere. The first byte chooses between samples, compressed by us, and frames,
// as they come or with lengths and checksums of ours around pieces. They end in a typed error or in a batch
// in label order whose rows can be decoded and ascend.
#include "remote/read_intake.h"

#include <cstdint>
#include <cstdlib>
#include <limits>
#include <vector>

#include "bytes/crc32c.h"
#include "bytes/error.h"
#include "bytes/snappy.h"
#include "bytes/writer.h"

using namespace narthex;

namespace {

void check(bool holds) {
    if (!holds) std::abort();
}

std::vector<uint8_t> framed(std::span<const uint8_t> message) {
    ByteWriter out;
    out.uvarint(message.size());
    out.be32(crc32c(message));
    std::vector<uint8_t> bytes(out.buffer().begin(), out.buffer().end());
    bytes.insert(bytes.end(), message.begin(), message.end());
    return bytes;
}

void read(ReadIntake& intake, uint8_t way, std::span<const uint8_t> data) {
    if (way & 1) {
        std::vector<uint8_t> packed;
        snappy_encode(data, packed);
        intake.feed(packed);
        return;
    }
    size_t half = (way & 2) ? data.size() / 2 : data.size();
    for (auto part : {data.first(half), data.subspan(half)}) {
        if (way & 4) {
            intake.feed(part);
        } else {
            intake.feed(framed(part));
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    constexpr int64_t kFirst = std::numeric_limits<int64_t>::min(),
                      kLast = std::numeric_limits<int64_t>::max();
    auto form = (data[0] & 1) ? ReadIntake::Form::kSamples : ReadIntake::Form::kFrames;
    ReadIntake intake(form, {"cluster"}, {1 << 16, 1 << 20}, (data[0] & 8) != 0);
    try {
        read(intake, data[0], {data + 1, size - 1});
        SeriesBatch batch = intake.finish();
        SampleBuffer floats;
        HistogramColumns histograms;
        for (size_t i = 0; i < batch.rows(); ++i) {
            check(i == 0 || compare_rows(batch.labels, i - 1, batch.labels, i) < 0);
            check(batch.labels.value(i, "cluster").empty());
            decode_row(batch, i, kFirst, kLast, floats);
            for (size_t k = 1; k < floats.size(); ++k) check(floats.times()[k] > floats.times()[k - 1]);
            decode_histograms(batch, i, kFirst, kLast, histograms);
            for (size_t k = 1; k < histograms.size(); ++k)
                check(histograms.times[k] > histograms.times[k - 1]);
        }
    } catch (const DecodeError&) {
    } catch (const LimitError&) {
    }
    return 0;
}
