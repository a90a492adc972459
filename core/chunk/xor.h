// XOR float chunks (encoding 1): u16 big-endian sample count, then a bit stream of delta-of-delta
// timestamps (milliseconds) and XOR-ed float bits. Format: docs/formats/chunk-xor.md.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "chunk/encoding.h"
#include "chunk/xor_encoder.h"

namespace narthex {

class SampleBuffer;

// Writes one chunk. Appending costs O(1); the bytes so far are a complete chunk after every append,
// so a reader may copy them at any time (under the owner's lock).
// At most 65,535 samples; the caller cuts chunks long before that.
class XorAppender {
  public:
    XorAppender();
    void append(int64_t t, double v);
    std::span<const uint8_t> bytes() const { return buf_; }
    std::vector<uint8_t> take();
    uint16_t samples() const { return static_cast<uint16_t>(buf_[0] << 8 | buf_[1]); }

  private:
    std::vector<uint8_t> buf_;
    XorState state_;
};

// Number of samples a chunk claims to hold. Throws DecodeError if the header is cut.
uint16_t xor_sample_count(std::span<const uint8_t> chunk);

// Decodes all samples with mint <= t <= maxt and appends them to `ts` and `vs` (same length growth).
// Throws DecodeError when the stream ends before the promised count.
void xor_decode(std::span<const uint8_t> chunk, int64_t mint, int64_t maxt, std::vector<int64_t>& ts,
                std::vector<double>& vs);
void xor_decode(std::span<const uint8_t> chunk, int64_t mint, int64_t maxt, SampleBuffer& out);

}  // namespace narthex
