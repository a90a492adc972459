// Histogram chunks from anywhere; the first byte chooses the encoding. Decoding ends with samples or a
// DecodeError; what was decoded can be cut into chunks and read back.
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <limits>

#include "bytes/error.h"
#include "chunk/histogram.h"
#include "chunk/histogram_cut.h"

using namespace narthex;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    constexpr int64_t first = std::numeric_limits<int64_t>::min(), last = std::numeric_limits<int64_t>::max();
    if (size == 0) return 0;
    constexpr uint8_t encodings[4] = {kEncodingHistogram, kEncodingFloatHistogram, kEncodingHistogramST,
                                      kEncodingFloatHistogramST};
    HistogramColumns got;
    try {
        histogram_decode({data + 1, size - 1}, encodings[data[0] % 4], first, last, got);
    } catch (const DecodeError&) {
        return 0;
    }
    if (got.cells.size() > size * 8) std::abort();
    HistogramColumns again;
    for (const HistogramPart& part : cut_histograms(got, 50))
        histogram_decode(encode_part(got, part), part.encoding, first, last, again);
    if (again.times != got.times || again.start_times != got.start_times) std::abort();
    for (size_t k = 0; k < got.size(); ++k) {
        if (std::bit_cast<uint64_t>(again.sums[k]) != std::bit_cast<uint64_t>(got.sums[k])) std::abort();
        if (!got.is_stale_at(k) &&
            std::bit_cast<uint64_t>(again.counts[k]) != std::bit_cast<uint64_t>(got.counts[k]))
            std::abort();
    }
    got.to_floats();
    return 0;
}
