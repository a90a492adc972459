// XOR2 chunks from anywhere: decoding ends with samples or a DecodeError, and samples that were decoded are
// the same after they were encoded again.
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <vector>

#include "bytes/error.h"
#include "chunk/sample_buffer.h"
#include "chunk/xor2.h"

using namespace narthex;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    constexpr int64_t first = std::numeric_limits<int64_t>::min(), last = std::numeric_limits<int64_t>::max();
    SampleBuffer got, again;
    std::vector<int64_t> starts, starts_again;
    try {
        xor2_decode({data, size}, first, last, got, &starts);
    } catch (const DecodeError&) {
        return 0;
    }
    Xor2Appender appender;
    for (size_t k = 0; k < got.size(); ++k) appender.append(got.times()[k], got.values()[k], starts[k]);
    xor2_decode(appender.bytes(), first, last, again, &starts_again);
    if (again.size() != got.size() || starts != starts_again) std::abort();
    for (size_t k = 0; k < got.size(); ++k) {
        if (again.times()[k] != got.times()[k] ||
            std::bit_cast<uint64_t>(again.values()[k]) != std::bit_cast<uint64_t>(got.values()[k]))
            std::abort();
    }
    return 0;
}
