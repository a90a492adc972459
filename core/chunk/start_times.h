// Start times of samples inside a chunk (encodings 4 to 6): when the counter began to count, milliseconds, 0
// when that is not known. One header byte: the high bit says that the first sample has one, the other bits
// give the index of the first sample whose start time differs from the one before (0: none does). From that
// sample on each has a field. Format: docs/formats/chunk-xor2.md.
#pragma once

#include <cstdint>

#include "chunk/varbit.h"

namespace narthex {

namespace start_times {
inline constexpr uint8_t kFirstKnown = 0x80;
// The greatest index the header can hold; that sample gets a field in any case.
inline constexpr uint8_t kLastChange = 0x7f;

inline int64_t minus(int64_t a, int64_t b) {
    return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}
}  // namespace start_times

class StartTimeReader {
  public:
    explicit StartTimeReader(uint8_t header)
        : first_known_(header & start_times::kFirstKnown), change_(header & start_times::kLastChange) {}

    // Reads what follows sample `index` and gives its start time. `t` is its time, `before` that of the
    // sample before (any value for the first one).
    int64_t take(PaddedBits& in, unsigned index, int64_t t, int64_t before) {
        if (index == 0) {
            if (first_known_) st_ = start_times::minus(t, in.take_varint());
        } else if (change_ != 0 && index >= change_) {
            int64_t v = take_varbit_int(in);
            gap_ = index == change_ ? v : start_times::minus(gap_, start_times::minus(0, v));
            st_ = start_times::minus(before, gap_);
        }
        return st_;
    }
    // Whether `take` can only give 0.
    bool none() const { return !first_known_ && change_ == 0; }

  private:
    bool first_known_;
    uint8_t change_;
    int64_t st_ = 0;
    int64_t gap_ = 0;  // from the start time to the sample before
};

class StartTimeWriter {
  public:
    // Writes what follows sample `index`; the chunk's header byte is then header().
    template <typename Bits>
    void put(Bits& out, unsigned index, int64_t t, int64_t before, int64_t st) {
        if (index == 0) {
            if (st != 0) {
                out.put_varint(start_times::minus(t, st));
                header_ = start_times::kFirstKnown;
            }
        } else if (change() != 0) {
            int64_t gap = start_times::minus(before, st);
            put_varbit_int(out, start_times::minus(gap, gap_));
            gap_ = gap;
        } else if (st != st_ || index == start_times::kLastChange) {
            header_ |= static_cast<uint8_t>(index);
            gap_ = start_times::minus(before, st);
            put_varbit_int(out, gap_);
        }
        st_ = st;
    }
    uint8_t header() const { return header_; }

  private:
    uint8_t change() const { return header_ & start_times::kLastChange; }

    uint8_t header_ = 0;
    int64_t st_ = 0;
    int64_t gap_ = 0;
};

}  // namespace narthex
