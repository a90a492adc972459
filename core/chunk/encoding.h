// What a chunk's encoding byte means.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "bytes/error.h"
#include "bytes/reader.h"

namespace narthex {

// Prometheus' encodings. Formats: docs/formats/chunk-xor.md, chunk-xor2.md, chunk-histogram.md.
inline constexpr uint8_t kEncodingXor = 1;
inline constexpr uint8_t kEncodingHistogram = 2;
inline constexpr uint8_t kEncodingFloatHistogram = 3;
inline constexpr uint8_t kEncodingXor2 = 4;
inline constexpr uint8_t kEncodingHistogramST = 5;  // ST: with start times
inline constexpr uint8_t kEncodingFloatHistogramST = 6;
// Ours and never written to disk: `count` int64 timestamps followed by `count` doubles, native byte order,
// 8-byte aligned.
inline constexpr uint8_t kEncodingColumns = 0xff;

inline bool is_histogram(uint8_t encoding) {
    return encoding == kEncodingHistogram || encoding == kEncodingFloatHistogram ||
           encoding == kEncodingHistogramST || encoding == kEncodingFloatHistogramST;
}
inline bool is_float_histogram(uint8_t encoding) {
    return encoding == kEncodingFloatHistogram || encoding == kEncodingFloatHistogramST;
}
inline bool is_histogram_with_start_times(uint8_t encoding) {
    return encoding == kEncodingHistogramST || encoding == kEncodingFloatHistogramST;
}

inline uint8_t histogram_encoding(bool floats, bool start_times) {
    if (start_times) return floats ? kEncodingFloatHistogramST : kEncodingHistogramST;
    return floats ? kEncodingFloatHistogram : kEncodingHistogram;
}

// Number of samples that a chunk of encoding 1 to 6 claims to hold: two bytes, of which 5 and 6 use the upper
// two bits for something else. Throws DecodeError on a cut header and on any other encoding.
inline uint16_t chunk_sample_count(std::span<const uint8_t> chunk, uint8_t encoding) {
    if (encoding < kEncodingXor || encoding > kEncodingFloatHistogramST)
        throw DecodeError("unknown chunk encoding " + std::to_string(encoding), 0);
    if (chunk.size() < 2) throw DecodeError("chunk header is cut", chunk.size());
    uint16_t count = load_be16(chunk.data());
    return is_histogram_with_start_times(encoding) ? count & 0x3fff : count;
}

}  // namespace narthex
