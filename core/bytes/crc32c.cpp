#include "bytes/crc32c.h"

#include <array>
#include <cstring>

namespace narthex {

namespace {

constexpr std::array<std::array<uint32_t, 256>, 8> kTables = [] {
    std::array<std::array<uint32_t, 256>, 8> t{};
    for (uint32_t i = 0; i < 256; ++i) {
        uint32_t c = i;
        for (int k = 0; k < 8; ++k) c = c & 1 ? c >> 1 ^ 0x82f63b78u : c >> 1;
        t[0][i] = c;
    }
    for (uint32_t i = 0; i < 256; ++i)
        for (size_t k = 1; k < 8; ++k) t[k][i] = t[k - 1][i] >> 8 ^ t[0][t[k - 1][i] & 0xff];
    return t;
}();

uint32_t portable(const uint8_t* p, size_t n, uint32_t c) {
    for (; n >= 8; p += 8, n -= 8) {
        uint64_t w;
        std::memcpy(&w, p, 8);
        w ^= c;
        c = 0;
        for (size_t k = 0; k < 8; ++k) c ^= kTables[7 - k][w >> (8 * k) & 0xff];
    }
    for (; n > 0; ++p, --n) c = c >> 8 ^ kTables[0][(c ^ *p) & 0xff];
    return c;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) uint32_t hardware(const uint8_t* p, size_t n, uint32_t c) {
    uint64_t wide = c;
    for (; n >= 8; p += 8, n -= 8) {
        uint64_t w;
        std::memcpy(&w, p, 8);
        wide = __builtin_ia32_crc32di(wide, w);
    }
    c = static_cast<uint32_t>(wide);
    for (; n > 0; ++p, --n) c = __builtin_ia32_crc32qi(c, *p);
    return c;
}
#endif

}  // namespace

uint32_t crc32c(std::span<const uint8_t> data, uint32_t seed) {
    uint32_t c = ~seed;
#if defined(__x86_64__)
    static const bool fast = __builtin_cpu_supports("sse4.2");
    if (fast) return ~hardware(data.data(), data.size(), c);
#endif
    return ~portable(data.data(), data.size(), c);
}

}  // namespace narthex
