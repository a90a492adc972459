// XOR chunks from anywhere: decoding ends with samples or a DecodeError.
#include <cstdint>
#include <limits>
#include <vector>

#include "bytes/error.h"
#include "chunk/xor.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    std::vector<int64_t> ts;
    std::vector<double> vs;
    try {
        narthex::xor_decode({data, size}, std::numeric_limits<int64_t>::min(),
                            std::numeric_limits<int64_t>::max(), ts, vs);
    } catch (const narthex::DecodeError&) {
    }
    return 0;
}
