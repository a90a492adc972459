// Snappy from anywhere: decoding ends with text or a DecodeError; what we encode decodes to the same text.
#include "bytes/snappy.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "bytes/error.h"
#include "wal/sample_snappy.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    std::vector<uint8_t> plain, packed;
    try {
        narthex::snappy_decode({data, size}, 1 << 20, plain);
    } catch (const narthex::DecodeError&) {
    }
    for (auto encode : {narthex::snappy_encode, narthex::snappy_encode_samples}) {
        packed.clear();
        encode({data, size}, packed);
        narthex::snappy_decode(packed, size, plain);
        if (plain.size() != size || !std::equal(plain.begin(), plain.end(), data)) std::abort();
    }
    return 0;
}
