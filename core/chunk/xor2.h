// XOR2 float chunks (encoding 4): u16 big-endian sample count, a header byte for start times, then a bit
// stream in which time and value of a sample share their prefix. Format: docs/formats/chunk-xor2.md.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "chunk/bit_writer.h"
#include "chunk/encoding.h"
#include "chunk/xor2_encoder.h"

namespace narthex {

class SampleBuffer;

// Writes one chunk; the bytes so far are a complete chunk after every append. At most 65,535 samples.
class Xor2Appender {
  public:
    Xor2Appender() : out_(kXor2Header) {}
    // `start` is the start time, 0 when unknown.
    void append(int64_t t, double v, int64_t start = 0);
    std::span<const uint8_t> bytes() const { return out_.bytes(); }
    std::vector<uint8_t> take() { return out_.take(); }
    uint16_t samples() const { return samples_; }

  private:
    BitWriter out_;
    Xor2State state_;
    uint16_t samples_ = 0;
};

// Appends the samples with mint <= t <= maxt to `out` and, unless it is null, their start times to `starts`.
// Throws DecodeError when the stream ends before the promised count or is malformed.
void xor2_decode(std::span<const uint8_t> chunk, int64_t mint, int64_t maxt, SampleBuffer& out,
                 std::vector<int64_t>* starts = nullptr);

}  // namespace narthex
